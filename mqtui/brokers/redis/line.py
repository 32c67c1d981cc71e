"""The connection a write goes through: never repeated behind one's back (D2), waited for on replicas (D3)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic

from redis.exceptions import RedisError

from mqtui.brokers.redis.nodes import PAUSE, Nodes, misled, not_now, patiently
from mqtui.brokers.redis.replies import Answer, items, number
from mqtui.brokers.redis.server import told_by, version_of
from mqtui.brokers.redis.wire import Command, Wire

WAITAOF_SINCE = (7, 2, 0)
SYNCED_WITHIN_MS = 5_000
"""How long at least the append-only file may take: it is synced once a second, and later where the disk is slow
(https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/, appendfsync everysec).
"""


class Line:
    """A writing connection to the primary that holds a key. Everything sent on it is in order."""

    def __init__(self, nodes: Nodes, key: bytes) -> None:
        self._nodes = nodes
        self._key = key
        self._wire: Wire | None = None
        self._known = False
        self._client = 0
        self._run = ""
        self._fsyncs = False
        self.replicas = 0
        """How many replicas a write must reach."""

    async def ready(self) -> Wire:
        """The open connection, made when it is not there; a server that was there once may stay away for a while.

        Raises:
            CannotConnect, BrokerTrouble: no conversation; nothing was sent.
        """
        if self._wire is None or not self._wire.alive:
            patience = self._nodes.options.reconnect if self._known else 0
            self._wire = await patiently(self._opened, patience)
        return self._wire

    async def _opened(self) -> Wire:
        await self.close()
        if self._known or self._nodes.fallible:
            await self._nodes.forget()
        wire = await (await self._nodes.of(self._key)).wire()
        try:
            client = (await wire.pipe([("CLIENT", "ID")]))[0]
            lines = await told_by(wire, "server", "replication", "persistence")
        except BaseException:
            await wire.close()
            raise
        self._known = True
        self._client = client if isinstance(client, int) else 0
        self._run = lines.get("run_id", "")
        self._fsyncs = lines.get("aof_enabled") == "1" and version_of(lines) >= WAITAOF_SINCE
        wanted = self._nodes.options.wait_replicas
        self.replicas = min(1, int(lines.get("connected_slaves", "0"))) if wanted is None else wanted
        return wire

    async def pipe(self, commands: Sequence[Command]) -> list[Answer]:
        """The answers to several commands.

        Raises:
            CannotConnect, BrokerTrouble: no conversation; nothing was sent.
            RepliesLost: it broke after something was sent. `mend` comes next.
        """
        return await self._piped(commands, ())

    async def _piped(self, commands: Sequence[Command], waits: Sequence[Command]) -> list[Answer]:
        """Send; while the server does nothing of it (loading, moved, down), find the right one and send again."""
        patience = self._nodes.options.reply + sum(int(wait[-1]) for wait in waits) / 1000
        deadline = monotonic() + self._nodes.options.reconnect
        while True:
            answers = await (await self.ready()).pipe([*commands, *waits], patience=patience)
            refused = [not_now(answer) for answer in answers[: len(commands)]]
            if not any(refused):
                return answers
            await self.close()
            hopeless = not self._nodes.fallible and any(map(misled, answers))
            if hopeless or not all(refused) or monotonic() > deadline:
                return answers
            await asyncio.sleep(PAUSE)

    async def stored(self, commands: Sequence[Command], *, synced: bool = False) -> tuple[list[Answer], str]:
        """As `pipe`, and why the writes can't be relied on: empty when the replicas have them.

        `synced` also asks for the append-only file, where this server has WAITAOF.
        """
        await self.ready()
        answers = await self._piped(commands, self._waits(synced=synced))
        return answers[: len(commands)], self._missing(answers[len(commands) :])

    async def settled(self) -> str:
        """Why what was written before this can't be relied on, after `mend`; empty when it can."""
        return (await self.stored([("PING",)]))[1]

    def _waits(self, *, synced: bool) -> list[Command]:
        milliseconds = int(self._nodes.options.wait * 1000)
        waits: list[Command] = [("WAIT", self.replicas, milliseconds)] if self.replicas else []
        synced_within = max(milliseconds, SYNCED_WITHIN_MS)
        return [*waits, ("WAITAOF", 1, 0, synced_within)] if synced and self._fsyncs else waits

    def _missing(self, answers: Sequence[Answer]) -> str:
        took = f"within {self._nodes.options.wait * 1000:.0f} ms"
        for answer in answers:
            if isinstance(answer, RedisError):
                return f"whether the replicas have it is unknown: {answer}"
            if isinstance(answer, list):
                if not number(items(answer)[0]):
                    return "stored on the primary, but its append-only file was not synced in time"
            elif number(answer) < self.replicas:
                return f"stored on the primary, but {number(answer)} of {self.replicas} replicas had it {took}"
        return ""

    async def mend(self) -> bool:
        """Connect anew after a lost reply. Tells whether what was sent before can no longer happen.

        Raises:
            CannotConnect, BrokerTrouble: the server stayed away longer than the option `reconnect-ms`.
        """
        client, run = self._client, self._run
        await self.close()
        wire = await self.ready()
        if run and run != self._run:
            return True
        if not client or not run:
            return False
        return isinstance((await wire.pipe([("CLIENT", "KILL", "ID", client)]))[0], int)

    async def close(self) -> None:
        """End the conversation."""
        wire, self._wire = self._wire, None
        if wire is not None:
            await wire.close()
