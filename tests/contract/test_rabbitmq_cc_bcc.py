"""R14: CC and BCC would route a moved letter again; they are kept under other names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import structs

from mqtui.domain.message import Message
from mqtui.domain.resource import BrokerKind
from mqtui.services.redrive.planning.convert import convert_message
from mqtui.services.redrive.putback.putback import to_outgoing
from tests.contract.rabbitmq_test_client import (
    QUORUM,
    Rabbit,
    adapter,
    lease_options,
    open_lease,
    plan_of,
    queue_ref,
    transfers_to,
    writer,
)

KINDS = [{}, {**QUORUM, "x-delivery-limit": 20}]


@pytest.fixture
def rabbit(rabbitmq_url: str) -> Iterator[Rabbit]:
    opened = Rabbit(rabbitmq_url)
    yield opened
    opened.close()


def dead_letters(rabbit: Rabbit, arguments: dict[str, Any]) -> tuple[str, str, str]:
    """A letter that died in `work` and was published to `audit` too, whose copy was consumed."""
    dlq, audit = rabbit.queue(arguments), rabbit.queue()
    exchange = rabbit.exchange("fanout")
    rabbit.channel.queue_bind(dlq, exchange)
    work = rabbit.queue({"x-dead-letter-exchange": exchange})
    rabbit.publish("", work, b"order", headers={"CC": [audit], "BCC": [audit]})
    rabbit.wait_until_ready(audit, 1)
    rabbit.bodies(audit)
    got: Any = rabbit.channel.basic_get(work)
    rabbit.channel.basic_nack(got[0].delivery_tag, requeue=False)
    rabbit.wait_until_ready(dlq, 1)
    return work, dlq, audit


@pytest.mark.parametrize("arguments", KINDS)
async def test_a_moved_letter_goes_to_its_target_alone(rabbit: Rabbit, arguments: dict[str, Any]) -> None:
    work, dlq, audit = dead_letters(rabbit, arguments)
    async with adapter(rabbit.address) as broker:
        snapshot = await broker.broker.snapshot(queue_ref(dlq))
        plan = await broker.broker.check_plan(snapshot, plan_of(snapshot, queue_ref(work)))
        assert "x-mqtui-cc" in dict(plan.facts)["copies"]
        async with writer(broker).lease(snapshot, lease_options()) as lease:
            async for batch in lease.batches(10):
                await lease.move(transfers_to(list(batch), queue_ref(work)))
    ((_, properties, _),) = rabbit.drain(work)
    assert properties.headers["x-mqtui-cc"] == [audit]
    assert "CC" not in properties.headers
    assert rabbit.ready(audit) == 0
    rabbit.publish("", dlq, b"again", headers=properties.headers)
    rabbit.wait_until_ready(dlq, 1)
    async with open_lease(rabbit, dlq, lease_options()) as lease:
        async for batch in lease.batches(10):
            await lease.move(transfers_to(list(batch), queue_ref(work)))
    ((_, properties, _),) = rabbit.drain(work)
    assert properties.headers["x-mqtui-cc"] == [audit], "kept by the next move"


async def test_put_back_and_another_broker_send_no_copies_either(rabbit: Rabbit) -> None:
    """And `publish --jsonl` does: a line with CC is its writer's own wish, sent byte for byte (C1)."""
    work, dlq, audit = dead_letters(rabbit, {})
    letters: list[Message] = []
    async with open_lease(rabbit, dlq, lease_options()) as lease:
        async for batch in lease.batches(10):
            letters += batch
            await lease.settle(batch)
    (letter,) = letters
    back = to_outgoing(letter)
    over = structs.replace(convert_message(back, BrokerKind.RABBITMQ, BrokerKind.RABBITMQ), target=queue_ref(work))
    foreign = structs.replace(over, headers=(("CC", audit.encode(), ""),))
    async with adapter(rabbit.address) as broker, writer(broker).publisher() as publisher:
        await publisher.send([back, over, convert_message(foreign, BrokerKind.KAFKA, BrokerKind.RABBITMQ)])
        rabbit.wait_until_ready(dlq, 1)
        rabbit.wait_until_ready(work, 2)
        assert rabbit.ready(audit) == 0
        await publisher.send([structs.replace(over, headers=letter.headers)])
        rabbit.wait_until_ready(work, 3)
        assert rabbit.ready(audit) == (1 if any(name == "CC" for name, _, _ in letter.headers) else 0)
