"""Letters of a stream on their way: read ahead by XRANGE, moved by id."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mqtui.brokers.port import Batch
from mqtui.brokers.redis.ahead import ReadAhead
from mqtui.brokers.redis.catalog import require_stream, stream_key
from mqtui.brokers.redis.claims import Claims, signed
from mqtui.brokers.redis.crossing import CrossMover
from mqtui.brokers.redis.heavy import MOST_FIELDS, HeavyMover
from mqtui.brokers.redis.line import Line
from mqtui.brokers.redis.marks import LIFE_S, earlier_record, moved_record, record_table, run_mark, stay_mark
from mqtui.brokers.redis.moving import BATCH_BYTES, GONE, SlotMover, Way, refused
from mqtui.brokers.redis.nodes import Nodes
from mqtui.brokers.redis.releasing import Releaser
from mqtui.brokers.redis.replies import entries, entry_id, sure
from mqtui.brokers.redis.rights import marking, prove, removing, storing
from mqtui.brokers.redis.scripts import OPEN_RECORD, call
from mqtui.brokers.redis.slots import slot
from mqtui.brokers.redis.tracing import OtherRuns
from mqtui.domain.errors import MqtuiError, NotAuthorised, NotFound
from mqtui.domain.message import EntryId, Message
from mqtui.domain.redrive import IdBounds, LeaseOptions, LetterClaim, Receipt, Source, Transfer
from mqtui.domain.resource import Ref


@dataclass(frozen=True, slots=True)
class Route:
    """How letters reach one target."""

    near: SlotMover | None
    far: CrossMover | None
    heavy: HeavyMover


class StreamLease:
    """Nothing is held while a lease is open: letters stay in the stream until they are moved."""

    def __init__(self, nodes: Nodes, source: Source, terms: LeaseOptions) -> None:
        self._nodes = nodes
        self._source = source
        self._terms = terms
        self._key = stream_key(source.ref)
        self._stays = stay_mark(nodes.address.prefix, self._key)
        self._line = Line(nodes, self._key)
        self._lines: list[Line] = [self._line]
        self._routes: dict[Ref, Route] = {}
        self._record = moved_record(nodes.address.prefix, self._key, terms.run)
        self._releaser = Releaser(nodes, self._line, source.ref, self._stays, self._record)
        self._others = OtherRuns(nodes, source.ref, terms.run)
        self._claims = Claims(nodes, self._line, source.ref, self._stays, terms)
        self._ahead: ReadAhead | None = None
        self._marked = False
        self._draining = False
        self._kept = 0

    @classmethod
    @asynccontextmanager
    async def taken(cls, nodes: Nodes, source: Source, terms: LeaseOptions) -> AsyncIterator[StreamLease]:
        """Connect and prove every right, before the first letter is touched (D4); an empty source may be gone.

        Raises:
            NotFound: the source is gone or no stream, or no target is there.
            NotAuthorised: a right is missing; it is named.
            CannotConnect, BrokerTrouble: no conversation, or no writes now.
        """
        lease = cls(nodes, source, terms)
        try:
            await lease._prepare()
            yield lease
        finally:
            await lease._close()

    async def _close(self) -> None:
        if self._ahead is not None:
            await self._ahead.close()
        await self._claims.close()
        for line in self._lines:
            await line.close()

    async def _prepare(self) -> None:
        kind, marked = await self._nodes.pipe(self._key, [("TYPE", self._key), ("EXISTS", self._stays)])
        bounds = self._source.bounds
        if isinstance(bounds, IdBounds) and bounds.last is None:
            return
        require_stream(kind, self._source.ref)
        await prove(self._line, removing(self._key, self._stays, self._record), self._source.ref.name)
        self._marked = marked == 1
        await self._open_record(self._record)
        missing: list[MqtuiError] = []
        for target in self._terms.targets:
            try:
                await self._route(target)
            except (NotFound, NotAuthorised) as error:
                missing.append(error)
        if missing and len(missing) == len(self._terms.targets):
            raise missing[0]

    async def batches(self, size: int) -> AsyncIterator[Batch]:
        """Letters by id from the snapshot's first to its last; those under a mark were handled and are left out."""
        bounds = self._source.bounds
        if not isinstance(bounds, IdBounds) or bounds.first is None or bounds.last is None:
            return
        stays = self._stays if self._marked else None
        self._ahead = ReadAhead(self._nodes, self._source.ref, bounds.first, bounds.last, stays, size)
        ahead = self._ahead.batches()
        given = 0
        try:
            async for batch in ahead:
                left = None if self._terms.limit is None else self._terms.limit + self._kept - given
                if self._draining or (left is not None and left <= 0):
                    return
                some = batch if left is None else batch[:left]
                given += len(some)
                yield some
        finally:
            await ahead.aclose()

    async def drain(self) -> None:
        """Take no more. Nothing is in hand between batches: a stream lends nothing."""
        self._draining = True

    async def move(self, batch: Sequence[Transfer]) -> Sequence[Receipt]:
        """One receipt a letter; letters that go the same way keep their order. A closed target refuses its own.

        Raises:
            CannotConnect, BrokerTrouble: no conversation; nothing of the rest was moved.
        """
        return await self._others.named([transfer.letter for transfer in batch], await self._each_way(batch))

    async def _each_way(self, batch: Sequence[Transfer]) -> list[Receipt]:
        ways = self._ways(batch)
        if len(ways) == 1:
            way = next(iter(ways))
            return await self._moved([transfer.letter for transfer in batch], way)
        receipts: dict[int, Receipt] = {}
        for way, indexes in ways.items():
            moved = await self._moved([batch[index].letter for index in indexes], way)
            receipts |= dict(zip(indexes, moved, strict=True))
        return [receipts[index] for index in range(len(batch))]

    async def settle(self, letters: Batch) -> Sequence[Receipt]:
        """Remove letters where no group needs them; elsewhere they stay and are marked as handled (D1).

        Raises:
            CannotConnect, BrokerTrouble: no conversation; nothing was removed.
        """
        receipts = await self._releaser.release(letters)
        await self._claims.end(letters)
        return await self._others.named(letters, receipts)

    async def release(self, letters: Batch) -> None:
        """They are where they were, and anybody's."""
        self._kept += len(letters)
        await self._claims.end(letters)

    async def claim(self, letters: Batch) -> Sequence[LetterClaim]:
        """Claim letters before they are stored at another broker, so that two runs do not both do it.

        Raises:
            CannotConnect, BrokerTrouble: no conversation; nothing may be stored elsewhere.
        """
        claims = await self._claims.take(letters)
        refused = [place for place, claim in enumerate(claims) if claim.refused is not None]
        receipts = [claim.refused or GONE for claim in claims if claim.refused is not None]
        named = await self._others.named([letters[place] for place in refused], receipts)
        for place, receipt in zip(refused, named, strict=True):
            claims[place] = LetterClaim(receipt)
        return claims

    def _ways(self, batch: Sequence[Transfer]) -> dict[Way, range | list[int]]:
        """The letters of each way, by index; usually there is one way."""
        if not batch:
            return {}
        first = batch[0]
        target, stripped, added = first.target, first.stripped, first.added
        if all(one.target is target and one.stripped is stripped and one.added is added for one in batch):
            return {Way(self._source.ref, target, stripped, added): range(len(batch))}
        ways: dict[Way, range | list[int]] = {}
        for index, one in enumerate(batch):
            way = Way(self._source.ref, one.target, one.stripped, one.added)
            found = ways.setdefault(way, [])
            if isinstance(found, list):
                found.append(index)
        return ways

    async def _moved(self, letters: list[Message], way: Way) -> list[Receipt]:
        """Runs of usual letters together, those of very many fields one by one, in order."""
        try:
            route = await self._route(way.target)
        except (NotFound, NotAuthorised) as missing:
            return [refused(missing)] * len(letters)
        receipts: list[Receipt] = []
        start = 0
        for index, letter in enumerate(letters):
            if len(letter.fields) > MOST_FIELDS:
                receipts += await self._light(route, letters[start:index], way)
                receipts += await self._heavy(route, letter, way)
                start = index + 1
        return receipts + await self._light(route, letters[start:], way)

    async def _light(self, route: Route, letters: list[Message], way: Way) -> list[Receipt]:
        if not letters:
            return []
        if route.near is not None:
            return await route.near.move(letters, way, self._ahead.heaviest if self._ahead else BATCH_BYTES)
        assert route.far is not None
        return await route.far.move(letters, way)

    async def _heavy(self, route: Route, letter: Message, way: Way) -> list[Receipt]:
        if route.far is None:
            return [await route.heavy.move(letter, way)]
        absent = (await self._releaser.present([letter]))[0]
        if absent is not None:
            return [absent]
        return await route.far.removed([letter], [await route.heavy.move(letter, way)])

    async def _route(self, target: Ref) -> Route:
        if target not in self._routes:
            self._routes[target] = await self._laid(target)
        return self._routes[target]

    async def _laid(self, target: Ref) -> Route:
        key = stream_key(target)
        kind, newest = await self._nodes.pipe(key, [("TYPE", key), ("XREVRANGE", key, "+", "-", "COUNT", 1)])
        try:
            require_stream(kind, target)
        except NotFound as missing:
            raise NotFound(missing.title, "A move never makes its target.", missing.hint) from missing
        last = entries(sure(newest, "XREVRANGE", target.name))
        since = entry_id(last[0][0]) if last else EntryId(0, 0)
        if not self._nodes.clustered or slot(key) == slot(self._key):
            record = moved_record(self._nodes.address.prefix, self._key, self._terms.run, key)
            await prove(self._line, storing(key, self._key, self._stays, record), target.name)
            await self._open_record(record)
            near = SlotMover(self._nodes, self._line, self._stays, record, since)
            return Route(near, None, HeavyMover(self._nodes, self._line, self._stays, record))
        line, mark = Line(self._nodes, key), run_mark(self._nodes.address.prefix, key, self._terms.run)
        self._lines.append(line)
        await prove(line, [*storing(key, mark), *marking(mark)], target.name)
        far = CrossMover(line, self._releaser, mark)
        return Route(None, far, HeavyMover(self._nodes, line, self._stays, self._record, mark))

    async def _open_record(self, record: bytes) -> None:
        """Begin a record, and keep what this run's earlier processes wrote; a refusal is no reason not to move."""
        names = record_table(self._nodes.address.prefix, self._key)
        keys = (record, earlier_record(record), names, self._key)
        await self._line.pipe([call(OPEN_RECORD, keys, LIFE_S, signed(self._terms))])
