"""Publishing by XADD: each entry once, confirmed when enough replicas have it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager

from redis.exceptions import RedisError

from mqtui.brokers.redis.connection.resp import (
    Command,
    ReplyOrError,
    as_text,
    parse_entries,
    parse_entry_id,
    raise_if_error,
)
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.connection.write_connection import WriteConnection
from mqtui.brokers.redis.errors import COMMAND_UNAVAILABLE, RepliesLost, no_such_stream, translate
from mqtui.brokers.redis.messages import to_parts
from mqtui.brokers.redis.read.catalog import stream_key
from mqtui.brokers.redis.redrive.lost_replies import find_entries
from mqtui.brokers.redis.redrive.receipts import mark_unknown, refusal_receipt
from mqtui.domain.errors import BrokerTrouble, CannotConnect, NotAuthorised, NotFound
from mqtui.domain.message import EntryId, Outgoing
from mqtui.domain.plan import Plan, Send
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import Ref, name_bytes

NEW_STREAM = "new stream"
"""A plan's Send with this note may create its stream."""

NO_FIELDS = Receipt(PublishStatus.REFUSED, reason="an entry needs at least one field")
PIPELINE_BYTES = 4_000_000
NOT_STORED = "the connection broke before it was stored"


class RedisPublisher:
    """Adds entries to streams that exist, or are among `new` ones."""

    def __init__(self, router: Router, new: frozenset[Ref] = frozenset()) -> None:
        self._router = router
        self._new = new
        self._connections: dict[bytes, WriteConnection] = {}
        self._newest: dict[bytes, EntryId] = {}

    async def send(self, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        """One receipt a message, in order. Messages to the same stream keep their order.

        Raises:
            NotFound: none of the streams exists; if some do, the messages to a missing one are refused.
            NotAuthorised: the right to XADD is missing; nothing was stored.
            CannotConnect, BrokerTrouble: the server can't be reached; nothing was sent.
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
            parts_by_index = {index: parts for index in indexes if (parts := to_parts(batch[index]))}
            sent = [one for some in split_pipelines(parts_by_index.values()) for one in await self._send(target, some)]
            for index, receipt in zip(parts_by_index, sent, strict=True):
                receipts[index] = receipt
        return receipts

    async def close(self) -> None:
        for connection in self._connections.values():
            await connection.close()

    async def _prepare(self, target: Ref) -> None:
        """Check that a stream exists, and note its newest id: after a lost reply the search begins there."""
        key = stream_key(target)
        if key in self._newest:
            return
        key_type, newest = await self._router.execute_pipeline(
            key, [("TYPE", key), ("XREVRANGE", key, "+", "-", "COUNT", 1)]
        )
        if not isinstance(key_type, RedisError) and as_text(key_type) == "none" and target not in self._new:
            missing = no_such_stream(target.name)
            raise NotFound(missing.title, missing.detail, f"XGROUP CREATE {target.name} GROUP $ MKSTREAM makes it.")
        try:
            last = parse_entries(raise_if_error(newest, "XREVRANGE", target.name))
        except COMMAND_UNAVAILABLE:
            last = []  # it is needed only where a reply is lost
        self._newest[key] = parse_entry_id(last[0][0]) if last else EntryId(0, 0)

    async def _send(self, target: Ref, entries: list[list[bytes]]) -> list[Receipt]:
        key = name_bytes(target.name)
        connection = self._connections.setdefault(
            key if self._router.is_clustered else b"", WriteConnection(self._router, key)
        )
        must_exist = () if target in self._new else ("NOMKSTREAM",)
        commands: list[Command] = [("XADD", key, *must_exist, "*", *parts) for parts in entries]
        try:
            replies, not_durable = await connection.execute_and_wait(commands)
        except RepliesLost as lost:
            return await self._look_up_lost(connection, target, entries, lost)
        receipts = [self._receipt(target, reply, not_durable) for reply in replies]
        if all(isinstance(reply, RedisError) for reply in replies) and replies:
            error = translate(replies[0], "XADD", target.name) if isinstance(replies[0], RedisError) else None
            if isinstance(error, NotAuthorised | CannotConnect):
                raise error
        return receipts

    def _receipt(self, target: Ref, reply: ReplyOrError, not_durable: str) -> Receipt:
        if isinstance(reply, RedisError):
            return refusal_receipt(translate(reply, "XADD", target.name))
        if not isinstance(reply, bytes):
            return Receipt(PublishStatus.REFUSED, reason=f"the stream {target.name} does not exist any more")
        position = parse_entry_id(reply)
        self._newest[name_bytes(target.name)] = position
        return mark_unknown(Receipt(PublishStatus.STORED, position), not_durable)

    async def _look_up_lost(
        self, connection: WriteConnection, target: Ref, entries: list[list[bytes]], lost: RepliesLost
    ) -> list[Receipt]:
        """The receipts after a lost reply: those of the replies that came, the others by a search in the stream."""
        key = name_bytes(target.name)
        answered = min(len(lost.replies), len(entries))
        receipts = [self._receipt(target, reply, "") for reply in lost.replies[:answered]]
        try:
            is_over = await connection.reconnect()
            positions, is_complete = await find_entries(self._router, key, self._newest[key], entries[answered:])
            not_durable = await connection.wait_for_earlier_writes()
        except (CannotConnect, BrokerTrouble, *COMMAND_UNAVAILABLE) as error:
            unknown = Receipt(PublishStatus.UNKNOWN, reason=f"{lost.title}: {error.title}")
            return receipts + [unknown] * (len(entries) - answered)
        not_found = (
            Receipt(PublishStatus.REFUSED, reason=NOT_STORED)
            if is_over and is_complete
            else Receipt(PublishStatus.UNKNOWN, reason=lost.title)
        )
        for position in positions:
            receipts.append(not_found if position is None else Receipt(PublishStatus.STORED, position))
            self._newest[key] = max(self._newest[key], position or self._newest[key])
        return [mark_unknown(receipt, not_durable) for receipt in receipts]


@asynccontextmanager
async def open_publisher(router: Router, plan: Plan) -> AsyncIterator[RedisPublisher]:
    """A publisher to streams that exist, or that the plan says are new."""
    new = frozenset(step.target for step in plan.steps if isinstance(step, Send) and step.note == NEW_STREAM)
    publisher = RedisPublisher(router, new)
    try:
        yield publisher
    finally:
        await publisher.close()


def split_pipelines(entries: Iterable[list[bytes]]) -> Iterator[list[list[bytes]]]:
    """Entries in pipelines of at most 4 MB each; a larger entry is a pipeline of its own."""
    pipeline: list[list[bytes]] = []
    bytes_left = PIPELINE_BYTES
    for parts in entries:
        size = sum(map(len, parts))
        if pipeline and size > bytes_left:
            yield pipeline
            pipeline, bytes_left = [], PIPELINE_BYTES
        pipeline.append(parts)
        bytes_left -= size
    if pipeline:
        yield pipeline
