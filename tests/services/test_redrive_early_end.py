"""R8: letters of the snapshot that a walk could not come to are left, with the reason, and the run is not whole."""

from __future__ import annotations

from tests.services.grounds import RabbitMQGround
from tests.services.operator import Operator


async def test_letters_that_died_after_the_plan_are_left_and_said() -> None:
    """Somebody took two of five, and two others died since: the walk ends at them, and they are not `skipped`."""
    ground = RabbitMQGround()
    ground.put(range(5))
    operator = Operator(ground)
    planned = await operator.plan()
    queue = ground.server.queue(ground.source)
    for _ in range(2):
        assert ground.server.take(queue) is not None
    ground.put(range(5, 7))
    result = await operator.run_planned(planned)
    assert (result.planned, result.moved, result.left, result.skipped) == (5, 3, 2, 0)
    assert result.reasons == (("died after the plan, by the broker's clock", 2),)
    assert not result.whole
    assert ground.left() == [5, 6]
