"""Removal from the source, where no other group still needs the entry (D1)."""

from __future__ import annotations

from collections.abc import Sequence

from redis.exceptions import RedisError

from mqtui.brokers.redis.errors import RepliesLost, answered
from mqtui.brokers.redis.line import Line
from mqtui.brokers.redis.marks import LIFE_S
from mqtui.brokers.redis.moving import GONE, HANDLED, STAYS, chunked, ids, refused
from mqtui.brokers.redis.nodes import Nodes, not_now, patiently
from mqtui.brokers.redis.replies import Answer, sure
from mqtui.brokers.redis.scripts import PRESENT, RELEASE, call
from mqtui.brokers.redis.wire import Command
from mqtui.domain.errors import BrokerTrouble, CannotConnect
from mqtui.domain.message import Message
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import Ref, name_bytes

REMOVED = Receipt(PublishStatus.STORED)
REMAINS = Receipt(PublishStatus.STORED, reason=STAYS)
UNMARKED = Receipt(
    PublishStatus.REFUSED, reason="another group still needs the entry, and it could not be marked as handled: it stays"
)
SAID = {1: REMOVED, 0: GONE, 2: REMAINS, -1: UNMARKED}


class Releaser:
    """Removes letters from one source that are stored elsewhere, or are discarded."""

    def __init__(self, nodes: Nodes, line: Line, source: Ref, stays: bytes, record: bytes) -> None:
        self._nodes = nodes
        self._line = line
        self._source = source
        self._stays = stays
        self._record = record

    @property
    def _keys(self) -> tuple[bytes, bytes]:
        return name_bytes(self._source.name), self._stays

    async def present(self, letters: Sequence[Message]) -> list[Receipt | None]:
        """Why a letter can't be taken: gone, or handled before; None where it is there."""
        found: list[Receipt | None] = []
        questions = [call(PRESENT, self._keys, *ids(chunk)) for chunk in chunked(letters)]
        for answer in await self._asked(questions) if questions else []:
            sure(answer, "EVAL", self._source.name)
            found += [{0: GONE, 2: HANDLED}.get(said) for said in _numbers(answer)]
        return found

    async def _asked(self, questions: Sequence[Command]) -> list[Answer]:
        """The answers, once the server serves the slot again."""

        async def asked() -> list[Answer]:
            answers = await self._nodes.pipe(self._keys[0], questions)
            for answer in filter(not_now, answers):
                sure(answer, "EVAL", self._source.name)
            return answers

        return await patiently(asked, self._nodes.options.reconnect)

    async def release(self, letters: Sequence[Message]) -> list[Receipt]:
        """One receipt a letter: removed, or it stays under a mark, or it was gone, or Redis refuses to remove it.

        Raises:
            CannotConnect, BrokerTrouble: no conversation; nothing was removed.
        """
        chunks = list(chunked(letters))
        commands: list[Command] = [call(RELEASE, (*self._keys, self._record), LIFE_S, *ids(chunk)) for chunk in chunks]
        try:
            answers, doubt = await self._line.stored(commands)
            receipts = self._receipts(chunks, answers)
        except RepliesLost as lost:
            receipts, doubt = await self._again(chunks, commands, lost)
        if not doubt:
            return receipts
        return [
            Receipt(PublishStatus.UNKNOWN, reason=doubt) if one.state is PublishStatus.STORED else one
            for one in receipts
        ]

    def _receipts(self, chunks: Sequence[Sequence[Message]], answers: Sequence[Answer]) -> list[Receipt]:
        receipts: list[Receipt] = []
        for chunk, answer in zip(chunks, answers, strict=True):
            if isinstance(answer, RedisError):
                receipts += [refused(answered(answer, "EVAL", self._source.name))] * len(chunk)
            else:
                receipts += [SAID[said] for said in _numbers(answer)]
        return receipts

    async def _again(
        self, chunks: Sequence[Sequence[Message]], commands: Sequence[Command], lost: RepliesLost
    ) -> tuple[list[Receipt], str]:
        """Replies are missing. Removing again is harmless, and what is gone then was removed by the lost call."""
        came = min(len(lost.replies), len(commands))
        receipts = self._receipts(chunks[:came], lost.replies[:came])
        try:
            await self._line.mend()
            answers, doubt = await self._line.stored(commands[came:])
            late = self._receipts(chunks[came:], answers)
        except (RepliesLost, CannotConnect, BrokerTrouble) as error:
            unknown = Receipt(PublishStatus.UNKNOWN, reason=f"{lost.title}: {error.title}")
            return receipts + [unknown] * sum(map(len, chunks[came:])), ""
        return receipts + [REMOVED if one is GONE else one for one in late], doubt


def _numbers(answer: Answer) -> list[int]:
    return [said for said in answer if isinstance(said, int)] if isinstance(answer, list) else []
