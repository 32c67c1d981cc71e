"""A run: what is moved, what stays, and that the outcomes sum up."""

from __future__ import annotations

from mqtui.state.runs import Runs
from tests.services.grounds import Ground
from tests.services.operator import Operator, last, whole


async def test_all_letters_go_home(ground: Ground) -> None:
    ground.put(range(12))
    result = whole(await Operator(ground).run())
    assert (result.planned, result.moved, result.suspects) == (12, 12, ())
    assert sorted(ground.home()) == list(range(12))
    assert ground.left() == []
    record = last()
    assert (record.state, record.planned) == ("done", 12)
    assert Runs().counts(record.id) == {"moved": 12}
    assert Runs().open_marks(record.id) == []
