"""Letters that left their source by another hand: moved only where it is proven, else named with the way back (C13)."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from mqtui.domain.resource import BrokerKind, Ref
from tests.cli.broker_fixtures import BrokerFixture, BrokerFixtureOn, RabbitMQDeadLetters, run_result, wait_until
from tests.cli.command_line import Mqtui

MANY = 1_500
RATE = 500
HELD_FOR = 4
"""Seconds: longer than a resume needs to start and to read an empty queue."""


def killed_when_a_third_is_home(mqtui: Mqtui, broker: BrokerFixture) -> tuple[Ref, Ref]:
    """A redrive of `MANY` letters that is killed on its way; its dead letters and their home."""
    dlq, origin = broker.create_pair(0)
    broker.world.put(dlq, [broker.dead_letter(number, origin) for number in range(MANY)])
    to = ("--to", origin.name) if broker.kind is BrokerKind.RABBITMQ else ()
    process = mqtui.start("redrive", broker.url, dlq.name, *to, "--rate", RATE, "--yes", "--json")
    wait_until(lambda: broker.world.depth(origin) > MANY // 3)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    return dlq, origin


def test_killed_then_emptied_by_somebody_else(mqtui: Mqtui, broker: BrokerFixture) -> None:
    """C31: what nobody can prove to be at home is unknown, and put back gives it back; on all three brokers."""
    dlq, origin = killed_when_a_third_is_home(mqtui, broker)
    (run,) = mqtui("runs", "--json").ok().rows()
    broker.wait_until_requeued(dlq)
    broker.empty(dlq)
    home = len(broker.numbers(origin))
    done = mqtui("runs", "resume", run["run"], "--yes", "--json", within=120).fails(1)
    told = run_result(done)
    assert len(broker.numbers(origin)) == home
    assert told["moved"] <= home
    assert told["unknown"] <= run["in_flight"]
    assert told["moved"] + told["unknown"] + told["skipped"] == told["planned"] == MANY
    assert told["skipped"] > 0
    named = [row["letter"] for row in done.rows() if row.get("outcome") == "unknown"]
    assert len(named) == told["unknown"]
    shown = mqtui("runs", "show", run["run"], "--json").ok().rows()[:-1]
    unknown = [row for row in shown if row["outcome"] == "unknown"]
    assert len(unknown) == told["unknown"]
    assert all(row["reason"] for row in unknown)
    if broker.kind is BrokerKind.KAFKA:
        return
    plan, *_, back = mqtui("runs", "putback", run["run"], "--yes", "--json", within=120).ok().rows()
    assert ("unknown" in {risk["name"] for risk in plan["plan"]["risks"]}) is bool(unknown)
    assert back["moved"] == told["moved"] + told["unknown"]
    assert back["duplicates_suspected"] == told["unknown"]
    assert len(broker.numbers(dlq)) == back["moved"]


def test_letters_that_a_connection_holds_while_the_resume_reads(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    """C13: requeued seconds later they are moved, as suspects at most; nobody is told to put them back."""
    dlq, origin = killed_when_a_third_is_home(mqtui, rabbitmq)
    assert isinstance(rabbitmq.world, RabbitMQDeadLetters)
    rabbitmq.wait_until_requeued(dlq)
    with rabbitmq.world.holding_all(dlq):
        resume = mqtui.start("runs", "resume", "--yes", "--json")
        sleep(HELD_FOR)
        assert resume.poll() is None
    code, rows, err = told_by(resume)
    told = rows[-1]
    assert told["unknown"] == 0, err
    if told["left"]:
        rabbitmq.wait_until_requeued(dlq)
        code, rows, err = told_by(mqtui.start("runs", "resume", told["run"], "--yes", "--json"))
    assert (code, rows[-1]["moved"], rows[-1]["unknown"]) == (0, MANY, 0), f"{told}\n{rows[-1]}\n{err}"
    seen = Counter(rabbitmq.numbers(origin))
    assert set(seen) == set(range(MANY))
    assert sum(seen.values()) - MANY <= rows[-1]["duplicates_suspected"]


def colleague_of(mqtui: Mqtui, folder: Path) -> Mqtui:
    """Another operator, with a journal of their own."""
    found = Mqtui(folder / "colleague", mqtui.bundle_key)
    found.folder.mkdir()
    return found


def told_by(process: Any) -> tuple[int, list[dict[str, Any]], str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, [json.loads(line) for line in out.splitlines()], err.decode()


@pytest.mark.parametrize(("source", "target"), [("redis", "kafka"), ("redis", "rabbitmq"), ("rabbitmq", "redis")])
def test_two_operators_across_brokers(
    mqtui: Mqtui, broker_on: BrokerFixtureOn, tmp_path: Path, source: str, target: str
) -> None:
    """Whatever both of them stored is named by one of them, and that one does not end with 0."""
    one, other = broker_on(source), broker_on(target)
    dlq, origin = one.world.create("dead"), one.world.create("home")
    one.world.put(dlq, [one.dead_letter(number, origin) for number in range(120)])
    over = other.world.create("over")
    words = ("redrive", one.url, dlq.name, "--to", over.name, "--to-target", other.url, "--yes", "--json")
    first = mqtui.start(*words, "--rate", 30)
    wait_until(lambda: other.world.depth(over) > 0)
    shared = ("--yes-shared",) if source == "rabbitmq" else ()
    second = colleague_of(mqtui, tmp_path).start(*words, *shared)
    ends = [told_by(second), told_by(first)]
    assert all("Traceback" not in err for _, _, err in ends)
    there = other.numbers(over)
    assert set(there) == set(range(120))
    suspects = sum(rows[-1]["duplicates_suspected"] for _, rows, _ in ends)
    assert len(there) - 120 <= suspects
    assert sum(rows[-1]["moved"] for _, rows, _ in ends) == len(there)
    if suspects:
        assert any(code == 1 for code, _, _ in ends)
