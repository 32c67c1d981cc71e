"""A search that several processes share, on one machine or on many: each gives the hits of the parts that it scans."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import msgspec

from mqtui.brokers.optional_port import ScanShare
from mqtui.brokers.port import Batch
from mqtui.domain.capability import Verb
from mqtui.domain.errors import BadInput, Unsupported
from mqtui.domain.figure import exact, total
from mqtui.domain.message import Message
from mqtui.domain.plan import JoinScan, Plan
from mqtui.domain.policy import Consent
from mqtui.domain.resource import name_bytes
from mqtui.domain.shared_scan import RepeatedPart, SharedPart, group_of, ranges_by_partition
from mqtui.services.browse import require_verb
from mqtui.services.search.places import SearchPlace
from mqtui.services.search.progress import SearchProgress
from mqtui.services.search.query import SearchQuery
from mqtui.services.search.scan_report import ScanReport
from mqtui.services.search.scan_workers import ScanWorkers
from mqtui.services.session import Session

NAME = re.compile(r"[\w.-]{1,100}", re.ASCII)


async def plan_shared_search(
    session: Session, name: str, query: SearchQuery, places: Sequence[SearchPlace], typed_times: str
) -> Plan:
    """The plan of one process: it joins the group of the search, which is made by the first one.

    Raises:
        BadInput: the name can't be that of a group.
        Unsupported: this broker shares no scans.
    """
    if not NAME.fullmatch(name):
        raise BadInput(f"{name!r} can't name a shared search", "", "Use letters, digits, dots, dashes and underscores.")
    for place in places:
        if place.peek is not None:
            raise Unsupported(f"{place.ref} can't be searched by several", "A queue lends each message to one reader.")
        await require_verb(session.broker, Verb.SHARE, place.ref)
    group = group_of(session.address.prefix, name)
    is_there = group in (await session.broker.groups.list_names()).items
    ranges = {place.ref: ranges_by_partition(place.ranges) for place in places}
    step = JoinScan(group, scan_id(query, places, typed_times), ranges)
    return Plan(
        id=secrets.token_hex(16),
        verb=Verb.SHARE,
        profile=session.policy.profile,
        broker=session.broker.kind,
        steps=(step,),
        count=exact(sum(map(len, ranges.values()))),
        facts=(
            ("group", f"{group.name}: {'there already, it is joined' if is_there else 'made by this'}"),
            ("from", ", ".join(f"{place.ref}, {place.whole} messages" for place in places)),
            ("effect", f"offsets of {group.name} are committed as it goes; the last process removes the group"),
        ),
    )


def scan_id(query: SearchQuery, places: Sequence[SearchPlace], typed_times: str) -> str:
    """A hash of what is looked for and where, which all processes of a shared search have alike."""
    refs = sorted((place.ref.kind, name_bytes(place.ref.name)) for place in places)
    return hashlib.sha256(msgspec.msgpack.encode((query, refs, typed_times))).hexdigest()[:16]


class SharedSearch:
    """One process's share of a search. After `hits` its figures are those of what it scanned itself."""

    def __init__(
        self,
        session: Session,
        plan: Plan,
        workers: ScanWorkers,
        places: Sequence[SearchPlace],
        changed: Callable[[SearchProgress], object],
    ) -> None:
        self.progress = SearchProgress(whole=total(place.whole for place in places))
        self.progress.not_looked_at = sum(place.not_looked_at for place in places)
        self.progress.notes = [note for place in places for note in place.notes]
        self.repeated: Sequence[RepeatedPart] = ()
        """What was perhaps scanned twice, and its hits given twice."""

        self._session, self._plan, self._workers, self._changed = session, plan, workers, changed

    async def hits(self, consent: Consent) -> AsyncGenerator[Batch]:
        """What this process finds, part by part. A part is recorded as done once its hits were taken.

        Raises:
            Refused, NeedsConsent: the plan is not permitted.
            MqtuiError: the destination can't be read, or the group not be joined.
        """
        (step,) = self._plan.steps
        assert isinstance(step, JoinScan)
        async with self._session.guard.writing(self._plan, consent) as writer:
            try:
                async with writer.share_scan(step) as share:
                    self.repeated = share.repeated
                    async with aclosing(self._hits(share)) as batches:
                        async for batch in batches:
                            yield batch
            finally:
                writer.result = f"{self.progress.scanned:,} scanned, {self.progress.found:,} found"

    async def _hits(self, share: ScanShare) -> AsyncGenerator[Batch]:
        while (part := await share.take()) is not None:
            reports = await self._scan(part)
            if not await share.begin_giving(part):
                continue
            self._record(part, reports)
            if found := sorted((hit for report in reports for hit in report.hits), key=_stored_order):
                yield found
            await share.finish(part)

    async def _scan(self, part: SharedPart) -> list[ScanReport]:
        scan = self._workers.scan(part.ref, (part.range,), self.progress.notes.append)
        async with aclosing(scan) as reports:
            return [report async for report in reports]

    def _record(self, part: SharedPart, reports: Sequence[ScanReport]) -> None:
        """Count a part that is this process's to give: one that went to another in the meantime is counted there."""
        progress = self.progress
        for report in reports:
            progress.add_scanned(report.scanned)
            progress.size += report.size
            progress.found += len(report.hits)
            progress.undecodable += report.undecodable
            progress.failed += report.failed
            if report.failure_reasons:
                progress.failure_reasons[part.ref.name] = report.failure_reasons
        self._changed(progress)


def _stored_order(hit: Message) -> tuple[int, int]:
    position = hit.position
    return (getattr(position, "partition", 0), getattr(position, "offset", 0))


def describe_repeated(repeated: RepeatedPart) -> str:
    """`orders/3, offsets 1000 to 1999: perhaps scanned twice, ... ended while scanning it`."""
    stretch = repeated.part.range
    first, last = stretch.start[0], stretch.end[0] - 1
    place = f"{repeated.part.ref.name}/{stretch.partition}, offsets {first} to {last}"
    return f"{place}: perhaps scanned twice, {repeated.why}"
