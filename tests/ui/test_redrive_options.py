"""Terms as fields and fields as terms; the form of a plan under review."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mqtui.domain.capability import Verb
from mqtui.domain.redrive import Selection
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.services.redrive.request import CanaryStages, RedriveRequest
from mqtui.ui.screens.redrive import options_form
from mqtui.ui.screens.redrive.review import PlanReviewScreen
from tests.ui.driver import at_console
from tests.ui.interrupted_runs import LETTERS, InterruptedRuns
from tests.ui.interrupted_runs import interrupted_runs as interrupted_runs
from tests.ui.memory_shop import MemoryShop

NOW = datetime(2026, 11, 28, 23, 0, tzinfo=UTC)
DLQ = Ref(Kind.TOPIC, "orders.DLQ")
FULL = RedriveRequest(
    Verb.REDRIVE,
    DLQ,
    Selection("9d2e", ".amount == null", 3, 1_795_000_000_000, 1_795_100_000_000, 40),
    Ref(Kind.TOPIC, "orders"),
    "stage/kafka",
    12.5,
    keep_timestamp=True,
    take_over=True,
    shared=True,
    stages=CanaryStages((1, 10), 0.02, 90.0),
)


@pytest.mark.parametrize(
    "order",
    [FULL, RedriveRequest(Verb.REDRIVE, DLQ), RedriveRequest(Verb.DISCARD, DLQ, Selection(limit=3), shared=True)],
    ids=["full", "plain", "discard"],
)
def test_an_order_goes_through_its_fields_unchanged(order: RedriveRequest) -> None:
    held = {field.key: field.value for field in options_form.fields(order, {"held", "newer"}, BrokerKind.KAFKA)}
    assert options_form.read(order, held, BrokerKind.KAFKA, NOW) == options_form.RedriveOptions(
        order, frozenset({"held", "newer"})
    )


def test_fields_without_a_meaning_are_not_there() -> None:
    keys = {field.key for field in options_form.fields(RedriveRequest(Verb.DISCARD, DLQ), (), BrokerKind.REDIS)}
    assert not keys & {"to", "to_target", "partition", "first", "stop_at", "watch", "keep_timestamp", "take_over"}
    assert keys >= {"cause", "where", "limit", "rate", "shared", "allow"}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("partition", "four"),
        ("since", "yesterday"),
        ("limit", "0"),
        ("first", "1,x"),
        ("stop_at", "150%"),
        ("watch", "soon"),
        ("rate", "-1"),
        ("rate", "inf"),
        ("shared", "perhaps"),
    ],
)
def test_what_can_not_be_read_is_a_fault_of_its_field(key: str, text: str) -> None:
    held: dict[str, Any] = {field.key: field.value for field in options_form.fields(FULL, (), BrokerKind.KAFKA)}
    with pytest.raises(options_form.FieldError) as fault:
        options_form.read(FULL, {**held, key: text}, BrokerKind.KAFKA, NOW)
    assert fault.value.key == key
    assert fault.value.cause.title


def test_a_stop_needs_a_watch() -> None:
    order = replace(FULL, stages=CanaryStages())
    with pytest.raises(options_form.FieldError) as fault:
        options_form.read(order, {"stop_at": "5%", "watch": "0s"}, BrokerKind.KAFKA, NOW)
    assert fault.value.key == "stop_at"


async def test_the_plan_follows_its_terms(interrupted_runs: InterruptedRuns) -> None:
    """`E` opens the terms, the command beside follows each field, `ctrl+r` shows the plan they make."""
    async with at_console(interrupted_runs.console("shop")) as user:
        await user.is_at("DestinationsScreen").presses("3").on_row("orders.DLQ").presses("R").is_at("PlanReviewScreen")
        await (
            user.sees("Start with 1")
            .presses("E")
            .is_at("RedriveOptionsScreen")
            .sees("Terms of the redrive", "--canary 1,10")
        )
        form = user.screen.query_one("Form")
        await user.then_calls(lambda: form.query_one("#field-limit").focus()).types("2").sees("--limit 2")
        await user.then_calls(lambda: form.query_one("#field-first").focus()).presses("ctrl+u").sees_no("--canary")
        await user.presses("ctrl+r").is_at("PlanReviewScreen").sees("redrive 2 of 9 letters", "Start with all at once")
        await user.presses("y").until(lambda: "--limit 2" in user.console.clipboard, "has the command")
        assert interrupted_runs.left == LETTERS
        await user.presses("enter").reads_in_prompt("type orders.DLQ to start with all at once")
        await user.types("orders.DLQ").presses("enter").is_at("RunScreen").sees("2 of 2")
    assert interrupted_runs.left == LETTERS - 2


async def test_all_at_once_has_a_key_and_a_confirmation_of_its_own(shop: MemoryShop) -> None:
    """`F` plans without a first letter, again with one; the letters' own name is typed on an open profile too."""
    shop.profiles()
    async with at_console(shop.console("dev")) as user:
        await user.on_row("orders.DLQ").presses("R").is_at("PlanReviewScreen").sees("Start with 1")
        await user.presses("ctrl+r").reads_in_prompt("ctrl+r does nothing here").sees("Start with 1")
        await user.presses("F").sees("Start with all at once").presses("F").sees("Start with 1")
        await user.presses("F").sees("Start with all at once").presses("enter").reads_in_prompt("type orders.DLQ")
        await user.types("dev").presses("enter").reads_in_prompt("that was not orders.DLQ").is_at("PlanReviewScreen")
        await user.presses("enter").reads_in_prompt("type orders.DLQ").types("orders.DLQ").presses("enter")
        await user.is_at("RunScreen").sees("moved 31")


async def test_faults_stand_under_their_field_and_esc_leaves_the_plan(interrupted_runs: InterruptedRuns) -> None:
    """A term that can't be, a destination that is not there: nothing goes back to the plan."""
    async with at_console(interrupted_runs.console("shop")) as user:
        await user.is_at("DestinationsScreen").presses("3").on_row("orders.DLQ").presses("R").is_at("PlanReviewScreen")
        await user.sees("Start with 1").presses("E").is_at("RedriveOptionsScreen")
        form = user.screen.query_one("Form")
        await user.then_calls(lambda: form.query_one("#field-rate").focus()).types("fast").sees("Not a number: 'fast'")
        await user.presses("ctrl+r").reads_in_prompt("Not a number").is_at("RedriveOptionsScreen")
        await user.presses("ctrl+u").then_calls(lambda: form.query_one("#field-to").focus()).types("nowhere")
        await user.presses("ctrl+r").reads_in_prompt("nowhere").is_at("RedriveOptionsScreen")
        await user.presses("esc").is_at("PlanReviewScreen").sees("Start with 1").sees_no("nowhere")


async def test_a_refused_risk_is_let_through_by_its_name(shop: MemoryShop) -> None:
    """Somebody reads the letters along: the plan says which name lets that through, and with it the run starts."""
    shop.profiles()
    shop.rabbitmq.queues["work.invoices.dlq"].consumers.append("somebody")
    async with at_console(shop.console("dev")) as user:
        await user.on_row("orders.DLQ").sees("work.invoices.dlq").moves_to("work.invoices.dlq").presses("R")
        await (
            user.is_at("PlanReviewScreen")
            .sees("nothing can be started like this")
            .reads_in_prompt("E accepts the risk shared")
        )
        await (
            user.presses("enter")
            .reads_in_prompt("has consumers")
            .is_at("PlanReviewScreen")
            .presses("E")
            .is_at("RedriveOptionsScreen")
        )
        form = user.screen.query_one("Form")
        await user.then_calls(lambda: form.query_one("#field-shared").focus()).types("yes").sees("--yes-shared")
        await user.then_calls(lambda: form.query_one("#field-allow").focus()).types("shared").sees("--allow shared")
        await user.presses("ctrl+r").is_at("PlanReviewScreen").sees("Start with 1").presses("enter").is_at("RunScreen")
        await user.sees("moved 1")


async def test_a_plan_is_saved_for_the_command_line(interrupted_runs: InterruptedRuns, tmp_path: Path) -> None:
    """`x` writes what `--plan FILE` compares with: the plan by its hash."""
    file = tmp_path / "plan.json"
    async with at_console(interrupted_runs.console("shop")) as user:
        await user.is_at("DestinationsScreen").presses("3").on_row("orders.DLQ").presses("R").is_at("PlanReviewScreen")
        await user.sees("Start with 1").presses("x").until(lambda: user.screen.prompt_line.is_asking, "is asked")
        await user.presses("ctrl+u").types(str(file)).presses("enter").reads_in_prompt("1 plan,")
        assert isinstance(user.screen, PlanReviewScreen)
        assert user.screen.planned is not None
        assert json.loads(file.read_bytes())["hash"] == user.screen.planned.plan.hash
