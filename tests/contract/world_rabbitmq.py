"""RabbitMQ by pika and the management API alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import cast
from urllib.parse import quote

import httpx2
import pika

from mqtui.brokers.port import Adapter
from mqtui.brokers.registry import connect
from mqtui.domain import field_table
from mqtui.domain.message import Message, Outgoing
from mqtui.domain.resource import BrokerKind, Kind, Ref
from tests.contract.worlds import TRUSTS_NOBODY, Letter, Traits, address_of, header_letter, new_prefix

WAIT = 10.0


class RabbitMQWorld:
    """Durable classic queues under one prefix."""

    kind = BrokerKind.RABBITMQ
    traits = Traits(
        lends=True, follows=False, pending=False, partitions=False, any_name=True, holds=False, too_large=None
    )

    def __init__(self, url: str) -> None:
        self.prefix = new_prefix()
        self.address = address_of(url, self.prefix)
        host, port = self.address.hosts[0]
        login = pika.PlainCredentials(self.address.user, self.address.secret)
        self._connection = pika.BlockingConnection(
            pika.ConnectionParameters(host, port, self.address.path, login, heartbeat=0)
        )
        self._channel = self._connection.channel()
        self._management = httpx2.Client(
            base_url=self.address.options["management"],
            auth=(self.address.user, self.address.secret),
            verify=TRUSTS_NOBODY,
        )
        self._made = 0

    def connect(self) -> Adapter:
        return connect(self.address)

    def name(self, stem: str) -> str:
        self._made += 1
        return f"{self.prefix}.{stem}-{self._made}"

    def ref(self, name: str) -> Ref:
        return Ref(Kind.QUEUE, name)

    def create(self, stem: str = "work", *, partitions: int = 1) -> Ref:
        assert partitions == 1
        name = self.name(stem)
        self._channel.queue_declare(name, durable=True)
        return self.ref(name)

    def remove(self, ref: Ref) -> None:
        self._channel.queue_delete(ref.name)

    def put(self, ref: Ref, letters: Sequence[Letter], *, partition: int = 0) -> None:
        """Publish in a transaction: once it is committed, the queue counts every letter."""
        channel = self._connection.channel()
        channel.tx_select()
        for letter in letters:
            properties = pika.BasicProperties(
                headers=dict(letter.headers) or None, delivery_mode=2, message_id="m", priority=3
            )
            channel.basic_publish("", ref.name, letter.value or b"", properties)
        channel.tx_commit()
        channel.close()

    def _ready(self, ref: Ref) -> int:
        """How many messages wait. A queue answers this before publishes that came earlier and were not confirmed."""
        return self._channel.queue_declare(ref.name, passive=True).method.message_count or 0

    def contents(self, ref: Ref) -> list[Letter]:
        """Taken on a channel of its own and requeued in one go, so that the order stays."""
        waiting = self._ready(ref)
        if not waiting:
            return []
        channel = self._connection.channel()
        found: list[Letter] = []
        for method, properties, body in channel.consume(ref.name, inactivity_timeout=WAIT):
            assert method and properties, f"{ref} has {waiting} messages and gave {len(found)}"
            assert (properties.message_id, properties.priority, properties.delivery_mode) == ("m", 3, 2)
            found.append(Letter(cast("bytes", body), headers=decode_headers(properties.headers)))
            if len(found) == waiting:
                channel.basic_nack(method.delivery_tag or 0, multiple=True, requeue=True)
                break
        channel.close()
        return found

    def fingerprint(self) -> object:
        reply = self._management.get(f"/api/queues/{quote(self.address.path, safe='')}", params={"columns": "name"})
        names = sorted(row["name"] for row in reply.raise_for_status().json() if row["name"].startswith(self.prefix))
        return [(name, self._ready(self.ref(name))) for name in names]

    def consume(self, ref: Ref, group: str, count: int) -> None:
        for _ in range(count):
            self._channel.basic_get(ref.name, auto_ack=True)

    def letter(self, number: int) -> Letter:
        return header_letter(number)

    def odd_letters(self) -> list[Letter]:
        """What pika itself tells apart; every AMQP type is tested with RabbitMQ's rules (R1)."""
        binary = bytes(range(256))
        letters = [
            Letter(binary, headers=(("binary", binary), ("null", None), ("empty", b""), ("größe 🧵", b"x"))),
            Letter(b""),
            Letter(b"\xff\xfe" * 200_000, headers=(("x-strip", b"me"),)),
            Letter(b"many", headers=tuple((f"h{number}", b"%d" % number) for number in range(1000))),
        ]
        if not self._sorts_headers:
            return letters
        return [replace(letter, headers=tuple(sorted(letter.headers, key=itemgetter(0)))) for letter in letters]

    @property
    def _sorts_headers(self) -> bool:
        """RabbitMQ 4.0 sorts each message's header table by name."""
        version: str = self._management.get("/api/overview").json()["rabbitmq_version"]
        return int(version.split(".")[0]) >= 4

    def sent(self, letter: Letter, target: Ref) -> Outgoing:
        headers = tuple(
            (name, None, "void") if value is None else (name, field_table.LENGTH.pack(len(value)) + value, "binary")
            for name, value in letter.headers
        )
        properties = (("delivery_mode", 2), ("priority", 3), ("message_id", "m"))
        return Outgoing(target, letter.value, headers=headers, properties=properties)

    def seen(self, message: Message) -> Letter:
        headers = tuple((name, (value or b"")[4:] if kind != "void" else None) for name, value, kind in message.headers)
        return Letter(message.value, headers=headers)

    def close(self) -> None:
        reply = self._management.get(f"/api/queues/{quote(self.address.path, safe='')}", params={"columns": "name"})
        for row in reply.raise_for_status().json():
            if row["name"].startswith(self.prefix):
                self._channel.queue_delete(row["name"])
        self._management.close()
        self._connection.close()


def decode_headers(headers: Mapping[str, object] | None) -> tuple[tuple[str, bytes | None], ...]:
    """Headers as pika reads them: binary ones are bytes, strings text."""
    found = []
    for name, value in (headers or {}).items():
        assert value is None or isinstance(value, str | bytes)
        found.append((name, value.encode() if isinstance(value, str) else value))
    return tuple(found)
