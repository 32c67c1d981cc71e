"""Following a stream: XREAD BLOCK on a connection of its own, over restarts and failovers."""

from __future__ import annotations

from mqtui.brokers.redis.connection.connection import RedisConnection
from mqtui.brokers.redis.connection.resp import Entry, as_list, encode_entry_id, parse_entries
from mqtui.brokers.redis.connection.routing import Router, retry_for
from mqtui.domain.errors import BrokerTrouble
from mqtui.domain.message import EntryId
from mqtui.domain.resource import name_text

BLOCK_MS = 2000
TAIL_ENTRIES = 200


class StreamTail:
    """One connection that is blocked in XREAD, and replaced when it breaks."""

    def __init__(self, router: Router, key: bytes) -> None:
        self._router = router
        self._key = key
        self._connection: RedisConnection | None = None

    async def read_next(self, last: EntryId) -> list[Entry]:
        """The entries after an id; empty after 2 s without any."""
        return await retry_for(lambda: self._read(last), self._router.config.reconnect_timeout)

    async def _read(self, last: EntryId) -> list[Entry]:
        if self._connection is None:
            self._connection = await (await self._router.node_for(self._key)).open_connection()
        command = ("XREAD", "COUNT", TAIL_ENTRIES, "BLOCK", BLOCK_MS, "STREAMS", self._key, encode_entry_id(last))
        timeout = BLOCK_MS / 1000 + self._router.config.reply_timeout
        try:
            streams = as_list(await self._connection.execute(*command, name=name_text(self._key), timeout=timeout))
        except BrokerTrouble:
            await self.close()
            await self._router.forget_topology()
            raise
        return parse_entries(as_list(streams[0])[1]) if streams else []

    async def close(self) -> None:
        """Close the connection; the server forgets the blocked command."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()
