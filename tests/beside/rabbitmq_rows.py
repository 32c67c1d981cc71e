"""RabbitMQ's rows: ready and all messages of each queue, beside queue.declare and the management API's own list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.beside.ours import Ours
from tests.beside.rows import Place, Row
from tests.contract.rabbitmq_test_client import QUORUM, STREAM, Rabbit, until

DEPTH = "depth"
TAKEN = 3


class RabbitCases:
    """A queue of each type with messages of which some are in a consumer's hands."""

    def __init__(self, url: str) -> None:
        self.rabbit = Rabbit(url)
        self.case_of: dict[str, str] = {}
        self._hands = self.rabbit.connection.channel()
        for arguments in ({}, dict(QUORUM), dict(STREAM), {"x-max-length": 5}):
            queue = self.rabbit.queue(arguments)
            self.case_of[queue] = DEPTH
            for number in range(12):
                self.rabbit.publish("", queue, b"%d" % number)
            if arguments != STREAM:
                for _ in range(TAKEN):
                    self._hands.basic_get(queue)

    def close(self) -> None:
        self._hands.close()
        self.rabbit.close()


def listed(rabbit: Rabbit) -> dict[str, Any]:
    """The management API's list of queues with its own sampled figures."""
    return {row["name"]: row for row in rabbit.management.get("/queues/%2F").json()}


def settle(rabbit: Rabbit, names: Mapping[str, str]) -> dict[str, Any]:
    """The same list, as soon as it knows what queues themselves tell of what is ready."""

    def knows() -> bool:
        rows = listed(rabbit)
        return all(rows[name].get("messages_ready") == rabbit.ready(name) for name in names)

    until(knows, "the management API has sampled every queue")
    return listed(rabbit)


def compare_rabbitmq(ours: Ours, rabbit: Rabbit, told: Mapping[str, Any], case_of: Mapping[str, str]) -> Iterator[Row]:
    """`told` are rows of the management API; a queue's own answer is what is counted."""
    for name, row in sorted(ours.rows.items()):
        if name not in told:
            continue
        case, theirs = case_of.get(name, "demo"), told[name]
        ready = rabbit.ready(name)
        yield Place(case, name, "messages").compare(row.messages, theirs.get("messages"))
        yield Place(case, name, "waiting").compare(row.backlog, theirs.get("messages_ready"), ready)
        yield Place(case, name, "lag").compare(ours.lags[name].total, theirs.get("messages"))


def compare_rate(ours: Ours, told: Mapping[str, Any], name: str) -> Row:
    """C43: what comes into a queue that is emptied as fast as it is filled."""
    rate = (told[name].get("message_stats") or {}).get("publish_details", {}).get("rate")
    return Place("C43", name, "in a second").compare(ours.rows[name].rate_in, None if rate is None else round(rate))
