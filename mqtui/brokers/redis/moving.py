"""Moves within one slot: a script stores each letter and removes it from the source, exactly once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from redis.exceptions import RedisError

from mqtui.brokers.redis.building import stored
from mqtui.brokers.redis.doubt import found_in
from mqtui.brokers.redis.errors import RepliesLost, answered, code_of
from mqtui.brokers.redis.line import Line
from mqtui.brokers.redis.marks import LIFE_S
from mqtui.brokers.redis.nodes import Nodes
from mqtui.brokers.redis.replies import Answer, flat_fields, id_bytes
from mqtui.brokers.redis.scripts import MOVE, call
from mqtui.brokers.redis.wire import Command
from mqtui.domain.errors import BrokerTrouble, CannotConnect, MqtuiError
from mqtui.domain.message import EntryId, Header, Message
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import Ref, name_bytes

BATCH_LETTERS = 500
BATCH_BYTES = 1_000_000
BATCH_PARTS = 50_000

GONE = Receipt(PublishStatus.GONE, reason="not in the source any more")
HANDLED = Receipt(PublishStatus.GONE, reason="handled by another run; another group still needs the entry")
STAYS = "another group still needs the entry: it stays in the source, marked as handled"


@dataclass(frozen=True, slots=True)
class Way:
    """Where letters go and what changes on the way."""

    source: Ref
    target: Ref
    stripped: frozenset[str] = frozenset()
    added: tuple[Header, ...] = ()

    def parts(self, letter: Message) -> list[bytes]:
        """The fields as they arrive, flat."""
        fields = letter.fields
        if self.stripped:
            names = {name_bytes(name) for name in self.stripped}
            fields = tuple(pair for pair in fields if pair[0] not in names)
        return flat_fields(fields) + self.extra()

    def extra(self) -> list[bytes]:
        """Fields that are added, flat."""
        return [part for name, content, _ in self.added for part in (name_bytes(name), content or b"")]


class SlotMover:
    """Moves letters to a target in the source's slot. `newest` is the target's newest id before the first move."""

    def __init__(self, nodes: Nodes, line: Line, stays: bytes, record: bytes, newest: EntryId) -> None:
        self._nodes = nodes
        self._line = line
        self._stays = stays
        self._record = record
        self._newest = newest

    async def move(self, letters: Sequence[Message], way: Way, heaviest: int) -> list[Receipt]:
        """One receipt a letter. Letters hold at most 1,900 fields and `heaviest` bytes each.

        Raises:
            CannotConnect, BrokerTrouble: no conversation; nothing was moved.
            NotAuthorised: a right is missing; nothing was moved.
        """
        if not in_order(letters):
            return await self._sorted(letters, way, heaviest)
        chunks = list(chunked(letters, heaviest))
        commands = [self._command(chunk, way) for chunk in chunks]
        try:
            answers, doubt = await self._line.stored(commands)
        except RepliesLost as lost:
            return await self._again(chunks, commands, way, lost)
        receipts = self._receipts(chunks, answers, way)
        return [doubted(receipt, doubt) for receipt in receipts] if doubt else receipts

    async def _sorted(self, letters: Sequence[Message], way: Way, heaviest: int) -> list[Receipt]:
        """Move them by id, each once, and give the receipts in the order that was asked for."""
        each = {letter.position: letter for letter in letters if isinstance(letter.position, EntryId)}
        wanted = [each[position] for position in sorted(each)]
        found = dict(zip(sorted(each), await self.move(wanted, way, heaviest), strict=True))
        return [found[letter.position] for letter in letters if isinstance(letter.position, EntryId)]

    def _command(self, chunk: Sequence[Message], way: Way) -> Command:
        keys = (name_bytes(way.source.name), name_bytes(way.target.name), self._stays, self._record)
        strips, adds = [name_bytes(name) for name in way.stripped], way.extra()
        return call(MOVE, keys, LIFE_S, len(strips), len(adds), *strips, *adds, *ids(chunk))

    def _receipts(self, chunks: Sequence[Sequence[Message]], answers: Sequence[Answer], way: Way) -> list[Receipt]:
        receipts: list[Receipt] = []
        for chunk, answer in zip(chunks, answers, strict=True):
            receipts += outcomes(answer, len(chunk), way)
        newest = next((one.position for one in reversed(receipts) if one.position is not None), None)
        if isinstance(newest, EntryId):
            self._newest = newest
        return receipts

    async def _again(
        self, chunks: Sequence[Sequence[Message]], commands: Sequence[Command], way: Way, lost: RepliesLost
    ) -> list[Receipt]:
        """Replies are missing. The script moves only what is still in the source, so it may run again; what is gone
        then was moved by the call whose reply was lost, if it is found in the target.
        """
        came = min(len(lost.replies), len(chunks))
        receipts = self._receipts(chunks[:came], lost.replies[:came], way)
        rest = [letter for chunk in chunks[came:] for letter in chunk]
        since = self._newest
        try:
            await self._line.mend()
            answers, doubt = await self._line.stored(commands[came:])
            late = self._receipts(chunks[came:], answers, way)
            late = await self._found(rest, late, way, since)
        except (RepliesLost, CannotConnect, BrokerTrouble) as error:
            unknown = Receipt(PublishStatus.UNKNOWN, reason=f"{lost.title}: {error.title}")
            return receipts + [unknown] * len(rest)
        receipts += late
        return [doubted(receipt, doubt) for receipt in receipts] if doubt else receipts

    async def _found(
        self, letters: Sequence[Message], receipts: list[Receipt], way: Way, since: EntryId
    ) -> list[Receipt]:
        gone = [index for index, receipt in enumerate(receipts) if receipt is GONE]
        if not gone:
            return receipts
        wanted = [way.parts(letters[index]) for index in gone]
        places, _ = await found_in(self._nodes, name_bytes(way.target.name), since, wanted)
        for index, place in zip(gone, places, strict=True):
            receipts[index] = (
                Receipt(PublishStatus.STORED, place)
                if place is not None
                else Receipt(PublishStatus.UNKNOWN, reason="gone from the source and not found in the target")
            )
        return receipts


def outcomes(answer: Answer, count: int, way: Way) -> list[Receipt]:
    """The receipts of one script call. A script that was refused has moved nothing: that is each letter's refusal."""
    if isinstance(answer, RedisError):
        if code_of(answer) == "NOTARGET":
            return [Receipt(PublishStatus.REFUSED, reason=f"there is no stream {way.target.name}")] * count
        return [refused(answered(answer, "EVAL", way.target.name))] * count
    special, *said = cast("tuple[int, *tuple[bytes, ...]]", answer)
    if special:
        return [outcome(one) for one in said]
    return stored(said)


def refused(error: MqtuiError) -> Receipt:
    """A definite refusal, in the server's own words."""
    return Receipt(PublishStatus.REFUSED, reason=f"{error.title}: {error.detail}" if error.detail else error.title)


def outcome(word: bytes) -> Receipt:
    """What a script says of one letter."""
    match word[:1]:
        case b"":
            return GONE
        case b"=":
            return HANDLED
        case b"!":
            return Receipt(PublishStatus.REFUSED, reason=word[1:].decode("utf-8", "replace"))
        case b"+":
            ms, _, seq = word[1:].partition(b"-")
            return Receipt(PublishStatus.STORED, EntryId(int(ms), int(seq)), STAYS)
        case _:
            ms, _, seq = word.partition(b"-")
            return Receipt(PublishStatus.STORED, EntryId(int(ms), int(seq)))


def doubted(receipt: Receipt, doubt: str) -> Receipt:
    """A receipt that does not count yet where there is a doubt, such as replicas that do not have the letter."""
    doubtful = doubt and receipt.state is PublishStatus.STORED
    return Receipt(PublishStatus.UNKNOWN, receipt.position, doubt) if doubtful else receipt


def ids(letters: Sequence[Message]) -> list[bytes]:
    """The ids of letters as the server takes them."""
    return [id_bytes(letter.position) for letter in letters if isinstance(letter.position, EntryId)]


def in_order(letters: Sequence[Message]) -> bool:
    """Whether each id is above the one before, as the scripts want it."""
    last_ms = last_seq = -1
    for letter in letters:
        position = letter.position
        if not isinstance(position, EntryId):
            return False
        ms, seq = position.ms, position.seq
        if ms < last_ms or (ms == last_ms and seq <= last_seq):
            return False
        last_ms, last_seq = ms, seq
    return True


def chunked(letters: Sequence[Message], heaviest: int = BATCH_BYTES) -> Iterator[Sequence[Message]]:
    """Letters in chunks of at most 500, 1 MB and 50,000 parts (D4); none is known to weigh more than `heaviest`."""
    if heaviest * BATCH_LETTERS <= BATCH_BYTES:
        for start in range(0, len(letters), BATCH_LETTERS):
            yield letters[start : start + BATCH_LETTERS]
        return
    start = size = parts = 0
    for index, letter in enumerate(letters):
        inner = letter.size
        width = 2 * len(letter.fields)
        full = index - start == BATCH_LETTERS or size + inner > BATCH_BYTES or parts + width > BATCH_PARTS
        if full and index > start:
            yield letters[start:index]
            start, size, parts = index, 0, 0
        size += inner
        parts += width
    if start < len(letters):
        yield letters[start:]
