"""C13: a broker may requeue what a killed process held only after the resume has read the source."""

from __future__ import annotations

import pytest

from mqtui.state.journal import Journal
from tests.services.memory_fixtures import RabbitMQFixture
from tests.services.redrive_operator import Operator, last_run, small_batches
from tests.services.test_redrive_crashes import settled

COUNT = 11


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> RabbitMQFixture:
    """A run that was killed at its seventh letter, with three in flight that nobody has requeued yet."""
    small_batches(monkeypatch, 3)
    broker = RabbitMQFixture()
    broker.add_dead_letters(range(COUNT))
    return broker


async def test_letters_that_are_requeued_late_are_moved(killed: RabbitMQFixture) -> None:
    """They are met when the source is read again."""
    operator = Operator(killed)
    killed.server.faults.late_requeues = 1
    assert await operator.is_killed_during(operator.run, 7)
    assert killed.server.queues[killed.source.name].unacked and not killed.unhandled()
    settled(killed, await operator.resume(last_run().id), list(range(COUNT)))


async def test_a_newer_letter_does_not_hide_those_that_are_requeued_late(killed: RabbitMQFixture) -> None:
    """It stays, and ends the reading that it comes first in; of the letters of the plan none is unknown."""
    operator = Operator(killed)
    killed.server.faults.late_requeues = 1
    assert await operator.is_killed_during(operator.run, 7)
    killed.add_dead_letters([99])
    result = await operator.resume(last_run().id)
    assert (result.moved + result.left, result.unknown) == (COUNT, 0)
    if result.left:
        result = await operator.resume(last_run().id)
    settled(killed, result, list(range(COUNT)))
    assert killed.unhandled() == [99]


async def test_letters_that_are_still_held_stay_open(killed: RabbitMQFixture) -> None:
    """They are not told as in the bundle and nowhere else: whoever puts them back doubles them."""
    operator = Operator(killed)
    killed.server.faults.late_requeues = 99
    assert await operator.is_killed_during(operator.run, 7)
    in_flight = len(Journal().unfinished_letters(last_run().id))
    result = await operator.resume(last_run().id)
    assert (result.unknown, result.unknowns) == (in_flight, ())
    assert "resume it again" in result.why and "hold 5 of its messages" in result.why
    assert len(Journal().unfinished_letters(last_run().id)) == in_flight
    killed.server.faults.late_requeues = 1
    settled(killed, await operator.resume(last_run().id), list(range(COUNT)))
