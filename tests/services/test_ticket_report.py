"""A run as Markdown for a ticket: cause, plan, outcome, audit numbers; nothing in it acts as markup."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace

from mqtui.domain.policy import Consent
from mqtui.services.conventions import load_for_profile
from mqtui.services.deadletters import read_causes
from mqtui.services.ticket_report import markdown_report, read_audit_numbers, read_markdown_report
from mqtui.state.audit import Audit
from mqtui.state.journal import Journal
from tests.services.memory_fixtures import KafkaFixture, MemoryFixture
from tests.services.redrive_operator import Operator, last_run


def cells(report: str) -> dict[str, str]:
    """The table of a report."""
    rows = [line.strip("| ").split(" | ", 1) for line in report.splitlines() if line.startswith("| ")]
    return {row[0]: row[1] for row in rows if len(row) == 2}


async def test_what_belongs_in_a_ticket(broker: MemoryFixture) -> None:
    broker.add_dead_letters(range(5))
    result = await Operator(broker).run()
    report = read_markdown_report(result.run)
    short = result.run[:4].upper()
    assert report.startswith(f"## redrive {short}: finished, 5 of 5 letters moved\n")
    told = cells(report)
    assert broker.source.name in told["from"]
    assert broker.origin.name in told["to"]
    assert told["outcome"].startswith("5 moved")
    assert told["run"] == f"`{result.run}`"
    numbers = [entry.n for entry in Audit().entries() if entry.run == result.run]
    assert len(numbers) == 2
    assert told["audit"] == ", ".join(map(str, numbers))
    assert told["command"].startswith("`mqtui redrive ")


async def test_the_cause_is_told_in_words() -> None:
    broker = KafkaFixture()
    broker.add_dead_letters(range(3))
    operator = Operator(broker)
    planned = await operator.plan()
    cause = await _cause_id(operator)
    await operator.run_planned(await operator.plan(operator.request(cause=cause)))
    told = cells(read_markdown_report(last_run().id))
    assert f"cause {cause} (" in told["selected"]
    assert planned.plan.id != last_run().id


async def _cause_id(operator: Operator) -> str:
    async with AsyncExitStack() as stack:
        session, _ = await operator.sessions(stack)
        price = await session.broker.reader.peek_cost(operator.source.source, 1)
        conventions = load_for_profile(session.profile).conventions
        return (await read_causes(session, operator.source.source, price, conventions, Consent()))[0].id


async def test_foreign_text_is_no_markup() -> None:
    broker = KafkaFixture()
    broker.add_dead_letters(range(2))
    await Operator(broker).run()
    journal, record = Journal(), last_run()
    record = replace(record, profile="a|b`c\n# d", operator="<b>*x*")
    report = markdown_report(journal, record, read_audit_numbers(record.id))
    assert "a\\|b\\`c" in report
    assert "\n# d" not in report
    assert "\\<b>\\*x\\*" in report
