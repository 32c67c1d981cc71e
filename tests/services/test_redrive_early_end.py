"""R8: letters of the snapshot that a walk could not come to are left, with the reason, and the run is not whole."""

from __future__ import annotations

from tests.services.memory_fixtures import RabbitMQFixture
from tests.services.redrive_operator import Operator


async def test_letters_that_died_after_the_plan_are_left_and_said() -> None:
    """Somebody took two of five, and two others died since: the walk ends at them, and they are not `skipped`."""
    broker = RabbitMQFixture()
    broker.add_dead_letters(range(5))
    operator = Operator(broker)
    planned = await operator.plan()
    queue = broker.server.queue(broker.source)
    for _ in range(2):
        assert broker.server.take(queue) is not None
    broker.add_dead_letters(range(5, 7))
    result = await operator.run_planned(planned)
    assert (result.planned, result.moved, result.left, result.skipped) == (5, 3, 2, 0)
    assert result.reasons == (("died after the plan, by the broker's clock", 2),)
    assert not result.whole
    assert broker.unhandled() == [5, 6]
