"""Which runs are taken up, and which are not (C4)."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from time import time

import pytest

from mqtui.domain.capability import Verb
from mqtui.domain.errors import Held, NeedsConsent, Refused
from mqtui.domain.policy import Consent
from mqtui.machine.process import host
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from mqtui.services.redrive.request import decode_request
from mqtui.services.run_report import find_resumable
from mqtui.state.journal import Journal
from mqtui.state.paths import state_dir
from tests.services.memory_fixtures import KafkaFixture, MemoryFixture, RabbitMQFixture
from tests.services.redrive_operator import Operator, assert_complete, last_run

DAY = 24 * 3_600_000


def altered(column: str, value: object) -> None:
    """Change all runs in the journal."""
    with sqlite3.connect(state_dir() / "runs.sqlite") as database:
        database.execute(f"UPDATE runs SET {column} = ?", (value,))
    database.close()


async def interrupted(broker: MemoryFixture, target: str = "") -> Operator:
    broker.add_dead_letters(range(5))
    operator = Operator(broker, target=target)
    typed = Consent(yes=True, typed=target)
    assert await operator.is_killed_during(lambda: operator.run(consent=typed), 3)
    return operator


async def test_an_interrupted_run_of_today_is_taken_up(broker: MemoryFixture) -> None:
    await interrupted(broker)
    mine, others = find_resumable(Journal())
    assert ([record.id for record in mine], others) == ([last_run().id], [])


async def test_an_old_one_must_be_named(broker: MemoryFixture) -> None:
    operator = await interrupted(broker)
    altered("started", int(time() * 1000) - DAY - 1000)
    mine, others = find_resumable(Journal())
    assert mine == []
    assert [(record.id, why) for record, why in others] == [(last_run().id, "older than 24 h")]
    assert assert_complete(await operator.resume(last_run().id[:4])).moved == 5


async def test_one_on_a_protected_profile_must_be_named_and_agreed_to(broker: MemoryFixture) -> None:
    ProfileStore().add(Profile("prod", {broker.kind: BrokerEndpoint(broker.url)}, protected=True))
    operator = await interrupted(broker, "prod")
    mine, others = find_resumable(Journal())
    assert mine == []
    assert [why for _, why in others] == ["the profile is protected"]
    with pytest.raises(NeedsConsent):
        await operator.resume(last_run().id)
    assert assert_complete(await operator.resume(last_run().id, Consent(typed="prod"))).moved == 5


async def test_a_profile_that_is_gone_counts_as_protected(broker: MemoryFixture) -> None:
    ProfileStore().add(Profile("shop", {broker.kind: BrokerEndpoint(broker.url)}))
    await interrupted(broker, "shop")
    assert len(find_resumable(Journal())[0]) == 1
    ProfileStore().remove("shop")
    assert [why for _, why in find_resumable(Journal())[1]] == ["the profile is protected"]


async def test_the_far_side_is_looked_at_too() -> None:
    broker, remote = KafkaFixture(), RabbitMQFixture()
    ProfileStore().add(Profile("far", {remote.kind: BrokerEndpoint(remote.url)}, protected=True))
    broker.add_dead_letters(range(4))
    operator = Operator(broker, remote, remote_target="far")
    agreed = Consent(yes=True, typed="far")
    assert await operator.is_killed_during(lambda: operator.run(operator.request(to=remote.origin), agreed), 2)
    assert [why for _, why in find_resumable(Journal())[1]] == ["the profile is protected"]


async def test_a_put_back_is_not_resumed(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(3))
    operator = Operator(broker)
    run = (await operator.run()).run
    await operator.is_killed_during(lambda: operator.put_back(run), 1)
    assert find_resumable(Journal()) == ([], [])
    with pytest.raises(Refused, match="put back"):
        await operator.resume(last_run().id)


async def test_a_run_that_is_done_has_nothing_left(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(3))
    operator = Operator(broker)
    await operator.run()
    with pytest.raises(Refused, match="done"):
        await operator.resume(last_run().id)
    assert find_resumable(Journal()) == ([], [])


async def test_a_run_whose_process_lives_is_held(broker: MemoryFixture) -> None:
    operator = await interrupted(broker)
    altered("pid_start", None)
    assert find_resumable(Journal()) == ([], [])
    with pytest.raises(Held):
        await operator.resume(last_run().id)


async def test_a_run_of_another_host_is_held(broker: MemoryFixture) -> None:
    operator = await interrupted(broker)
    altered("host", f"not-{host()}")
    assert find_resumable(Journal()) == ([], [])
    with pytest.raises(Held):
        await operator.resume(last_run().id)
    assert len(set(broker.returned())) < 5


async def test_two_resumes_at_once(broker: MemoryFixture) -> None:
    """Only one process can make a run its own."""
    await interrupted(broker)
    first, second = Journal(), Journal()
    run = last_run().id
    first.claim(run, 1, 1)
    altered("pid_start", None)
    with pytest.raises(Held):
        second.claim(run, 2, 2)


async def test_a_source_made_again_under_its_name_is_refused() -> None:
    broker = KafkaFixture()
    operator = await interrupted(broker)
    broker.delete(broker.source)
    broker.server.make(broker.source.name, 2)
    broker.add_dead_letters(range(5))
    with pytest.raises(Refused, match="not the one"):
        await operator.resume(last_run().id)
    assert broker.unhandled() == [0, 2, 4, 1, 3]


async def test_refused_letters_are_tried_again_by_a_resume(
    broker: MemoryFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mqtui.services.redrive.run.loop.BATCH_SIZE", 2)
    broker.add_dead_letters(range(8))
    operator = Operator(broker, stop_at=4)
    broker.server.faults.max_size = 1
    told = assert_complete(await operator.run())
    assert (told.moved, last_run().state) == (0, "stopped")
    assert told.refused >= 4
    broker.server.faults.max_size = None
    result = assert_complete(await Operator(broker).resume(last_run().id))
    assert (result.planned, result.moved) == (8, 8)
    assert sorted(broker.returned()) == list(range(8))


async def test_a_letter_that_is_refused_again_is_told_once(
    broker: MemoryFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a queue only lends them, too, though each delivery is another one."""
    monkeypatch.setattr("mqtui.services.redrive.run.loop.BATCH_SIZE", 2)
    broker.add_dead_letters(range(8))
    broker.server.faults.max_size = 1
    await Operator(broker, stop_at=4).run()
    result = assert_complete(await Operator(broker).resume(last_run().id))
    assert (result.planned, result.refused) == (8, 8)
    assert Journal().count_outcomes(last_run().id) == {"refused": 8}


async def test_a_discard_of_a_cause_is_resumed_when_all_of_it_is_gone(broker: MemoryFixture) -> None:
    """Nothing has the cause any more: that is no reason to refuse the rest of the run."""
    broker.add_dead_letters(range(4))
    operator = Operator(broker)
    run = (await operator.run(operator.request(Verb.DISCARD))).run
    journal = Journal()
    kept = journal.find(run)
    plan = kept.plan.replace(b'"cause": ""', b'"cause": "abcdef"')
    assert decode_request(plan).request.selection.cause == "abcdef"
    journal.begin(replace(kept, id="b" * 32, plan=plan, state="stopped", ended=1, result=None))
    result = assert_complete(await operator.resume("b" * 32))
    assert (result.planned, result.skipped) == (4, 4)


async def test_the_plan_of_a_resume_says_so(broker: MemoryFixture) -> None:
    operator = await interrupted(broker)
    record = last_run()
    assert record.planned == 5
    result = assert_complete(await operator.resume(record.id))
    label, text = operator.planned.plan.facts[0]
    assert label == "resumes"
    assert Journal().short_id(record.id) in text
    assert (result.run, operator.planned.plan.hash) == (record.id, record.plan_hash)
