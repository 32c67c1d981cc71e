"""Previews of `mqtui offsets` beside Kafka's own dry run, on random cases: `python -m tests.beside.offset_resets`.

It starts a Kafka of its own. Each call of the tool is for four groups, so that five of them make twenty cases.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from datetime import UTC, datetime

from mqtui.brokers.optional_port import SetsGroupOffsets
from mqtui.domain.group_offsets import OffsetTarget, Shift
from mqtui.domain.message import Offset
from mqtui.domain.read_range import At, Edge, Since
from tests.brokers import Brokers
from tests.contract.kafka_cluster import KafkaCluster
from tests.contract.test_kafka_offsets import by_tool, commit

PARTITIONS, GROUPS = 3, 4


async def compare(kafka: KafkaCluster, seed: int) -> int:
    """The number of cases that are alike; all of them, or it fails."""
    dice, adapter, alike = random.Random(seed), kafka.adapter(), 0
    broker = adapter.broker
    assert isinstance(broker, SetsGroupOffsets)
    ref = kafka.topic("work", PARTITIONS)
    kafka.fill(ref, 60, partitions=PARTITIONS)
    await asyncio.sleep(0.05)
    middle = int(time.time() * 1000)
    await asyncio.sleep(0.05)
    kafka.fill(ref, 30, partitions=PARTITIONS)
    iso = datetime.fromtimestamp(middle / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    shift, offset = dice.randint(-20, 20), dice.randint(0, 40)
    cases: list[tuple[OffsetTarget, tuple[str, ...]]] = [
        (Edge.OLDEST, ("--to-earliest",)),
        (Edge.NEWEST, ("--to-latest",)),
        (Shift(shift), ("--shift-by", str(shift))),
        (At(Offset(-1, offset)), ("--to-offset", str(offset))),
        (Since(middle), ("--to-datetime", iso)),
    ]
    for number, (target, words) in enumerate(cases):
        groups = [
            await commit(
                kafka, f"{kafka.prefix}.{number}.{each}", ref, [dice.randint(0, 30) for _ in range(PARTITIONS)]
            )
            for each in range(GROUPS)
        ]
        theirs = by_tool(kafka, ref, groups, *words)
        assert len(theirs) == GROUPS * PARTITIONS
        for group in groups:
            preview = await broker.preview_offsets(group, ref, target)
            ours = {
                (group.name, move.partition): move.after.offset
                for move in preview.moves
                if isinstance(move.after, Offset)
            }
            assert ours == {key: at for key, at in theirs.items() if key[0] == group.name}, (words, ours, theirs)
            alike += 1
    await adapter.close()
    return alike


def main() -> None:
    """Compare, and print how many cases are alike."""
    brokers = Brokers()
    try:
        kafka = KafkaCluster(brokers.kafka())
        seed = int(sys.argv[1]) if len(sys.argv) > 1 else 15
        print(json.dumps({"seed": seed, "alike": asyncio.run(compare(kafka, seed))}))
        kafka.close()
    finally:
        brokers.close()


if __name__ == "__main__":
    main()
