"""Where letters of a queue came from, in the console: what the list says, the keys and the plan use."""

from __future__ import annotations

from mqtui.domain.capability import Verb
from mqtui.domain.field_table import string
from mqtui.domain.figure import exact
from mqtui.domain.message import Outgoing
from mqtui.services.deadletters import DeadLetterDestination
from mqtui.services.redrive.request import RedriveRequest
from mqtui.ui.screens.dead_letters.causes import CausesScreen
from mqtui.ui.screens.redrive.review import PlanReviewScreen
from tests.memory import MemoryWorld
from tests.ui.messages_stage import opened

TARGET = "amqp://memory:5672"


async def test_the_pair_of_a_cause_and_the_plan_are_what_its_letters_name() -> None:
    """C23, C24: one error queue of all; the radar knows no origin, the letters do."""
    world = MemoryWorld()
    server = world.rabbitmq()
    sales, error = server.declare("sales"), server.declare("error")
    headers = (
        ("NServiceBus.FailedQ", string("sales"), "string"),
        ("NServiceBus.ExceptionInfo.Message", string("no stock"), "string"),
    )
    for _ in range(2):
        server.store(Outgoing(error, b"1", headers=headers))
    async with opened(world, TARGET, error) as stage:
        await stage.console.show(
            CausesScreen(stage.broker_session, DeadLetterDestination(error, exact(2), (), "its name"))
        )
        await stage.see("PRICE")
        await stage.press("enter")
        await stage.see("no stock")
        await stage.press("p")
        await stage.until(lambda: getattr(stage.place, "ref", None) == sales, "the queue that the letters name")
        await stage.console.show(PlanReviewScreen(stage.broker_session, RedriveRequest(Verb.REDRIVE, error)))
        await stage.see("deliver 2 to queue:sales")
        assert [sent.value for sent in server.ready(error)] == [b"1", b"1"]
