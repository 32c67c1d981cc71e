"""A Redis server that tests fill and read by redis-py alone, and adapters for it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import redis

from mqtui.brokers.port import Adapter
from mqtui.brokers.redis.adapter import connect
from mqtui.domain.message import Field
from mqtui.domain.resource import Kind, Ref
from tests.brokers import Brokers
from tests.contract.worlds import address_of

RANGE = "return redis.call('XRANGE', KEYS[1], '-', '+')"
"""Through a script redis-py leaves the reply alone: its own XRANGE makes a dict and loses duplicates."""

Rows = list[tuple[bytes, tuple[Field, ...]]]


class RedisServer:
    """One server. Names made here have a prefix of their own; the caller closes its adapters."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.prefix = f"t{uuid.uuid4().hex[:8]}"
        self.address = address_of(url)
        self.client = redis.Redis.from_url(url)
        self.call: Callable[..., Any] = self.client.execute_command
        self._made = 0

    def adapter(self, *, url: str = "", variant: str = "", options: Mapping[str, str] | None = None) -> Adapter:
        """A new adapter for this server, or for a proxy in front of it."""
        address = address_of(url) if url else self.address
        return connect(replace(address, variant=variant, options=options or {}, prefix=self.prefix))

    def name(self, stem: str, tag: str = "") -> str:
        self._made += 1
        return f"{self.prefix}:{{{tag}}}:{stem}{self._made}" if tag else f"{self.prefix}:{stem}{self._made}"

    def stream(self, stem: str, count: int = 0, *, name: str = "", fields: Sequence[Field] = ()) -> Ref:
        """A new stream with numbered letters (field `n`, then the given fields)."""
        made = name or self.name(stem)
        self.call("XDEL", made, self.call("XADD", made, "*", "first", ""))
        for start in range(0, count, 1000):
            pipe = self.client.pipeline(transaction=False)
            add: Callable[..., Any] = pipe.execute_command
            for number in range(start, min(start + 1000, count)):
                add("XADD", made, "*", "n", number, *(part for pair in fields for part in pair))
            pipe.execute()
        return Ref(Kind.STREAM, made)

    def rows(self, ref: Ref) -> Rows:
        """Ids and fields of everything in a stream."""
        found: Any = self.client.eval(RANGE, 1, ref.name)
        return [(entry, tuple(zip(flat[::2], flat[1::2], strict=True))) for entry, flat in found]

    def numbers(self, ref: Ref) -> list[int]:
        """The numbers of the letters in a stream."""
        return [int(fields[0][1]) for _, fields in self.rows(ref)]

    def group(self, ref: Ref, group: str, *, take: int = 0, acknowledge: int = 0, consumer: str = "c1") -> list[bytes]:
        """A group that was given the first `take` letters and acknowledged some of them; returns the pending ids."""
        self.call("XGROUP", "CREATE", ref.name, group, "0")
        if take:
            self.call("XREADGROUP", "GROUP", group, consumer, "COUNT", take, "STREAMS", ref.name, ">")
        ids = [entry for entry, _ in self.rows(ref)][:take]
        if acknowledge:
            self.call("XACK", ref.name, group, *ids[:acknowledge])
        return ids[acknowledge:]

    def close(self) -> None:
        for key in self.client.scan_iter(match=f"{self.prefix}*", count=1000):
            self.client.delete(key)
        self.client.close()


@contextmanager
def own_server(brokers: Brokers, *config: str) -> Iterator[tuple[str, RedisServer]]:
    """A server for one test, with its name; `config` are lines of redis.conf."""
    name = f"redis-{uuid.uuid4().hex[:6]}"
    server = RedisServer(brokers.servers.start_redis(name, config=config))
    try:
        yield name, server
    finally:
        server.client.close()
        brokers.servers.discard(name)
