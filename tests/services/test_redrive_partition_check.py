"""K6: which letters would not come back to the partition they came from. Hashes are those of Kafka's own UtilsTest."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from mqtui.domain.message import Outgoing
from mqtui.domain.partitioner import murmur2, partition_for
from mqtui.services.redrive.planning import partition_check
from tests.services.memory_fixtures import KafkaFixture
from tests.services.redrive_operator import Operator


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2(key: bytes, hashed: int) -> None:
    signed = murmur2(key)
    assert signed - (1 << 32) * (signed >> 31) == hashed
    assert partition_for(key, 7) == (hashed & 0x7FFFFFFF) % 7


def letter(broker: KafkaFixture, number: int, partition: int) -> Outgoing:
    told = tuple(
        (name, partition.to_bytes(4, "big") if name.endswith("original-partition") else value, kind)
        for name, value, kind in broker.headers(number)
    )
    return structs.replace(broker.letter(number), headers=told)


async def partition_fact(broker: KafkaFixture, **chosen: Any) -> str:
    operator = Operator(broker)
    return dict((await operator.plan(operator.request(**chosen))).plan.facts).get("partition", "")


async def test_the_plan_says_how_many_go_elsewhere() -> None:
    broker = KafkaFixture()
    for number in range(31):
        right = partition_for(b"k%d" % number, 3)
        broker.server.store(letter(broker, number, (right + 1) % 3 if number < 3 else right))
    assert await partition_fact(broker) == "3 of 31 letters would go to another partition than the one they came from"
    assert await partition_fact(broker, limit=2) == (
        "2 of 2 letters would go to another partition than the one they came from"
    )
    assert await partition_fact(broker, to=broker.create("elsewhere")) == ""


async def test_nothing_is_said_where_all_agree_or_nothing_is_known() -> None:
    broker = KafkaFixture()
    for number in range(9):
        broker.server.store(letter(broker, number, partition_for(b"k%d" % number, 3)))
    assert await partition_fact(broker) == ""
    broker.server.store(structs.replace(letter(broker, 9, 0), key=None))
    told = tuple(header for header in broker.headers(10) if not header[0].endswith("original-partition"))
    broker.server.store(structs.replace(broker.letter(10), headers=told))
    assert await partition_fact(broker) == ""


async def test_only_the_first_letters_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_check, "MAX_COMPARED", 5)
    broker = KafkaFixture()
    for number in range(9):
        broker.server.store(letter(broker, number, (partition_for(b"k%d" % number, 3) + 1) % 3))
    assert (await partition_fact(broker)).startswith("5 of the first 5 letters")
