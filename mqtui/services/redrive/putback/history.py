"""Which letters of a run earlier put backs returned, for certain or perhaps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from mqtui.brokers.blocking import run_in_thread
from mqtui.brokers.registry import traits_of
from mqtui.domain.capability import Verb
from mqtui.domain.errors import Held
from mqtui.domain.message import EntryId, Field, Message
from mqtui.domain.read_range import At, ReadRange
from mqtui.domain.redrive import Outcome
from mqtui.domain.times import parse_entry_id
from mqtui.profiles.keys import bundle_key
from mqtui.services.session import Session
from mqtui.state import bundles
from mqtui.state.journal import Journal, RunRecord

MAX_RUNS = 1_000
"""Runs that are searched, the newest first."""


@dataclass(frozen=True, slots=True)
class PutBackHistory:
    """What earlier put backs of a run did. `doubtful`: letters in flight when one broke, and where the source ended."""

    returned: frozenset[str]
    doubtful: Mapping[str, bytes]

    @classmethod
    def read(cls, record: RunRecord, runs: Journal) -> PutBackHistory:
        """Read the journal.

        Raises:
            Held: one of them is still running.
        """
        returned: set[str] = set()
        doubtful: dict[str, bytes] = {}
        for each in reversed(find_put_backs(record, runs.list_runs(limit=MAX_RUNS))):
            if each.state == "running" and not each.interrupted:
                raise Held(
                    "A put back of that run is going on", f"Process {each.pid} on {each.host}, by {each.operator}."
                )
            returned |= returned_names(each, runs)
            doubtful |= {mark[0]: mark[1] for mark in runs.unfinished_letters(each.id)}
        return cls(frozenset(returned), {name: end for name, end in doubtful.items() if name not in returned})


def encode_run_reference(run: str) -> bytes:
    """The journal's form of which run a put back is of."""
    return msgspec.json.encode({"putback": run})


def find_put_backs(record: RunRecord, listed: Sequence[RunRecord]) -> list[RunRecord]:
    """The put backs of a run among some records, in their order."""
    wanted = encode_run_reference(record.id)
    return [each for each in listed if each.verb == Verb.PUT_BACK and each.plan == wanted]


def returned_names(put_back: RunRecord, runs: Journal) -> set[str]:
    """Names of the letters that a put back returned."""
    return {name for name, outcome, _, _ in runs.read_outcomes(put_back.id) if outcome == Outcome.MOVED}


async def find_source_end(session: Session, record: RunRecord) -> bytes:
    """The last id of a run's source, where what is put back is found after it; else empty."""
    if not traits_of(record.broker).redrive.finds_returned:
        return b""
    end = (await session.broker.reader.extent(record.source)).end.get(0)
    return str(end or EntryId(0, 0)).encode()


def _read_bundle(session: Session, record: RunRecord, names: Collection[str]) -> dict[str, Message]:
    kept = bundles.read_damaged(record.id, bundle_key(session.profile), lambda _: None)
    return {name: letter for name, letter in kept if name in names}


async def find_in_source(session: Session, record: RunRecord, doubtful: Mapping[str, bytes]) -> frozenset[str]:
    """Those doubtful letters that are in the source after the id at which it ended before they were put back."""
    found: set[str] = set()
    letters = await run_in_thread("bundle", partial(_read_bundle, session, record, doubtful))
    for end in set(doubtful.values()):
        start = parse_entry_id(end.decode())
        remaining: Counter[tuple[Field, ...]] = Counter()
        async for batch in session.broker.reader.read(record.source, ReadRange(At(start or EntryId(0, 0))), limit=None):
            remaining.update(entry.fields for entry in batch)
        for name in [name for name, known in doubtful.items() if known == end and name in letters]:
            if remaining[letters[name].fields]:
                remaining[letters[name].fields] -= 1
                found.add(name)
    return frozenset(found)
