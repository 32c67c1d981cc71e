"""Spans of offsets are a set of numbers, whatever their order and however long."""

from __future__ import annotations

import random

from mqtui.domain.offset_spans import NO_OFFSETS, OffsetSpans

SEED = 20261201
WORLDS = 300
BILLION = 1_000_000_000


def test_spans_are_a_set_of_numbers() -> None:
    dice = random.Random(SEED)
    for _ in range(WORLDS):
        spans = [(dice.randrange(60), dice.randrange(60)) for _ in range(dice.randrange(12))]
        first, end = dice.randrange(60), dice.randrange(60)
        offsets = OffsetSpans.of(spans)
        numbers = {number for begin, last in spans for number in range(begin, last)}
        assert {number for number in range(-1, 70) if number in offsets} == numbers, spans
        assert len(offsets) == len(numbers), spans
        assert offsets.count(first, end) == len(numbers & set(range(first, end))), (spans, first, end)
        assert OffsetSpans.of(offsets.spans()) == OffsetSpans.of_offsets(numbers) == offsets, spans


def test_a_billion_offsets_are_one_span() -> None:
    offsets = OffsetSpans.of([(7, BILLION), (BILLION, 2 * BILLION)])
    assert list(offsets.spans()) == [(7, 2 * BILLION)]
    assert len(offsets) == 2 * BILLION - 7
    assert BILLION in offsets
    assert 6 not in offsets
    assert not NO_OFFSETS
