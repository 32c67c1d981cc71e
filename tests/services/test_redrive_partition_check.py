"""K6: which letters would not come back to the partition they came from. Hashes are those of Kafka's own UtilsTest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mqtui.domain.message import Outgoing
from mqtui.domain.partitioner import murmur2, partition_for
from mqtui.services.redrive.planning import partition_check
from tests.services.grounds import KafkaGround
from tests.services.operator import Operator


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


def letter(ground: KafkaGround, number: int, partition: int) -> Outgoing:
    told = tuple(
        (name, partition.to_bytes(4, "big") if name.endswith("original-partition") else value, kind)
        for name, value, kind in ground.headers(number)
    )
    return replace(ground.letter(number), headers=told)


async def partition_fact(ground: KafkaGround, **chosen: Any) -> str:
    operator = Operator(ground)
    return dict((await operator.plan(operator.order(**chosen))).plan.facts).get("partition", "")


async def test_the_plan_says_how_many_go_elsewhere() -> None:
    ground = KafkaGround()
    for number in range(31):
        right = partition_for(b"k%d" % number, 3)
        ground.server.store(letter(ground, number, (right + 1) % 3 if number < 3 else right))
    assert await partition_fact(ground) == "3 of 31 letters would go to another partition than the one they came from"
    assert await partition_fact(ground, limit=2) == (
        "2 of 2 letters would go to another partition than the one they came from"
    )
    assert await partition_fact(ground, to=ground.make("elsewhere")) == ""


async def test_nothing_is_said_where_all_agree_or_nothing_is_known() -> None:
    ground = KafkaGround()
    for number in range(9):
        ground.server.store(letter(ground, number, partition_for(b"k%d" % number, 3)))
    assert await partition_fact(ground) == ""
    ground.server.store(replace(letter(ground, 9, 0), key=None))
    told = tuple(header for header in ground.headers(10) if not header[0].endswith("original-partition"))
    ground.server.store(replace(ground.letter(10), headers=told))
    assert await partition_fact(ground) == ""


async def test_only_the_first_letters_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_check, "MAX_COMPARED", 5)
    ground = KafkaGround()
    for number in range(9):
        ground.server.store(letter(ground, number, (partition_for(b"k%d" % number, 3) + 1) % 3))
    assert (await partition_fact(ground)).startswith("5 of the first 5 letters")
