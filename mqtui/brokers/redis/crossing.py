"""Moves across slots (D5): stored in the target's slot under the run's mark, waited for, then removed at the source."""

from __future__ import annotations

from collections.abc import Sequence

from mqtui.brokers.redis.errors import RepliesLost
from mqtui.brokers.redis.line import Line
from mqtui.brokers.redis.marks import LIFE_S
from mqtui.brokers.redis.moving import Way, chunked, doubted, ids, outcomes
from mqtui.brokers.redis.releasing import Releaser
from mqtui.brokers.redis.scripts import STORE, call
from mqtui.brokers.redis.wire import Command
from mqtui.domain.errors import BrokerTrouble, CannotConnect, MqtuiError
from mqtui.domain.message import Message
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import name_bytes

BEFORE = "stored by an earlier try of this run"


class CrossMover:
    """Moves letters to a target in another slot. The mark names each source id this run has stored there."""

    def __init__(self, line: Line, releaser: Releaser, mark: bytes) -> None:
        self._line = line
        self._releaser = releaser
        self._mark = mark

    async def move(self, letters: Sequence[Message], way: Way) -> list[Receipt]:
        """One receipt a letter; what could not be stored safely stays in the source.

        Raises:
            CannotConnect, BrokerTrouble: no conversation; nothing was stored.
            NotAuthorised: a right is missing; nothing was stored.
        """
        absent = await self._releaser.present(letters)
        there = [letter for letter, why in zip(letters, absent, strict=True) if why is None]
        stored = iter(await self._store(there, way))
        receipts = [next(stored) if why is None else why for why in absent]
        return await self.removed(letters, receipts)

    async def removed(self, letters: Sequence[Message], receipts: list[Receipt]) -> list[Receipt]:
        """The second half: remove what is stored; a letter that can't be removed now is unknown."""
        places = [index for index, receipt in enumerate(receipts) if receipt.state is PublishStatus.STORED]
        if not places:
            return receipts
        try:
            ends = await self._releaser.release([letters[index] for index in places])
        except MqtuiError as error:
            ends = [Receipt(PublishStatus.UNKNOWN, reason=f"stored, but not removed: {error.title}")] * len(places)
        for index, end in zip(places, ends, strict=True):
            kept = receipts[index]
            if end.state is PublishStatus.REFUSED:
                end = Receipt(PublishStatus.UNKNOWN, reason=f"stored, but not removed: {end.reason}")
            state = PublishStatus.UNKNOWN if end.state is PublishStatus.UNKNOWN else PublishStatus.STORED
            reason = end.reason if end.state is not PublishStatus.GONE else kept.reason
            receipts[index] = Receipt(state, kept.position, reason)
        return receipts

    async def _store(self, letters: Sequence[Message], way: Way) -> list[Receipt]:
        chunks = list(chunked(letters))
        commands = [self._command(chunk, way) for chunk in chunks]
        if not commands:
            return []
        try:
            answers, doubt = await self._line.stored(commands, synced=True)
        except RepliesLost as lost:
            try:
                await self._line.mend()
                answers, doubt = await self._line.stored(commands, synced=True)
            except (RepliesLost, CannotConnect, BrokerTrouble) as error:
                return [Receipt(PublishStatus.UNKNOWN, reason=f"{lost.title}: {error.title}")] * len(letters)
        receipts: list[Receipt] = []
        for chunk, answer in zip(chunks, answers, strict=True):
            receipts += [marked(one) for one in outcomes(answer, len(chunk), way)]
        return [doubted(receipt, doubt) for receipt in receipts] if doubt else receipts

    def _command(self, chunk: Sequence[Message], way: Way) -> Command:
        arguments: list[bytes | int] = []
        for raw, letter in zip(ids(chunk), chunk, strict=True):
            parts = way.parts(letter)
            arguments += [raw, len(parts), *parts]
        return call(STORE, (name_bytes(way.target.name), self._mark), LIFE_S, *arguments)


def marked(receipt: Receipt) -> Receipt:
    """In this script `=` says that the run has stored the letter already: only the removal is left."""
    return Receipt(PublishStatus.STORED, reason=BEFORE) if receipt.state is PublishStatus.GONE else receipt
