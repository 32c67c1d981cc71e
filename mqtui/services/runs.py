"""The journal of runs, for a reader."""

from __future__ import annotations

from datetime import datetime
from time import time
from typing import Any

import msgspec

from mqtui.domain.capability import Verb
from mqtui.domain.errors import MqtuiError
from mqtui.domain.policy import Policy
from mqtui.domain.redrive import Outcome
from mqtui.profiles.store import Store
from mqtui.services.redrive.resuming import DAY
from mqtui.services.redrive.running import UNPLANNED
from mqtui.state.runs import Done, RunRecord, Runs

Json = dict[str, Any]


def state(record: RunRecord) -> str:
    """The state in a word; a run whose process is gone is `interrupted`."""
    return "interrupted" if record.interrupted else record.state


def row(journal: Runs, record: RunRecord) -> Json:
    """A run. Times are ms since the epoch; `in_hand` counts letters whose fate is not written down."""
    return {
        "run": record.id,
        "short": journal.short(record.id),
        "verb": record.verb,
        "profile": record.profile,
        "target": record.target,
        "source": record.source.name,
        "broker": record.broker,
        "state": state(record),
        "operator": record.operator,
        "host": record.host,
        "started": record.started,
        "ended": record.ended,
        "planned": None if record.planned == UNPLANNED else record.planned,
        "outcomes": dict(journal.counts(record.id)),
        "in_hand": len(journal.open_marks(record.id)),
        "result": msgspec.json.decode(record.result) if record.result else None,
    }


def letter_row(done: Done) -> Json:
    """What became of one letter: its name in the journal, the outcome, where it is now, and why not."""
    return {"letter": done[0], "outcome": done[1], "at": done[2] or None, "reason": done[3] or None}


def report(journal: Runs, record: RunRecord) -> str:
    """One paragraph for the ticket."""
    counts = journal.counts(record.id)
    begun = datetime.fromtimestamp(record.started / 1000).astimezone()
    ended = datetime.fromtimestamp(record.ended / 1000).astimezone() if record.ended else None
    parts = [f"{counts.get(outcome, 0):,} {outcome}" for outcome in Outcome if counts.get(outcome, 0)]
    doubtful = len(journal.open_marks(record.id))
    if doubtful:
        parts.append(f"{doubtful:,} in hand when it ended")
    span = begun.strftime("%Y-%m-%d %H:%M:%S") + (ended.strftime("-%H:%M:%S") if ended else "")
    planned = "letters" if record.planned == UNPLANNED else f"{record.planned:,} letters"
    who = f"{record.profile}, {span}, {record.operator}@{record.host}"
    what = f"{record.verb} {journal.short(record.id)} ({state(record)})"
    return f"{what}: {planned} of {record.source.name}, {who}: {', '.join(parts) or 'nothing moved'}"


def resumable(journal: Runs) -> tuple[list[RunRecord], list[tuple[RunRecord, str]]]:
    """Interrupted runs that a resume without a name takes up, and the others with the reason (C4)."""
    mine: list[RunRecord] = []
    others: list[tuple[RunRecord, str]] = []
    since = time() * 1000 - DAY
    for record in journal.interrupted():
        if record.verb == Verb.PUT_BACK:
            continue
        if record.started < since:
            others.append((record, "older than 24 h"))
        elif _policy(record).protected:
            others.append((record, "the profile is protected"))
        else:
            mine.append(record)
    return mine, others


def _policy(record: RunRecord) -> Policy:
    """The policy of a run's profile as it is now; that of a URL protects nothing."""
    if "://" in record.target:
        return Policy(record.profile)
    try:
        return Store().find(record.target.partition("/")[0]).policy()
    except MqtuiError:
        return Policy(record.profile, protected=True)
