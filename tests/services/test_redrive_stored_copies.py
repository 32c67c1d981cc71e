"""Where copies lie, in whatever order their places are told."""

from __future__ import annotations

import random

import pytest

from mqtui.services.redrive.run.stored_copies import PartitionCopies

MOST = 200


@pytest.mark.parametrize("seed", range(200))
def test_copies_are_ordered_whatever_order_they_come_in(seed: int) -> None:
    dice = random.Random(seed)
    copies, known = PartitionCopies(), list[int]()
    for _ in range(dice.randrange(30)):
        told = [dice.randrange(MOST) for _ in range(dice.randrange(20))]
        copies.add_offsets(told)
        single = dice.randrange(MOST)
        copies.add((single, 0))
        known += [*told, single]
    place = dice.randrange(MOST)
    assert [copies[at][0] for at in range(len(copies))] == sorted(known)
    assert copies.count_before((place, 0)) == sum(offset < place for offset in known)
    assert ((place, 0) in copies) is (place in known)
    assert not known or copies.last == (max(known), 0)
