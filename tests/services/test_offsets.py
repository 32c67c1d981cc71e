"""Offsets of a group: the plan and its preview, who is in the way, skipping with copies, the way back."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput, NeedsConsent, NotFound, Refused, Unsupported
from mqtui.domain.group_offsets import AsFile, AsGroup, RequestedTarget, Shift
from mqtui.domain.message import EntryId, Offset, Outgoing
from mqtui.domain.policy import Consent
from mqtui.domain.read_range import At, Edge, Since
from mqtui.domain.resource import parse_name
from mqtui.services.offsets import restore
from mqtui.services.offsets.plan import PlannedOffsets
from mqtui.services.offsets.plan_request import plan_offsets
from mqtui.services.offsets.request import OffsetsRequest
from mqtui.services.offsets.run import plan_when_idle, run_offsets
from mqtui.services.offsets.skip import SKIPPED
from mqtui.services.plan_text import plan_lines
from mqtui.services.run_report import describe_run, find_resumable, run_row
from mqtui.services.session import Session, open_session
from mqtui.services.ticket_report import markdown_report
from mqtui.state.audit import Audit
from mqtui.state.journal import Journal
from mqtui.state.paths import state_dir
from tests.memory.clock import START
from tests.services.memory_fixtures import KafkaFixture, RabbitMQFixture, RedisFixture
from tests.services.redrive_operator import CONFIRMED, Operator, mark_processes_dead

GROUP = "shipping"


@pytest.fixture
def kafka() -> KafkaFixture:
    """Ten orders in each of two partitions, of which a group that nobody is in has read four and seven."""
    broker = KafkaFixture()
    for number in range(20):
        broker.world.clock.advance(1_000)
        broker.server.store(Outgoing(broker.origin, b"%d" % number, b"k%d" % number, partition=number % 2))
    broker.server.commit(GROUP, broker.origin, 0, 4, "Empty")
    broker.server.commit(GROUP, broker.origin, 1, 7, "Empty")
    return broker


@pytest.fixture
async def session(kafka: KafkaFixture) -> AsyncIterator[Session]:
    async with open_session(kafka.url, adapters=kafka.connect) as one:
        yield one


def asks(target: RequestedTarget | None = None, **more: Any) -> OffsetsRequest:
    return OffsetsRequest(GROUP, parse_name("orders"), target, **more)


def standing(kafka: KafkaFixture, group: str = GROUP) -> list[int | None]:
    return [kafka.server.committed.get(group, {}).get(("orders", number)) for number in range(2)]


def previewed(planned: PlannedOffsets) -> list[tuple[object, ...]]:
    return [(move.partition, str(move.after), str(move.skips), str(move.reads_again)) for move in planned.preview.moves]


async def carry_out(session: Session, planned: PlannedOffsets, consent: Consent = CONFIRMED) -> str:
    with Journal() as journal:
        await run_offsets(session, planned, journal, consent)
    return planned.plan.id


@pytest.mark.parametrize(
    ("target", "rows"),
    [
        (Edge.OLDEST, [(0, "0/0", "0", "4"), (1, "1/0", "0", "7"), (2, "2/0", "0", "0")]),
        (Edge.NEWEST, [(0, "0/10", "6", "0"), (1, "1/10", "3", "0"), (2, "2/0", "0", "0")]),
        (Shift(-5), [(0, "0/0", "0", "4"), (1, "1/2", "0", "5")]),
        (At(Offset(-1, 6)), [(0, "0/6", "2", "0"), (1, "1/6", "0", "1"), (2, "2/0", "0", "0")]),
        (At(Offset(1, 99)), [(1, "1/10", "3", "0")]),
        (Since(START + 11_000), [(0, "0/5", "1", "0"), (1, "1/5", "0", "2"), (2, "2/0", "0", "0")]),
    ],
)
async def test_a_preview_of_each_target(
    session: Session, kafka: KafkaFixture, target: RequestedTarget, rows: list[tuple[object, ...]]
) -> None:
    assert previewed(await plan_offsets(session, asks(target))) == rows
    assert standing(kafka) == [4, 7]


async def test_offsets_are_set_and_put_back(session: Session, kafka: KafkaFixture) -> None:
    """The preview is what happens; the journal has what was there before, and a put back sets that again."""
    planned = await plan_offsets(session, asks(Edge.OLDEST, partition=1, options=("--to", "oldest")))
    text = "\n".join(plan_lines(planned.plan))
    assert "7 → 0: 7 read again" in text and "again: 7 messages: processed a second time" in text
    with pytest.raises(NeedsConsent):
        await carry_out(session, planned, Consent())
    assert standing(kafka) == [4, 7]
    run = await carry_out(session, planned)
    assert standing(kafka) == [4, 0]
    assert [entry.on for entry in Audit().entries()] == [(f"group:{GROUP}",)] * 2
    with Journal() as journal:
        record = journal.find(run)
        assert (record.verb, record.state, run_row(journal, record)["outcomes"]) == ("offsets", "done", {"moved": 1})
        assert "1 partition of shipping" in describe_run(journal, record)
        assert "offsets" in markdown_report(journal, record, ())
        back = await restore.plan_put_back(session, record, journal)
    assert previewed(back) == [(1, "1/7", "7", "0")]
    assert back.plan.verb is Verb.PUT_BACK
    await carry_out(session, back)
    assert standing(kafka) == [4, 7]
    with Journal() as journal:
        again = await restore.plan_put_back(session, journal.find(run), journal)
    assert again.plan.steps == ()


async def test_a_group_with_members_is_refused_and_waited_for(session: Session, kafka: KafkaFixture) -> None:
    kafka.server.states[GROUP] = "Stable"
    planned = await plan_offsets(session, asks(Edge.OLDEST))
    assert planned.is_blocked
    with pytest.raises(Refused, match="active") as refused:
        await carry_out(session, planned)
    assert f"1 member is active: {GROUP}-1" in refused.value.detail and "--wait 60s" in refused.value.detail

    def leave(_: PlannedOffsets) -> None:
        kafka.server.states[GROUP] = "Empty"

    await carry_out(session, await plan_when_idle(session, asks(Edge.OLDEST), 60, leave))
    assert standing(kafka) == [0, 0]


async def test_a_plan_of_yesterday_is_not_carried_out(session: Session, kafka: KafkaFixture) -> None:
    planned = await plan_offsets(session, asks(Edge.OLDEST))
    kafka.server.commit(GROUP, kafka.origin, 0, 5, "Empty")
    with pytest.raises(Refused, match="moved since"):
        await carry_out(session, planned)
    assert standing(kafka) == [5, 7]


async def test_as_another_group_or_a_file_says(session: Session, kafka: KafkaFixture, tmp_path: Path) -> None:
    kafka.server.commit("billing", kafka.origin, 1, 9)
    assert previewed(await plan_offsets(session, asks(AsGroup("billing")))) == [(1, "1/9", "2", "0")]
    with pytest.raises(NotFound, match="nobody has no offsets"):
        await plan_offsets(session, asks(AsGroup("nobody")))
    file = tmp_path / "offsets.csv"
    file.write_text('"orders",0,2\nother,0,9\n{"resource":"orders","partition":1,"to":8}\n')
    assert previewed(await plan_offsets(session, asks(AsFile(str(file))))) == [
        (0, "0/2", "0", "2"),
        (1, "1/8", "1", "0"),
    ]
    file.write_text("orders,0,2\norders,zero,3\n")
    with pytest.raises(BadInput, match="Line 2"):
        await plan_offsets(session, asks(AsFile(str(file))))


async def test_skipped_with_a_copy_and_brought_home(session: Session, kafka: KafkaFixture) -> None:
    """Copy and offset together; the copy leads home, without what marked it."""
    planned = await plan_offsets(session, asks(partition=0, skip=2, copy_to=parse_name("orders.DLQ")))
    assert previewed(planned) == [(0, "0/6", "2", "0")]
    assert "copy 2 messages to topic:orders.DLQ" in "\n".join(plan_lines(planned.plan))
    run = await carry_out(session, planned)
    assert standing(kafka) == [6, 7]
    copies = kafka.server.records(kafka.source)
    assert [(copy.value, copy.key) for copy in copies] == [(b"8", b"k8"), (b"10", b"k10")]
    assert b'"partition":0,"offset":4' in (copies[0].header(SKIPPED) or b"")
    await Operator(kafka).run()
    home = kafka.server.records(kafka.origin)
    assert sorted(int(record.value or b"") for record in home) == sorted([*range(20), 8, 10])
    assert all(record.header(SKIPPED) is None for record in home)
    with Journal() as journal:
        back = await restore.plan_put_back(session, journal.find(run), journal)
    assert "copies-stay" in {risk.name for risk in back.plan.risks}


async def test_skips_that_make_no_sense(session: Session) -> None:
    with pytest.raises(BadInput, match="which partition"):
        await plan_offsets(session, asks(skip=1))
    with pytest.raises(Refused, match="where the messages are"):
        await plan_offsets(session, asks(skip=1, partition=0, copy_to=parse_name("orders")))
    with pytest.raises(NotFound):
        await plan_offsets(session, asks(skip=1, partition=0, copy_to=parse_name("nowhere")))
    with pytest.raises(NotFound, match="no offset there"):
        await plan_offsets(session, asks(skip=1, partition=2))
    with pytest.raises(BadInput, match="1,000"):
        await plan_offsets(session, asks(skip=1_001, partition=0, copy_to=parse_name("orders.DLQ")))


async def test_an_interrupted_skip_goes_on_once(session: Session, kafka: KafkaFixture) -> None:
    """Killed before or after the broker did it: resumed, each message is copied and skipped once."""
    planned = await plan_offsets(session, asks(partition=0, skip=2, copy_to=parse_name("orders.DLQ")))
    run = await carry_out(session, planned)
    for already_done in (True, False):
        with sqlite3.connect(state_dir() / "runs.sqlite") as database:
            database.execute("UPDATE runs SET state = 'running', ended = NULL, result = NULL")
        database.close()
        mark_processes_dead()
        if not already_done:
            kafka.server.committed[GROUP]["orders", 0] = 4
            kafka.server.topics["orders.DLQ"].partitions[0].records.clear()
            kafka.server.topics["orders.DLQ"].partitions[1].records.clear()
        with Journal() as journal:
            assert [record.id for record in find_resumable(journal)[0]] == [run]
            resumed = await restore.plan_resume(session, journal.find(run), journal)
        await carry_out(session, resumed)
        assert standing(kafka) == [6, 7]
        assert [copy.value for copy in kafka.server.records(kafka.source)] == [b"8", b"10"]


async def test_offsets_and_groups_are_deleted_by_their_name(session: Session, kafka: KafkaFixture) -> None:
    planned = await plan_offsets(session, asks())
    with pytest.raises(NeedsConsent, match="named"):
        await carry_out(session, planned)
    run = await carry_out(session, planned, Consent(typed=GROUP))
    assert standing(kafka) == [None, None]
    with Journal() as journal:
        back = await restore.plan_put_back(session, journal.find(run), journal)
    await carry_out(session, back)
    group = await plan_offsets(session, OffsetsRequest(GROUP))
    run = await carry_out(session, group, Consent(named=GROUP))
    assert GROUP not in kafka.server.committed
    with Journal() as journal:
        await carry_out(session, await restore.plan_put_back(session, journal.find(run), journal))
    assert standing(kafka) == [4, 7]
    with pytest.raises(NotFound):
        await plan_offsets(session, OffsetsRequest("nobody"))


async def test_a_queue_has_no_offsets() -> None:
    rabbitmq = RabbitMQFixture()
    async with open_session(rabbitmq.url, adapters=rabbitmq.connect) as session:
        with pytest.raises(Unsupported, match="offsets"):
            await plan_offsets(session, OffsetsRequest("work", parse_name("work"), Edge.OLDEST))


async def test_the_id_of_a_redis_group() -> None:
    """Set while consumers read; with the same preview, and the same way back. Copies could not lead home."""
    redis = RedisFixture()
    redis.add_dead_letters(range(6))
    redis.server.group(redis.source, "ledger")
    ids = redis.server.deliver(redis.source, "ledger", "w1", 4)
    group = redis.server.streams[redis.source.name].groups["ledger"]

    def request(**more: Any) -> OffsetsRequest:
        return OffsetsRequest("ledger", parse_name(redis.source.name), **more)

    async with open_session(redis.url, adapters=redis.connect) as session:
        planned = await plan_offsets(session, request(target=Shift(-3)))
        assert previewed(planned) == [(0, str(ids[0]), "0", "3")]
        assert [risk.name for risk in planned.plan.risks] == ["readers", "again"]
        run = await carry_out(session, planned)
        assert group.last == ids[0]
        with Journal() as journal:
            await carry_out(session, await restore.plan_put_back(session, journal.find(run), journal))
        assert group.last == ids[3]
        await carry_out(session, await plan_offsets(session, request(skip=1)))
        assert group.last == EntryId(ids[3].ms + 1, 0)
        with pytest.raises(Unsupported, match="Copies"):
            await plan_offsets(session, request(skip=1, copy_to=parse_name("payments")))
        whole = await plan_offsets(session, OffsetsRequest(f"{redis.source.name}/ledger"))
        await carry_out(session, whole, Consent(named=f"{redis.source.name}/ledger"))
    assert redis.server.streams[redis.source.name].groups == {}


def test_the_command_that_does_the_same() -> None:
    request = OffsetsRequest("-odd", parse_name("t:orders"), Edge.OLDEST, options=("--to", "oldest"))
    assert request.command("shop") == "mqtui offsets --to oldest -- shop -odd t:orders"
    assert OffsetsRequest("g", options=("--delete",)).command("shop") == "mqtui offsets shop g --delete"
