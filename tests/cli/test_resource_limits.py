"""Programs typed by a user are bounded: jq that never ends, signals, letters that are lent meanwhile."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from time import monotonic

import pytest

from mqtui.domain.resource import BrokerKind
from tests.cli.broker_fixtures import BrokerFixture, run_result, wait_until
from tests.cli.command_line import Mqtui

ENDLESS = "(.number | until(. < 0; . + 1)) < 0"
SOON = 15.0
"""Seconds, on a machine that tests share; alone it takes less than one (`python -m tests.perf.interrupts`)."""

SOMETIMES = "if .number == 13 then until(false; .) else true end"


def ended(running: subprocess.Popen[bytes]) -> tuple[float, str, str]:
    """Seconds it still took, and what it wrote."""
    started = monotonic()
    out, err = running.communicate(timeout=30)
    assert b"Traceback" not in err, err
    return monotonic() - started, out.decode(), err.decode()


def plain(broker: BrokerFixture, count: int) -> tuple[str, str]:
    """Letters that no broker sends home, and where they are to go."""
    dlq, to = broker.world.create("dead"), broker.world.create("to")
    broker.world.put(dlq, [broker.dead_letter(number, to) for number in range(count)])
    return dlq.name, to.name


def test_one_letter_on_which_the_program_never_ends_stays_and_is_named(mqtui: Mqtui, broker: BrokerFixture) -> None:
    dlq, to = plain(broker, 20)
    where = SOMETIMES if not broker.redis else SOMETIMES.replace(".number", ".value.number")
    done = mqtui("redrive", broker.url, dlq, "--to", to, "--where", where, "--yes").ok()
    assert "19 of 19 moved" in done.text
    named = {BrokerKind.KAFKA: "0/13", BrokerKind.RABBITMQ: "letter 14", BrokerKind.REDIS: f"{dlq} "}[broker.kind]
    assert "1 not moved: the jq program took more than 1 s" in done.err
    assert named in done.err
    assert sorted(broker.numbers(broker.world.ref(to))) == [number for number in range(20) if number != 13]


@pytest.mark.parametrize("numbers", [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGINT, signal.SIGTERM)])
def test_a_run_in_an_endless_program_ends_at_once_and_returns_every_letter(
    mqtui: Mqtui, rabbitmq: BrokerFixture, numbers: tuple[signal.Signals, ...]
) -> None:
    dlq, to = plain(rabbitmq, 20)
    running = mqtui.start("redrive", rabbitmq.url, dlq, "--to", to, "--where", ENDLESS, "--yes")
    wait_until(lambda: rabbitmq.world.depth(rabbitmq.world.ref(dlq)) < 20)
    for number in numbers:
        running.send_signal(number)
    seconds, _, err = ended(running)
    assert seconds < SOON, err
    assert running.returncode in (1, 130)
    assert len(numbers) > 1 or "mqtui runs resume" in err
    wait_until(lambda: rabbitmq.world.depth(rabbitmq.world.ref(dlq)) == 20)
    assert rabbitmq.world.depth(rabbitmq.world.ref(to)) == 0
    (run,) = mqtui("runs", "--json").ok().rows()
    assert run["state"] in ("stopped", "failed")
    told = mqtui("redrive", rabbitmq.url, dlq, "--to", to, "--yes", "--json", "--allow", "consumers")
    assert run_result(told)["moved"] == 20


def test_letters_of_a_quorum_queue_are_lent_once_by_a_run_that_is_interrupted(
    mqtui: Mqtui, rabbitmq: BrokerFixture
) -> None:
    dlq, to = rabbitmq.create_quorum_queue(9), rabbitmq.world.create("to")
    rabbitmq.world.put(dlq, [rabbitmq.dead_letter(number, to) for number in range(20)])
    running = mqtui.start("redrive", rabbitmq.url, dlq.name, "--to", to.name, "--where", ENDLESS, "--yes")
    wait_until(lambda: rabbitmq.world.depth(dlq) < 20)
    running.send_signal(signal.SIGTERM)
    seconds, _, err = ended(running)
    assert seconds < SOON, err
    wait_until(lambda: rabbitmq.world.depth(dlq) == 20)
    counts = {dict(letter.headers).get("x-delivery-count", 0) for letter in rabbitmq.world.contents(dlq)}
    assert counts <= {0, 1}


@pytest.mark.parametrize("where", ["def f: f; f", "[range(1e9)] | length > 0"])
def test_a_plan_whose_program_ends_on_no_letter_says_so(mqtui: Mqtui, redis: BrokerFixture, where: str) -> None:
    dlq, to = plain(redis, 30)
    started = monotonic()
    told = mqtui("redrive", redis.url, dlq, "--to", to, "--where", where, "--dry-run")
    told.fails(1, "jq program", "in a row", dlq)
    assert monotonic() - started < 60


def test_a_plan_in_an_endless_program_is_interrupted(mqtui: Mqtui, redis: BrokerFixture) -> None:
    dlq, to = plain(redis, 3)
    running = mqtui.start("redrive", redis.url, dlq, "--to", to, "--where", "def f: f; f", "--dry-run")
    wait_until(lambda: bool(_workers(running.pid)))
    running.send_signal(signal.SIGINT)
    seconds, _, _ = ended(running)
    assert running.returncode == 130
    assert seconds < SOON


def test_no_worker_is_left_behind(mqtui: Mqtui, redis: BrokerFixture) -> None:
    dlq, to = plain(redis, 3)
    running = mqtui.start("redrive", redis.url, dlq, "--to", to, "--where", "def f: f; f", "--dry-run")
    wait_until(lambda: bool(_workers(running.pid)))
    workers = _workers(running.pid)
    running.kill()
    running.communicate()
    wait_until(lambda: not any(map(_alive, workers)), 5)


def _workers(parent: int) -> list[int]:
    """Its children, by /proc: on a busy machine `ps` takes longer than a program has before its time is over."""
    listed = [file.read_text() for file in Path(f"/proc/{parent}/task").glob("*/children")]
    return [int(word) for line in listed for word in line.split()]


def _alive(pid: int) -> bool:
    told = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(told.strip()) and not told.strip().startswith("Z")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_discard_that_is_interrupted_is_told_as_stopped_and_goes_on(
    mqtui: Mqtui, broker: BrokerFixture, number: signal.Signals
) -> None:
    dlq, _ = broker.create_pair(30)
    running = mqtui.start("discard", broker.url, dlq.name, "--rate", 5, "--yes", "--json")
    wait_until(lambda: _journaled(mqtui) > 0)
    running.send_signal(number)
    seconds, out, err = ended(running)
    assert (running.returncode, "mqtui runs resume" in err) == (1, True), err
    assert seconds < SOON
    told = json.loads(out.splitlines()[-1])
    assert 0 < told["moved"] < 30
    assert told["moved"] + told["left"] == 30
    (run,) = mqtui("runs", "--json").ok().rows()
    assert run["state"] == "stopped"
    assert run_result(mqtui("runs", "resume", told["run"], "--yes", "--json").ok())["moved"] == 30
    assert broker.count_unhandled(mqtui, dlq) == 0


def _journaled(mqtui: Mqtui) -> int:
    """Batches whose outcomes the run under way has written; `mqtui runs` would take as long as the run."""
    journal = mqtui.folder / "state" / "runs.sqlite"
    if not journal.exists():
        return 0
    with closing(sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True)) as reading:
        try:
            (batches,) = reading.execute("SELECT count(*) FROM dones").fetchone()
        except sqlite3.OperationalError:
            return 0
        return int(batches)
