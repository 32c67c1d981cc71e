"""A canary that nobody reads, and one that does not get on: the console holds, says why, and goes on when told to."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from mqtui.services.redrive.parse_request import build_stages
from mqtui.services.redrive.run import monitor
from mqtui.ui.screens.redrive import review
from tests.brokers import Brokers
from tests.ui.driver import User, at_console
from tests.ui.story_shop import FINDING, console

pytestmark = pytest.mark.timeout(180)

LETTERS = 5


class Payments:
    """A stream, and its dead letters in one of the same slot."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.home = f"payments-{uuid.uuid4().hex[:6]}"
        self.dead = f"{self.home}:dlq"
        self.client = redis.Redis.from_url(url)
        self.client.xadd(self.home, {"payment": "paid"})
        for number in range(LETTERS):
            origin = {"dlq_stream": self.home, "dlq_id": "1-1", "dlq_group": "ledger"}
            letter: dict[Any, Any] = {"payment": number, "dlq_exception": "shop.CardDeclined", "dlq_reason": "declined"}
            self.client.xadd(self.dead, letter | origin)

    def close(self) -> None:
        self.client.delete(self.home, self.dead)
        self.client.close()


@pytest.fixture
def payments(brokers: Brokers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Payments]:
    monkeypatch.setattr(monitor, "STABLE_SECONDS", 2.0)
    made = Payments(brokers.redis())
    yield made
    made.close()


async def sends_the_first(user: User, payments: Payments) -> None:
    """From the dead letters to the run of the first one."""
    await user.is_at("CausesScreen", FINDING).on_row("CardDeclined", FINDING).presses("R").is_at("PlanReviewScreen")
    await user.sees("nothing has happened yet", within=FINDING)


async def test_a_canary_nobody_reads(payments: Payments) -> None:
    async with at_console(console(payments.url, payments.dead)) as user:
        await sends_the_first(user, payments)
        await user.sees(f"no consumer reads {payments.home}").presses("enter").is_at("RunScreen")
        await user.sees("passed no consumer", f"held: no consumer reads {payments.home}", within=FINDING)
        await user.reads_in_prompt("not seen to pass: enter goes on with 4 all the same")
        assert payments.client.xlen(payments.dead) == LETTERS - 1
        await user.presses("S").sees("1 moved", within=FINDING).reads_in_prompt("○ stopped: redrive")
    assert payments.client.xlen(payments.dead) == LETTERS - 1
    assert payments.client.xlen(payments.home) == 2


async def test_a_stage_that_waits(payments: Payments, monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer that is there takes the entry and never acknowledges it; the user lets the rest go all the same."""
    monkeypatch.setattr(review, "DEFAULT_STAGES", build_stages((1,), None, 4_000))
    payments.client.xgroup_create(payments.home, "ledger", "$")
    payments.client.xgroup_createconsumer(payments.home, "ledger", "worker-1")
    async with at_console(console(payments.url, payments.dead)) as user:
        await sends_the_first(user, payments)
        await user.presses("enter").is_at("RunScreen").sees("moved 1", within=FINDING)
        payments.client.xreadgroup("ledger", "worker-1", {payments.home: ">"})
        await user.sees("did not pass ledger", "held: 1 of 1 did not pass", "ledger is", within=FINDING)
        await user.presses("enter").sees(f"moved {LETTERS}", within=FINDING)
    assert payments.client.xlen(payments.dead) == 0
