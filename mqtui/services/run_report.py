"""Runs in the journal as rows, lines and a paragraph for a ticket; which of them can be resumed."""

from __future__ import annotations

from time import time
from typing import Any

import msgspec

from mqtui.domain.capability import LETTER_VERBS, Verb
from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import pluralize
from mqtui.domain.plan import Result
from mqtui.domain.policy import Policy, strictest
from mqtui.domain.reader_progress import ReaderProgress
from mqtui.domain.redrive import Outcome
from mqtui.domain.resource import BrokerKind, Kind
from mqtui.domain.times import format_time
from mqtui.profiles import protection
from mqtui.profiles.store import ProfileStore
from mqtui.profiles.url import parse_url
from mqtui.services.jsonlines import name_or_base64
from mqtui.services.redrive.recovery.resume import DAY_MS
from mqtui.services.redrive.request import decode_request
from mqtui.services.redrive.run.canary import was_held
from mqtui.services.redrive.run.run import UNKNOWN_COUNT
from mqtui.state.journal import Journal, OutcomeRow, RunRecord

Json = dict[str, Any]
MONITOR_COUNTS = {"passed": "passed", "waiting": "waiting", "came_back": "came back"}
"""What a monitor counts, by its name in a result."""


def run_state(record: RunRecord) -> str:
    """The state in a word; a run whose process is gone is `interrupted`."""
    return "interrupted" if record.interrupted else record.state


def describe_state(record: RunRecord) -> str:
    """The state in the word that people read: `finished`, `held` and `stopped` are different ends."""
    state = run_state(record)
    if state == "stopped" and record.result and was_held(msgspec.json.decode(record.result).get("why", "")):
        return "held"
    return "finished" if state == "done" else state


def count_outcomes(journal: Journal, record: RunRecord) -> dict[str, int]:
    """Letters by outcome: from the result of a finished run (planned is their sum, C8), else from the journal."""
    if record.result is None or record.state == "running":
        return {name: number for name, number in journal.count_outcomes(record.id).items() if name in set(Outcome)}
    result = msgspec.json.decode(record.result)
    return {outcome.value: result[outcome] for outcome in Outcome if result.get(outcome)}


def run_row(journal: Journal, record: RunRecord) -> Json:
    """A run as a JSON row. Times are ms since the epoch; `in_flight` counts letters without an outcome."""
    return {
        "run": record.id,
        "short": journal.short_id(record.id),
        "verb": record.verb,
        "profile": record.profile,
        "target": record.target,
        "source": name_or_base64(record.source.name),
        "broker": record.broker,
        "state": run_state(record),
        "operator": record.operator,
        "host": record.host,
        "started": record.started,
        "ended": record.ended,
        "planned": None if record.planned == UNKNOWN_COUNT else record.planned,
        "outcomes": count_outcomes(journal, record),
        "in_flight": len(journal.unfinished_letters(record.id)),
        "result": _result_row(record.result) if record.result else None,
    }


def _result_row(result: bytes) -> Json:
    """The stored result as the run printed it."""
    from mqtui.services.json_rows import result_row

    return result_row(msgspec.json.decode(result, type=Result))


def letter_row(done: OutcomeRow) -> Json:
    """One letter: its name in the journal, the outcome, where it is now, and why it was not moved."""
    return {"letter": done[0], "outcome": done[1], "at": done[2] or None, "reason": done[3] or None}


def describe_run(journal: Journal, record: RunRecord) -> str:
    """One paragraph for a ticket."""
    counts = count_outcomes(journal, record)
    parts = [f"{counts.get(outcome, 0):,} {outcome}" for outcome in Outcome if counts.get(outcome, 0)]
    doubtful = len(journal.unfinished_letters(record.id))
    if doubtful:
        parts.append(f"{doubtful:,} in flight when it ended")
    ended = format_time(record.ended, "-%H:%M:%S") if record.ended else ""
    span = format_time(record.started, "%Y-%m-%d %H:%M:%S") + ended
    noun = "partition" if record.source.kind is Kind.GROUP else "letter"
    planned = f"{noun}s" if record.planned == UNKNOWN_COUNT else pluralize(record.planned, noun)
    source = record.source.name.encode("utf-8", "backslashreplace").decode("utf-8")
    who = f"{record.profile}, {span}, {record.operator}@{record.host}"
    what = f"{record.verb} {journal.short_id(record.id)} ({describe_state(record)})"
    result = msgspec.json.decode(record.result) if record.result and record.state != "running" else {}
    parts += [
        f"{result[name]:,} {words}"
        for name, words in MONITOR_COUNTS.items()
        if result.get("verdict") and result[name] is not None
    ]
    ending = "".join(f"; {sentence.rstrip('.')}" for name in ("why", "verdict") if (sentence := result.get(name)))
    return f"{what}: {planned} of {source}, {who}: {', '.join(parts) or 'nothing moved'}{ending}"


def reader_lines(record: RunRecord) -> list[str]:
    """A line for each consumer group as the monitor last saw it, and for each letter that came back."""
    result = msgspec.json.decode(record.result) if record.result else {}
    readers = msgspec.convert(result.get("readers") or (), tuple[ReaderProgress, ...])
    return [reader.text for reader in readers] + [f"came back: {letter}" for letter in result.get("back") or ()]


def find_resumable(journal: Journal) -> tuple[list[RunRecord], list[tuple[RunRecord, str]]]:
    """Interrupted runs that a resume without a name continues, and the others with the reason (C4)."""
    mine: list[RunRecord] = []
    others: list[tuple[RunRecord, str]] = []
    since = time() * 1000 - DAY_MS
    for record in journal.list_interrupted():
        if record.verb == Verb.PUT_BACK:
            continue
        if record.started < since:
            others.append((record, "older than 24 h"))
        elif any(policy.protected for policy in (*journal.policies_of(record.id), *map(_policy, _targets(record)))):
            others.append((record, "the profile is protected"))
        else:
            mine.append(record)
    return mine, others


def _targets(record: RunRecord) -> list[str]:
    """The brokers a run writes to: its own, and the other one where letters go to another broker."""
    if record.verb not in LETTER_VERBS:
        return [record.target]
    return [target for target in (record.target, decode_request(record.plan).request.to_target) if target]


def _policy(target: str) -> Policy:
    """The policy of a target by its address as of now; a profile that is gone or can't be read counts as protected."""
    try:
        if "://" in target:
            return strictest(Policy(target), protection.policies_at(parse_url(target)[0]))
        name, _, kind = target.partition("/")
        profile = ProfileStore().find(name)
        kinds = [BrokerKind(kind)] if kind else list(profile.brokers)
        others = [policy for each in kinds for policy in protection.policies_at(profile.address(each))]
        return strictest(profile.policy(), others)
    except (MqtuiError, ValueError):
        return Policy(target, protected=True)
