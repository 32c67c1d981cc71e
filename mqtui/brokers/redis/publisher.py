"""Publishing: XADD, each entry once, with the replicas' word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from redis.exceptions import RedisError

from mqtui.brokers.redis.catalog import stream_key
from mqtui.brokers.redis.doubt import found_in
from mqtui.brokers.redis.errors import UNAVAILABLE, RepliesLost, answered, no_stream
from mqtui.brokers.redis.line import Line
from mqtui.brokers.redis.moving import doubted
from mqtui.brokers.redis.nodes import Nodes
from mqtui.brokers.redis.replies import Answer, entries, entry_id, flat_fields, sure, text
from mqtui.brokers.redis.wire import Command
from mqtui.domain.errors import BrokerTrouble, CannotConnect, NotAuthorised, NotFound
from mqtui.domain.message import EntryId, Outgoing
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import Ref, name_bytes

NEW_STREAM = "new stream"
"""A plan's Send with this note may create its stream."""

NO_FIELDS = Receipt(PublishStatus.REFUSED, reason="an entry needs at least one field")
SHARE_BYTES = 4_000_000
NOT_STORED = "the connection broke before it was stored"


class StreamPublisher:
    """Adds entries. The stream must exist, unless it is one of `new`."""

    def __init__(self, nodes: Nodes, new: frozenset[Ref] = frozenset()) -> None:
        self._nodes = nodes
        self._new = new
        self._lines: dict[bytes, Line] = {}
        self._newest: dict[bytes, EntryId] = {}

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        """One receipt a message, in order; messages for one stream keep their order.

        Raises:
            NotFound: none of the streams exists; a single missing one refuses its messages.
            NotAuthorised: the right to XADD is missing; nothing was stored.
            CannotConnect, BrokerTrouble: no conversation; nothing was sent.
        """
        targets: dict[Ref, list[int]] = {}
        for index, outgoing in enumerate(batch):
            targets.setdefault(outgoing.target, []).append(index)
        missing: dict[Ref, NotFound] = {}
        for target in targets:
            try:
                await self._prepare(target)
            except NotFound as error:
                missing[target] = error
        if missing and len(missing) == len(targets):
            raise next(iter(missing.values()))
        receipts = [NO_FIELDS] * len(batch)
        for target, indexes in targets.items():
            if target in missing:
                for index in indexes:
                    receipts[index] = Receipt(PublishStatus.REFUSED, reason=missing[target].title)
                continue
            flat = {index: parts for index in indexes if (parts := parts_of(batch[index]))}
            told = [one for some in together(flat.values()) for one in await self._send(target, some)]
            for index, receipt in zip(flat, told, strict=True):
                receipts[index] = receipt
        return receipts

    async def close(self) -> None:
        """Close the connections."""
        for line in self._lines.values():
            await line.close()

    async def _prepare(self, target: Ref) -> None:
        """See that the stream is there, and remember its newest id for a lost reply."""
        key = stream_key(target)
        if key in self._newest:
            return
        kind, newest = await self._nodes.pipe(key, [("TYPE", key), ("XREVRANGE", key, "+", "-", "COUNT", 1)])
        if not isinstance(kind, RedisError) and text(kind) == "none" and target not in self._new:
            missing = no_stream(target.name)
            raise NotFound(missing.title, missing.detail, f"XGROUP CREATE {target.name} GROUP $ MKSTREAM makes it.")
        try:
            last = entries(sure(newest, "XREVRANGE", target.name))
        except UNAVAILABLE:
            last = []  # it is needed only where a reply is lost
        self._newest[key] = entry_id(last[0][0]) if last else EntryId(0, 0)

    async def _send(self, target: Ref, wanted: list[list[bytes]]) -> list[Receipt]:
        key = name_bytes(target.name)
        line = self._lines.setdefault(key if self._nodes.clustered else b"", Line(self._nodes, key))
        must_exist = () if target in self._new else ("NOMKSTREAM",)
        commands: list[Command] = [("XADD", key, *must_exist, "*", *parts) for parts in wanted]
        try:
            answers, doubt = await line.stored(commands)
        except RepliesLost as lost:
            return await self._settled(line, target, wanted, lost)
        receipts = [self._receipt(target, answer, doubt) for answer in answers]
        if all(isinstance(answer, RedisError) for answer in answers) and answers:
            error = answered(answers[0], "XADD", target.name) if isinstance(answers[0], RedisError) else None
            if isinstance(error, NotAuthorised | CannotConnect):
                raise error
        return receipts

    def _receipt(self, target: Ref, answer: Answer, doubt: str) -> Receipt:
        if isinstance(answer, RedisError):
            error = answered(answer, "XADD", target.name)
            return Receipt(
                PublishStatus.REFUSED, reason=f"{error.title}: {error.detail}" if error.detail else error.title
            )
        if not isinstance(answer, bytes):
            return Receipt(PublishStatus.REFUSED, reason=f"the stream {target.name} does not exist any more")
        position = entry_id(answer)
        self._newest[name_bytes(target.name)] = position
        return doubted(Receipt(PublishStatus.STORED, position), doubt)

    async def _settled(self, line: Line, target: Ref, wanted: list[list[bytes]], lost: RepliesLost) -> list[Receipt]:
        """Replies are missing: what came counts, the rest is looked for in the stream."""
        key = name_bytes(target.name)
        sent = min(len(lost.replies), len(wanted))
        receipts = [self._receipt(target, answer, "") for answer in lost.replies[:sent]]
        try:
            over = await line.mend()
            places, complete = await found_in(self._nodes, key, self._newest[key], wanted[sent:])
            doubt = await line.settled()
        except (CannotConnect, BrokerTrouble, *UNAVAILABLE) as error:
            unknown = Receipt(PublishStatus.UNKNOWN, reason=f"{lost.title}: {error.title}")
            return receipts + [unknown] * (len(wanted) - sent)
        receipts += [_found(place, sure_of_it=over and complete, why=lost.title) for place in places]
        for place in places:
            self._newest[key] = max(self._newest[key], place or self._newest[key])
        return [doubted(receipt, doubt) for receipt in receipts]


def together(each: Iterable[list[bytes]]) -> Iterator[list[list[bytes]]]:
    """Entries in shares of at most 4 MB, each of which is sent at once; a larger one is alone."""
    share: list[list[bytes]] = []
    room = SHARE_BYTES
    for parts in each:
        size = sum(map(len, parts))
        if share and size > room:
            yield share
            share, room = [], SHARE_BYTES
        share.append(parts)
        room -= size
    if share:
        yield share


def parts_of(outgoing: Outgoing) -> list[bytes]:
    """Names and values of the entry: the fields; a value and headers, where another broker's message has them.

    The key goes to the field `key`, the value to `value`, each header to a field of its name; a null is empty.
    """
    parts = flat_fields(outgoing.fields)
    if outgoing.key is not None:
        parts += [b"key", outgoing.key]
    if outgoing.value is not None:
        parts += [b"value", outgoing.value]
    for name, content, _ in outgoing.headers:
        parts += [name_bytes(name), content or b""]
    return parts


def _found(place: EntryId | None, *, sure_of_it: bool, why: str) -> Receipt:
    if place is not None:
        return Receipt(PublishStatus.STORED, place)
    return (
        Receipt(PublishStatus.REFUSED, reason=NOT_STORED) if sure_of_it else Receipt(PublishStatus.UNKNOWN, reason=why)
    )
