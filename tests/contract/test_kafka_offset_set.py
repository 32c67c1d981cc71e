"""The set of handled offsets of a partition: as a set of numbers would be, and nearly free where all are handled."""

from __future__ import annotations

import random
import tracemalloc

from mqtui.brokers.kafka.redrive.handled_offsets import SEGMENT_SIZE, OffsetSet
from mqtui.brokers.kafka.redrive.state_topic import TopicProgress

SEED = 20261130


def of_records(found: OffsetSet) -> OffsetSet:
    """The set as another process reads it from the state topic."""
    read = OffsetSet()
    for segment in found.changed_segments:
        read.decode(segment, *found.encode(segment))
    return read


def test_it_is_a_set_of_numbers_before_and_after_the_state_topic() -> None:
    dice = random.Random(SEED)
    end = 3 * SEGMENT_SIZE
    for _ in range(6):
        found, numbers = OffsetSet(), set[int]()
        for _ in range(dice.randrange(1, 6)):
            first = dice.choice((0, SEGMENT_SIZE, SEGMENT_SIZE - 1, dice.randrange(end)))
            last = min(end, first + dice.choice((1, 2, SEGMENT_SIZE, SEGMENT_SIZE + 1, dice.randrange(1, end))))
            found.add_range(first, last)
            numbers.update(range(first, last))
            gone = [dice.randrange(end) for _ in range(3)]
            found.remove(gone)
            numbers.difference_update(gone)
        for offsets in (found, of_records(found)):
            low = dice.randrange(end)
            assert offsets.count(low, end) == sum(low <= number < end for number in numbers), SEED
            spans = list(offsets.spans_from(low))
            assert {at for span in spans for at in range(*span)} == {at for at in numbers if at >= low}, SEED
            assert offsets.watermark(low) == next(at for at in range(low, end + 1) if at not in numbers), SEED
            assert all(offsets.contains(number) == (number in numbers) for number in range(low, min(low + 999, end)))


def test_a_gap_of_a_billion_offsets_takes_little_memory() -> None:
    """A compacted or trimmed topic: the gap can never be read, so it counts as handled."""
    tracemalloc.start()
    found = OffsetSet()
    found.add_range(17, 1_000_000_017)
    read = of_records(found)
    progress = TopicProgress({0: read})
    handled = progress.to_handled({0: 0})
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16_000_000
    assert list(handled.above[0].spans()) == [(17, 1_000_000_017)]
    for offsets in (found, read):
        assert offsets.count(0, 2_000_000_000) == 1_000_000_000
        assert offsets.watermark(17) == 1_000_000_017
        assert not offsets.contains(16)
