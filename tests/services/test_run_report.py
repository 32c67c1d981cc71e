"""The journal of runs, for a reader."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from mqtui.domain.errors import BrokerTrouble
from mqtui.domain.message import Outgoing
from mqtui.domain.redrive import Outcome
from mqtui.machine.process import host, operator
from mqtui.services import run_report
from mqtui.state.journal import Journal
from tests.services.memory_fixtures import MemoryFixture, RabbitMQFixture
from tests.services.redrive_operator import Operator, last_run, small_batches


async def test_a_run_that_is_done(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(5))
    result = await Operator(broker).run()
    journal, record = Journal(), last_run()
    row = run_report.run_row(journal, record)
    assert (row["run"], row["short"], row["state"]) == (result.run, result.run[:4].upper(), "done")
    assert (row["verb"], row["source"], row["broker"]) == ("redrive", broker.source.name, broker.kind)
    assert (row["operator"], row["host"]) == (operator(), host())
    assert (row["planned"], row["outcomes"], row["in_flight"]) == (5, {"moved": 5}, 0)
    assert row["result"]["moved"] == 5
    assert row["started"] <= row["ended"]
    letters = [run_report.letter_row(done) for done in journal.read_outcomes(record.id)]
    assert len(letters) == 5
    assert all(letter["outcome"] == "moved" and letter["reason"] is None for letter in letters)
    assert all(str(letter["at"]).startswith(broker.origin.name) for letter in letters)
    text = run_report.describe_run(journal, record)
    assert text.startswith(f"redrive {row['short']} (finished): 5 letters of {broker.source.name}, ")
    assert text.endswith(": 5 moved")


async def test_one_that_was_killed(broker: MemoryFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    small_batches(monkeypatch, 2)
    broker.add_dead_letters(range(6))
    runner = Operator(broker)
    assert await runner.is_killed_during(runner.run, 3)
    journal, record = Journal(), last_run()
    row = run_report.run_row(journal, record)
    assert (row["state"], row["ended"], row["result"], row["planned"]) == ("interrupted", None, None, 6)
    assert row["outcomes"].get("moved", 0) in (0, 2)
    assert row["outcomes"].get("moved", 0) + row["in_flight"] <= 6
    assert row["in_flight"] >= 2
    assert f"{row['in_flight']} in flight when it ended" in run_report.describe_run(journal, record)
    await runner.resume(record.id)
    assert run_report.run_row(journal, last_run())["outcomes"] == {"moved": 6}


async def test_the_outcomes_of_an_ended_run_sum_up(broker: MemoryFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """C8, over a stop and a resume in which letters were refused twice."""
    small_batches(monkeypatch, 2)
    broker.add_dead_letters(range(6))
    broker.add_dead_letters([6], origin="gone")
    broker.server.faults.max_size = 1
    await Operator(broker, stop_at=2).run()
    for _ in range(2):
        row = run_report.run_row(Journal(), last_run())
        assert row["state"] == "stopped"
        assert sum(row["outcomes"].values()) == row["planned"] == 7
        await Operator(broker, stop_at=2).resume(last_run().id)
    broker.server.faults.max_size = None
    await Operator(broker).resume(last_run().id)
    row = run_report.run_row(Journal(), last_run())
    assert (row["outcomes"], row["planned"]) == ({"moved": 6, "refused": 1}, 7)


async def test_one_whose_broker_died(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(6))
    broker.server.faults.break_after = 2
    with pytest.raises(BrokerTrouble):
        await Operator(broker).run()
    row = run_report.run_row(Journal(), last_run())
    assert (row["state"], row["outcomes"]) == ("failed", {"unknown": 6})
    assert row["in_flight"] == 6


async def test_a_selection_on_a_queue_was_not_counted_before() -> None:
    broker = RabbitMQFixture()
    broker.add_dead_letters(range(6))
    runner = Operator(broker)
    await runner.run(runner.request(since=broker.time(3)))
    row = run_report.run_row(Journal(), last_run())
    assert (row["planned"], row["outcomes"]) == (None, {"moved": 3})
    assert ": letters of work.dlq, " in run_report.describe_run(Journal(), last_run())


async def test_names_that_are_not_utf8() -> None:
    broker = RabbitMQFixture()
    broker.source = broker.server.declare("caf\udce9.dlq")
    broker.server.store(Outgoing(broker.source, b"1"))
    runner = Operator(broker)
    await runner.run(runner.request(to=broker.origin))
    row = run_report.run_row(Journal(), last_run())
    assert row["source"] == {"base64": "Y2Fm6S5kbHE="}
    assert orjson.dumps(row)
    assert "caf\\udce9.dlq" in run_report.describe_run(Journal(), last_run())


async def test_states(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(1))
    await Operator(broker).run()
    record = last_run()
    assert run_report.run_state(record) == "done"
    assert run_report.run_state(replace(record, state="running")) == "running"
    assert run_report.run_state(replace(record, state="running", pid_start=1)) == "interrupted"
    assert run_report.run_state(replace(record, state="running", pid_start=1, host="elsewhere")) == "running"
    assert {outcome.value for outcome in Outcome} == {"moved", "refused", "unknown", "skipped", "left"}
