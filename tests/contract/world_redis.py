"""Redis by redis-py alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import redis

from mqtui.brokers.port import Adapter
from mqtui.brokers.registry import connect
from mqtui.domain.message import Message, Outgoing
from mqtui.domain.resource import BrokerKind, Kind, Ref
from tests.contract.worlds import Letter, Traits, address_of, field_letter, new_prefix

RANGE = "return redis.call('XRANGE', KEYS[1], '-', '+')"
"""Through a script redis-py leaves the reply alone: its own XRANGE makes a dict and loses duplicates."""
TOLD = """
local kind = redis.call('TYPE', KEYS[1]).ok
return kind == 'stream' and redis.call('XINFO', 'STREAM', KEYS[1], 'FULL', 'COUNT', 0) or kind
"""


class RedisWorld:
    """Streams under one prefix."""

    kind = BrokerKind.REDIS
    traits = Traits(
        lends=False, follows=True, pending=True, partitions=False, any_name=True, holds=False, too_large=None
    )

    def __init__(self, url: str) -> None:
        self.prefix = new_prefix()
        self.address = address_of(url, self.prefix)
        self._client = redis.Redis.from_url(url)
        self._call: Callable[..., Any] = self._client.execute_command
        self._made = 0

    def connect(self) -> Adapter:
        return connect(self.address)

    def name(self, stem: str) -> str:
        self._made += 1
        return f"{self.prefix}:{stem}-{self._made}"

    def ref(self, name: str) -> Ref:
        return Ref(Kind.STREAM, name)

    def create(self, stem: str = "work", *, partitions: int = 1) -> Ref:
        assert partitions == 1
        name = self.name(stem)
        entry = self._call("XADD", name, "*", "first", "")
        self._call("XDEL", name, entry)
        return self.ref(name)

    def remove(self, ref: Ref) -> None:
        self._client.delete(ref.name)

    def put(self, ref: Ref, letters: Sequence[Letter], *, partition: int = 0) -> None:
        pipeline = self._client.pipeline(transaction=False)
        add: Callable[..., Any] = pipeline.execute_command
        for letter in letters:
            add("XADD", ref.name, "*", *(part for pair in letter.fields for part in pair))
        pipeline.execute()

    def contents(self, ref: Ref) -> list[Letter]:
        rows = self._client.eval(RANGE, 1, ref.name)
        assert isinstance(rows, list)
        return [Letter(fields=tuple(zip(flat[::2], flat[1::2], strict=True))) for _, flat in rows]

    def fingerprint(self) -> object:
        names = sorted(self._client.scan_iter(match=f"{self.prefix}*", count=1000))
        return {name: repr(self._client.eval(TOLD, 1, name)) for name in names}

    def consume(self, ref: Ref, group: str, count: int) -> None:
        self._call("XGROUP", "CREATE", ref.name, group, "0")
        read = ("XREADGROUP", "GROUP", group, "reader", "COUNT", count, "STREAMS", ref.name, ">")
        self._call(*read)
        for entry in [row["message_id"] for row in self._client.xpending_range(ref.name, group, "-", "+", count)]:
            self._client.xack(ref.name, group, entry)

    def strand(self, ref: Ref, group: str, consumer: str, count: int) -> None:
        """Give messages to a consumer that never acknowledges them."""
        self._call("XGROUP", "CREATE", ref.name, group, "0")
        read = ("XREADGROUP", "GROUP", group, consumer, "COUNT", count, "STREAMS", ref.name, ">")
        self._call(*read)

    def pending(self, ref: Ref, group: str) -> list[tuple[str, str]]:
        """Ids and consumers of pending entries."""
        rows = self._client.xpending_range(ref.name, group, "-", "+", 1000)
        return [(text(row["message_id"]), text(row["consumer"])) for row in rows]

    def letter(self, number: int) -> Letter:
        return field_letter(number)

    def odd_letters(self) -> list[Letter]:
        binary = bytes(range(256))
        return [
            Letter(fields=((b"twice", b"1"), (binary, binary), (b"twice", b"2"), (b"empty", b""))),
            Letter(fields=((b"", b""),)),
            Letter(fields=((b"large", b"\xff\xfe" * 50_000), (b"x-strip", b"me"))),
            Letter(fields=tuple((b"f%d" % number, b"%d" % number) for number in range(2500))),
        ]

    def sent(self, letter: Letter, target: Ref) -> Outgoing:
        return Outgoing(target, fields=letter.fields)

    def seen(self, message: Message) -> Letter:
        return Letter(fields=message.fields)

    def close(self) -> None:
        for name in self._client.scan_iter(match=f"{self.prefix}*", count=1000):
            self._client.delete(name)
        self._client.close()


def text(raw: object) -> str:
    """What redis-py left as bytes."""
    return raw.decode() if isinstance(raw, bytes) else str(raw)
