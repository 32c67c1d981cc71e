"""Redis's rows: each stream's length, each group's lag and pending entries, beside XINFO, and the cases of streams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import redis

from mqtui.domain.figure import exact
from mqtui.domain.resource import name_bytes, name_text
from tests.beside.ours import Ours
from tests.beside.rows import Place, Row
from tests.cli.command_line import Mqtui
from tests.contract.redis_server import RedisServer

WRONG, TRIMMED, HELD, EMPTY = "C47", "D7", "C50", "C36"


class RedisCases:
    """Streams of the cases; `held` entries are in the hands of one consumer."""

    def __init__(self, url: str, held: int) -> None:
        self.stage = RedisServer(url)
        self.case_of: dict[str, str] = {}
        self._fill(held)

    def _name(self, case: str) -> str:
        name = self.stage.name(case.lower())
        self.case_of[name] = case
        return name

    def _fill(self, held: int) -> None:
        call = self.stage.call
        wrong = self._name(WRONG)
        call("XADD", wrong, "*", "a", "b")
        for group, start, read_entries in (("g", "$", 100), ("h", "0", 61), ("i", "$", 0)):
            call("XGROUP", "CREATE", wrong, group, start, "ENTRIESREAD", read_entries)
        for _ in range(60):
            call("XADD", wrong, "*", "a", "b")
        trimmed = self.stage.stream("", 500, name=self._name(TRIMMED))
        self.stage.group(trimmed, "g", take=100)
        middle = self.stage.rows(trimmed)[250][0]
        call("XGROUP", "CREATE", trimmed.name, "nil", middle)
        call("XTRIM", trimmed.name, "MAXLEN", 300)
        work = self.stage.stream("", held, name=self._name(HELD))
        call("XGROUP", "CREATE", work.name, "g", "0")
        while call("XREADGROUP", "GROUP", "g", "one", "COUNT", 1_000, "STREAMS", work.name, ">"):
            pass

    def close(self) -> None:
        self.stage.close()


def without_groups(url: str, mqtui: Mqtui) -> Iterator[Row]:
    """C36: a database in which no group is left."""
    empty = f"{url.removesuffix('/0').rstrip('/')}/9"
    client = redis.Redis.from_url(empty)
    told = f"{client.dbsize()} keys"
    client.close()
    done = mqtui("lag", empty, "--fail", 10)
    yield Place(EMPTY, "an empty database", "lag --fail 10").expect(
        f"exit {done.code}: {done.err.strip()}", told, ["exit 1", "no group"]
    )


def compare_redis(ours: Ours, client: Any, case_of: Mapping[str, str]) -> Iterator[Row]:
    """XINFO STREAM, XINFO GROUPS, and entries behind a group's place counted by reading them."""
    for name, row in sorted(ours.rows.items()):
        key = name_bytes(name)
        length = client.xinfo_stream(key)["length"]
        yield Place(case_of.get(name, "demo"), name, "messages").compare(row.messages, length)
        told = client.xinfo_groups(key)
        behind = {}
        for one in told:
            group = f"{name}/{name_text(one['name'])}"
            at = one["last-delivered-id"]
            behind[group] = len(client.xrange(key, min=b"(" + at, max="+"))
            place = Place(case_of.get(name, "demo"), group, "lag")
            yield place.compare(ours.lags[group].total, one["lag"], behind[group])
            pending = Place(case_of.get(name, "demo"), group, "pending")
            yield pending.compare(ours.groups[group].pending, one["pending"])
        if told:
            lags = [one["lag"] for one in told]
            worst = max(lags) if None not in lags else None
            place = Place(case_of.get(name, "demo"), name, "waiting")
            yield place.compare(row.backlog, worst, max(behind.values()))


def compare_nodes(whole: Ours, part: Ours, nodes: list[Any]) -> Iterator[Row]:
    """C51: a cluster asked as one, and one of its nodes by `redis://`."""
    lengths = [node.dbsize() for node in nodes]
    yield Place("C51", "redis+cluster://", "streams").compare(exact(len(whole.rows)), sum(lengths))
    yield Place("C51", "redis:// of one node", "streams").expect(
        f"{len(part.rows)} {'; '.join(part.missing)}",
        f"{lengths[0]} of {sum(lengths)}",
        ["one node of a Redis Cluster"],
    )
