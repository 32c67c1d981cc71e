"""Claims on letters that are stored at another broker: every run sees the same letters of a stream (C13).

Within one Redis a script stores and removes in one step; across brokers there is time between the two. Claims are kept
in a hash in the source's slot, and count as long as their run renews its heartbeat there, by the server's clock. They
have nothing to do with XCLAIM, which changes the consumer of a pending entry.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress

from mqtui.brokers.redis.connection.resp import Command, Reply, as_list, as_text, eval_command, raise_if_error
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.connection.write_connection import WriteConnection
from mqtui.brokers.redis.errors import RepliesLost
from mqtui.brokers.redis.redrive.bookkeeping_keys import TTL_S, claims_key
from mqtui.brokers.redis.redrive.lua import CLAIM, PRESENT
from mqtui.brokers.redis.redrive.move_spec import entry_ids, split_chunks
from mqtui.brokers.redis.redrive.receipts import GONE, HANDLED
from mqtui.domain.errors import MqtuiError, NotAuthorised
from mqtui.domain.message import Message
from mqtui.domain.redrive import LeaseOptions, LetterClaim, PublishStatus, Receipt
from mqtui.domain.resource import Ref, name_bytes

HEARTBEAT_TTL_MS = 30_000
"""How long the claims of a run count after its last heartbeat."""

HEARTBEAT_SECONDS = 10.0

CLAIMED = LetterClaim()


class CrossBrokerClaims:
    """The claims of one run on one source. Nothing is written before the first letter is claimed."""

    def __init__(
        self, router: Router, connection: WriteConnection, source: Ref, handled_set: bytes, options: LeaseOptions
    ) -> None:
        self._router = router
        self._connection = connection
        self._source = source
        self._handled_set = handled_set
        self._key = name_bytes(source.name)
        self._claims = claims_key(router.address.prefix, self._key)
        self._run = options.run
        self._owner = run_owner(options)
        self._heartbeat: asyncio.Task[None] | None = None
        self._is_allowed = True

    async def claim(self, letters: Sequence[Message]) -> list[LetterClaim]:
        """One claim a letter. Where this user has no right to claim, each letter that is there counts as claimed.

        Raises:
            CannotConnect, BrokerTrouble: the server can't be reached, or takes no writes now.
        """
        if self._is_allowed:
            try:
                claims = await self._claim(letters)
            except NotAuthorised:
                self._is_allowed = False
            else:
                if self._heartbeat is None:
                    self._heartbeat = asyncio.create_task(self._send_heartbeats())
                return claims
        commands = [
            eval_command(PRESENT, (self._key, self._handled_set), *entry_ids(chunk)) for chunk in split_chunks(letters)
        ]
        absent = {0: LetterClaim(GONE), 2: LetterClaim(HANDLED)}
        return [absent.get(number, CLAIMED) for number in await self._execute(commands) if isinstance(number, int)]

    async def give_up(self, letters: Sequence[Message]) -> None:
        """Give up the claims on letters that were removed, or that stay for other runs."""
        if self._heartbeat is not None and letters:
            with suppress(MqtuiError):
                await self._connection.execute_pipeline(
                    [("HDEL", self._claims, *entry_ids(chunk)) for chunk in split_chunks(letters)]
                )

    async def close(self) -> None:
        """End the heartbeat. Other runs may take over what is still claimed, as letters that may be stored already."""
        heartbeat, self._heartbeat = self._heartbeat, None
        if heartbeat is not None:
            heartbeat.cancel()
            await asyncio.gather(heartbeat, return_exceptions=True)
            with suppress(MqtuiError):
                await self._connection.execute_pipeline([("HDEL", self._claims, "@" + self._run)])

    async def _claim(self, letters: Sequence[Message]) -> list[LetterClaim]:
        replies = await self._execute([self._command(entry_ids(chunk)) for chunk in split_chunks(letters)])
        return [_parse_claim(as_text(reply)) for reply in replies]

    async def _execute(self, commands: Sequence[Command]) -> list[Reply]:
        """What the scripts return for each letter. After a lost reply they run again: claiming twice is harmless."""
        if not commands:
            return []
        try:
            replies = await self._connection.execute_pipeline(commands)
        except RepliesLost:
            await self._connection.reconnect()
            replies = await self._connection.execute_pipeline(commands)
        return [item for reply in replies for item in as_list(raise_if_error(reply, "EVAL", self._source.name))]

    def _command(self, ids: Sequence[bytes]) -> Command:
        keys = (self._key, self._handled_set, self._claims)
        return eval_command(CLAIM, keys, self._run, self._owner, HEARTBEAT_TTL_MS, TTL_S, *ids)

    async def _send_heartbeats(self) -> None:
        """Renew the heartbeat on another connection, as the write connection may wait for a reply.

        After a failure the claims end by themselves.
        """
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            with suppress(MqtuiError):
                await self._router.execute_pipeline(self._key, [self._command(())])


def run_owner(options: LeaseOptions) -> str:
    """The operator and the machine of a run."""
    return f"{options.operator} on {socket.gethostname()}"


def run_signature(options: LeaseOptions) -> str:
    """A run with its owner, as it is stored in Redis."""
    return f"{options.run} {run_owner(options)}"


def describe_run(signature: str) -> str:
    """A run and its owner for people, from its signature."""
    run, _, owner = signature.partition(" ")
    return f"run {run[:4].upper()}" + (f" of {owner}" if owner else "")


def _parse_claim(reply: str) -> LetterClaim:
    """What the script `CLAIM` returns for a letter: a sign, then the signature of the other run."""
    sign, signature = reply[:1], reply[1:]
    match sign:
        case "-":
            return LetterClaim(GONE)
        case "=":
            return LetterClaim(HANDLED)
        case "!":
            return LetterClaim(Receipt(PublishStatus.GONE, reason=f"claimed by {describe_run(signature)}"))
        case _:
            return LetterClaim(doubt=describe_run(signature) if signature else "")
