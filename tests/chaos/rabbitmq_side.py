"""RabbitMQ by pika: letters with the broker's own x-death header, read back by consuming both queues."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from mqtui.demo.shop.connections import amqp_connection
from tests.chaos.amqp_wire import Filler
from tests.chaos.scenes import Scene, Truth, label, new_name, numbers_in, poisoned
from tests.contract.amqp10 import Sender, message

WAIT = 60.0
NATIVE_SINCE = (4, 0)
FAST_REPLY = "amq.rabbitmq.reply-to"
REFUSAL = "406 PRECONDITION_FAILED - fast reply consumer does not exist"
SILENCE = 5.0
BODY = b" " + b"a charge that was declined " * 6
CLASSIC: dict[str, Any] = {}
QUORUM: dict[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": 20}
FRAIL: dict[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": 1}


class RabbitMQSide:
    """A work queue and its dead-letter queue of one type. A letter is in one of them; suspects may be in both.

    A poisoned letter asks for the reply queue of its sender, who is gone. Only an AMQP 1.0 sender can leave one like
    that, and only RabbitMQ 4 keeps it as it is.
    """

    letters = 50_000
    source_counts = True

    def __init__(
        self,
        url: str,
        name: str = "rabbitmq",
        arguments: dict[str, Any] = CLASSIC,
        returns: int = 0,
        body: bytes = BODY,
    ) -> None:
        """`arguments` are those of both queues; every letter was delivered and returned `returns` times before.

        `body` follows the 8 digits of a letter's number.
        """
        self.url = url
        self.name = name
        self._arguments = arguments
        self._returns = returns
        self._body = body
        self.mortal = returns > 0
        self.poison = 0
        self._connection = amqp_connection(url)
        self.refusal = REFUSAL if self._version() >= NATIVE_SINCE and not self.mortal else ""
        self._channel = self._connection.channel()

    def fill(self, count: int) -> Scene:
        stem = new_name()
        scene = Scene(f"{stem}.dlq", stem, count, poisoned(count, self.poison))
        back = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": scene.dlq}
        self._channel.queue_declare(scene.dlq, durable=True, arguments=self._arguments)
        self._channel.queue_declare(scene.home, durable=True, arguments=self._arguments | back)
        first = 0
        for number in sorted(scene.poisoned):
            self.add(scene, range(first, number))
            self._let_die(scene, number)
            first = number + 1
        self.add(scene, range(first, count))
        for _ in range(self._returns):
            self._return_all(scene.dlq, count)
        return scene

    def add(self, scene: Scene, numbers: Iterable[int]) -> None:
        before = self._depth(scene.dlq)
        with Filler(self.url, scene.dlq, scene.home) as filler:
            added = filler.send([(label(number), label(number) + self._body) for number in numbers])
            self._await_depth(scene.dlq, before + added)

    def _let_die(self, scene: Scene, number: int) -> None:
        """A poisoned letter, rejected in the work queue: the broker itself writes where it came from."""
        address = urlsplit(self.url)
        name = label(number)
        before = self._depth(scene.dlq)
        with Sender(address.hostname or "localhost", address.port or 5672, scene.home) as sender:
            sender.send(message(name + BODY, message_id=name.decode(), reply_to=FAST_REPLY))
        self._await_depth(scene.home, 1)
        method, _, _ = self._channel.basic_get(scene.home)
        assert method is not None and method.delivery_tag
        self._channel.basic_nack(method.delivery_tag, requeue=False)
        self._await_depth(scene.dlq, before + 1)

    def _version(self) -> tuple[int, ...]:
        told: Any = self._connection
        version = told._impl.server_properties["version"]
        return tuple(int(part) for part in version.split(".")[:2])

    def moved(self, scene: Scene) -> int:
        return self._depth(scene.home)

    def truth(self, scene: Scene) -> Truth:
        return Truth(self._drain(scene.home), self._drain(scene.dlq))

    def drop(self, scene: Scene) -> None:
        self._channel.queue_delete(scene.dlq)
        self._channel.queue_delete(scene.home)

    def close(self) -> None:
        self._connection.close()

    def suspect(self, words: str) -> int | None:
        """`<queue> <message id> <fingerprint>`."""
        return next((int(word) for word in words.split()[1:] if len(word) == 8 and word.isdecimal()), None)

    def _return_all(self, queue: str, count: int) -> None:
        """Take every letter and give it back: one delivery of each is spent."""
        channel = self._connection.channel()
        for _ in range(count):
            method, _, _ = channel.basic_get(queue)
            assert method is not None, f"{queue} holds less than {count} letters"
        channel.basic_nack(count, multiple=True, requeue=True)
        channel.close()
        self._await_depth(queue, count)

    def _depth(self, queue: str) -> int:
        return self._channel.queue_declare(queue, passive=True).method.message_count or 0

    def _await_depth(self, queue: str, count: int) -> None:
        until = time.monotonic() + WAIT
        while (depth := self._depth(queue)) < count:
            assert time.monotonic() < until, f"{queue} has {depth} of {count} letters"

    def _drain(self, queue: str) -> Counter[int]:
        """Everything ready, by the number in message id and body. What a killed process had was given back before."""
        values: list[bytes] = []
        depth = self._depth(queue)
        if depth == 0:
            return Counter()
        channel = self._connection.channel()
        for method, properties, body in channel.consume(queue, auto_ack=True, inactivity_timeout=SILENCE):
            if method is None or properties is None or body is None:
                break
            assert properties.message_id == body[:8].decode()
            values.append(bytes(body))
            if len(values) == depth:
                break
        channel.close()
        return numbers_in(values)
