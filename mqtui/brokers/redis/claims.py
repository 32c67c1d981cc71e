"""Claims on letters that are stored at another broker: a stream shows the same letter to every run (C13).

Within one Redis a script stores and removes in one step; across brokers there is a while between the two. A claim lies
in the source's slot and counts as long as its run renews its word, by the server's clock.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress

from mqtui.brokers.redis.errors import RepliesLost
from mqtui.brokers.redis.line import Line
from mqtui.brokers.redis.marks import LIFE_S, claim_table
from mqtui.brokers.redis.moving import GONE, HANDLED, chunked, ids
from mqtui.brokers.redis.nodes import Nodes
from mqtui.brokers.redis.replies import Reply, items, sure, text
from mqtui.brokers.redis.scripts import CLAIM, PRESENT, call
from mqtui.brokers.redis.wire import Command
from mqtui.domain.errors import MqtuiError, NotAuthorised
from mqtui.domain.message import Message
from mqtui.domain.redrive import LeaseOptions, LetterClaim, PublishStatus, Receipt
from mqtui.domain.resource import Ref, name_bytes

COUNTS_MS = 30_000
"""How long a run's word counts after it was renewed."""

RENEWED = 10.0
"""Seconds between two renewals."""

OWN = LetterClaim()


class Claims:
    """The claims of one run on one source. Nothing is written before the first letter is claimed."""

    def __init__(self, nodes: Nodes, line: Line, source: Ref, stays: bytes, terms: LeaseOptions) -> None:
        self._nodes = nodes
        self._line = line
        self._source = source
        self._stays = stays
        self._key = name_bytes(source.name)
        self._table = claim_table(nodes.address.prefix, self._key)
        self._run = terms.run
        self._who = who(terms)
        self._renewing: asyncio.Task[None] | None = None
        self._kept = True

    async def take(self, letters: Sequence[Message]) -> list[LetterClaim]:
        """One answer a letter. Where this user may not keep claims, all that are there may be taken; the plan says so.

        Raises:
            CannotConnect, BrokerTrouble: no conversation, or the server takes no writes now.
        """
        if self._kept:
            try:
                claims = await self._claimed(letters)
            except NotAuthorised:
                self._kept = False
            else:
                if self._renewing is None:
                    self._renewing = asyncio.create_task(self._renew())
                return claims
        questions = [call(PRESENT, (self._key, self._stays), *ids(chunk)) for chunk in chunked(letters)]
        absent = {0: LetterClaim(GONE), 2: LetterClaim(HANDLED)}
        return [absent.get(said, OWN) for said in await self._said(questions) if isinstance(said, int)]

    async def end(self, letters: Sequence[Message]) -> None:
        """Give claims up: the letters are removed, or stay for anybody."""
        if self._renewing is not None and letters:
            with suppress(MqtuiError):
                await self._line.pipe([("HDEL", self._table, *ids(chunk)) for chunk in chunked(letters)])

    async def close(self) -> None:
        """The run's word ends: what it still claims may be taken over, as a letter that it may have stored."""
        renewing, self._renewing = self._renewing, None
        if renewing is not None:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            with suppress(MqtuiError):
                await self._line.pipe([("HDEL", self._table, "@" + self._run)])

    async def _claimed(self, letters: Sequence[Message]) -> list[LetterClaim]:
        said = await self._said([self._command(ids(chunk)) for chunk in chunked(letters)])
        return [_claim(text(word)) for word in said]

    async def _said(self, commands: Sequence[Command]) -> list[Reply]:
        """What a script says of each letter. Claiming twice is claiming once, so a lost reply is asked for again."""
        if not commands:
            return []
        try:
            answers = await self._line.pipe(commands)
        except RepliesLost:
            await self._line.mend()
            answers = await self._line.pipe(commands)
        return [word for answer in answers for word in items(sure(answer, "EVAL", self._source.name))]

    def _command(self, wanted: Sequence[bytes]) -> Command:
        return call(CLAIM, (self._key, self._stays, self._table), self._run, self._who, COUNTS_MS, LIFE_S, *wanted)

    async def _renew(self) -> None:
        """On another connection: the line may be in the middle of a reply. Where it fails, the word runs out."""
        while True:
            await asyncio.sleep(RENEWED)
            with suppress(MqtuiError):
                await self._nodes.pipe(self._key, [self._command(())])


def who(terms: LeaseOptions) -> str:
    """The person and the machine a run is of."""
    return f"{terms.operator} on {socket.gethostname()}"


def signed(terms: LeaseOptions) -> str:
    """A run and who it is of, as other runs read it."""
    return f"{terms.run} {who(terms)}"


def named_run(about: str) -> str:
    """A run in words, from how it signed."""
    run, _, of = about.partition(" ")
    return f"run {run[:4].upper()}" + (f" of {of}" if of else "")


def _claim(word: str) -> LetterClaim:
    """What the script says of one letter."""
    sign, about = word[:1], word[1:]
    match sign:
        case "-":
            return LetterClaim(GONE)
        case "=":
            return LetterClaim(HANDLED)
        case "!":
            return LetterClaim(Receipt(PublishStatus.GONE, reason=f"claimed by {named_run(about)}"))
        case _:
            return LetterClaim(doubt=named_run(about) if about else "")
