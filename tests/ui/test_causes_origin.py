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
from tests.ui.destination_console import open_destination

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
    async with open_destination(world, TARGET, error) as opened:
        await opened.console.show(
            CausesScreen(opened.broker_session, DeadLetterDestination(error, exact(2), (), "its name"))
        )
        await opened.see("PRICE")
        await opened.press("enter")
        await opened.see("no stock")
        await opened.press("p")
        await opened.until(lambda: getattr(opened.screen, "ref", None) == sales, "the queue that the letters name")
        await opened.console.show(PlanReviewScreen(opened.broker_session, RedriveRequest(Verb.REDRIVE, error)))
        await opened.see("deliver 2 to queue:sales")
        assert [sent.value for sent in server.ready(error)] == [b"1", b"1"]
