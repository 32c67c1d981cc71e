"""The in-memory adapter behind the same face: the suite that holds for the real brokers holds for it."""

from __future__ import annotations

from collections.abc import Sequence

from mqtui.brokers.port import Adapter
from mqtui.domain.message import Message, Outgoing
from mqtui.domain.resource import BrokerKind, Kind, Ref
from tests.contract.worlds import Letter, Traits, field_letter, header_letter, keyed_letter
from tests.memory import MemoryWorld

LARGE = 1_000_000


class MemoryKafkaWorld:
    """Topics in memory."""

    kind = BrokerKind.KAFKA
    traits = Traits(
        lends=False, follows=True, pending=False, partitions=True, any_name=True, holds=True, too_large=LARGE
    )

    def __init__(self) -> None:
        self.world = MemoryWorld()
        self.server = self.world.kafka()
        self.server.faults.max_size = LARGE
        self.address = self.server.address
        self._made = 0

    def connect(self) -> Adapter:
        return self.world.connect(self.address)

    def name(self, stem: str) -> str:
        self._made += 1
        return f"{stem}-{self._made}"

    def ref(self, name: str) -> Ref:
        return Ref(Kind.TOPIC, name)

    def create(self, stem: str = "work", *, partitions: int = 1) -> Ref:
        return self.server.make(self.name(stem), partitions)

    def remove(self, ref: Ref) -> None:
        self.server.remove(ref)

    def put(self, ref: Ref, letters: Sequence[Letter], *, partition: int = 0) -> None:
        for letter in letters:
            headers = tuple((name, value, "") for name, value in letter.headers)
            self.world.clock.advance(1)
            self.server.store(Outgoing(ref, letter.value, letter.key, headers, partition=partition))

    def contents(self, ref: Ref) -> list[Letter]:
        return [self.seen(record) for record in self.server.records(ref)]

    def fingerprint(self) -> object:
        ends = {name: [part.next for part in topic.partitions] for name, topic in self.server.topics.items()}
        return ends, {name: dict(places) for name, places in self.server.committed.items()}, repr(self.server.runs)

    def consume(self, ref: Ref, group: str, count: int) -> None:
        self.server.commit(group, ref, 0, count)

    def letter(self, number: int) -> Letter:
        return keyed_letter(number)

    def odd_letters(self) -> list[Letter]:
        headers = (("twice", b"1"), ("null", None), ("empty", b""), ("twice", bytes(range(256))), ("x-strip", b"me"))
        return [Letter(bytes(range(256)), b"\xff", headers), Letter(b"", b""), Letter(None, b"gone"), Letter(b"v")]

    def sent(self, letter: Letter, target: Ref) -> Outgoing:
        return Outgoing(
            target, letter.value, letter.key, tuple((name, value, "") for name, value in letter.headers), partition=0
        )

    def seen(self, message: Message) -> Letter:
        return Letter(message.value, message.key, tuple((name, value) for name, value, _ in message.headers))

    def close(self) -> None:
        """Nothing outlives the test."""


class MemoryRabbitMQWorld:
    """Queues in memory."""

    kind = BrokerKind.RABBITMQ
    traits = Traits(
        lends=True, follows=False, pending=False, partitions=False, any_name=True, holds=False, too_large=LARGE
    )

    def __init__(self) -> None:
        self.world = MemoryWorld()
        self.server = self.world.rabbitmq()
        self.server.faults.max_size = LARGE
        self.address = self.server.address
        self._made = 0

    def connect(self) -> Adapter:
        return self.world.connect(self.address)

    def name(self, stem: str) -> str:
        self._made += 1
        return f"{stem}-{self._made}"

    def ref(self, name: str) -> Ref:
        return Ref(Kind.QUEUE, name)

    def create(self, stem: str = "work", *, partitions: int = 1) -> Ref:
        return self.server.declare(self.name(stem))

    def remove(self, ref: Ref) -> None:
        self.server.remove(ref)

    def put(self, ref: Ref, letters: Sequence[Letter], *, partition: int = 0) -> None:
        for letter in letters:
            self.world.clock.advance(1)
            self.server.store(self.sent(letter, ref))

    def contents(self, ref: Ref) -> list[Letter]:
        waiting = self.server.ready(ref)
        return [Letter(sent.value, headers=tuple((name, value) for name, value, _ in sent.headers)) for sent in waiting]

    def fingerprint(self) -> object:
        return {name: len(queue.items) for name, queue in self.server.queues.items()}

    def consume(self, ref: Ref, group: str, count: int) -> None:
        queue = self.server.queue(ref)
        for item in queue.items[:count]:
            queue.items.remove(item)

    def letter(self, number: int) -> Letter:
        return header_letter(number)

    def odd_letters(self) -> list[Letter]:
        headers = (("twice", b"1"), ("empty", b""), ("twice", bytes(range(256))), ("x-strip", b"me"))
        return [Letter(bytes(range(256)), headers=headers), Letter(b"")]

    def sent(self, letter: Letter, target: Ref) -> Outgoing:
        headers = tuple((name, value, "string") for name, value in letter.headers)
        return Outgoing(target, letter.value, headers=headers, properties=(("message_id", "m"),))

    def seen(self, message: Message) -> Letter:
        return Letter(message.value, headers=tuple((name, value) for name, value, _ in message.headers))

    def close(self) -> None:
        """Nothing outlives the test."""


class MemoryRedisWorld:
    """Streams in memory."""

    kind = BrokerKind.REDIS
    traits = Traits(
        lends=False, follows=True, pending=True, partitions=False, any_name=True, holds=False, too_large=LARGE
    )

    def __init__(self) -> None:
        self.world = MemoryWorld()
        self.server = self.world.redis()
        self.server.faults.max_size = LARGE
        self.address = self.server.address
        self._made = 0

    def connect(self) -> Adapter:
        return self.world.connect(self.address)

    def name(self, stem: str) -> str:
        self._made += 1
        return f"{stem}-{self._made}"

    def ref(self, name: str) -> Ref:
        return Ref(Kind.STREAM, name)

    def create(self, stem: str = "work", *, partitions: int = 1) -> Ref:
        return self.server.make(self.name(stem))

    def remove(self, ref: Ref) -> None:
        self.server.remove(ref)

    def put(self, ref: Ref, letters: Sequence[Letter], *, partition: int = 0) -> None:
        for letter in letters:
            self.world.clock.advance(1)
            self.server.store(self.sent(letter, ref))

    def contents(self, ref: Ref) -> list[Letter]:
        return [Letter(fields=fields) for _, fields in self.server.entries(ref)]

    def fingerprint(self) -> object:
        return repr(self.server.streams)

    def consume(self, ref: Ref, group: str, count: int) -> None:
        self.server.group(ref, group)
        self.server.acknowledge(ref, group, self.server.deliver(ref, group, "reader", count))

    def strand(self, ref: Ref, group: str, consumer: str, count: int) -> None:
        """Give messages to a consumer that never acknowledges them."""
        self.server.group(ref, group)
        self.server.deliver(ref, group, consumer, count)

    def pending(self, ref: Ref, group: str) -> list[tuple[str, str]]:
        """Ids and consumers of pending entries."""
        return [(str(entry), row.consumer) for entry, row in sorted(self.server.reader(ref, group).rows.items())]

    def letter(self, number: int) -> Letter:
        return field_letter(number)

    def odd_letters(self) -> list[Letter]:
        twice = ((b"twice", b"1"), (bytes(range(256)), b"\xff"), (b"twice", b"2"), (b"x-strip", b"me"))
        return [Letter(fields=twice), Letter(fields=((b"", b""),))]

    def sent(self, letter: Letter, target: Ref) -> Outgoing:
        return Outgoing(target, fields=letter.fields)

    def seen(self, message: Message) -> Letter:
        return Letter(fields=message.fields)

    def close(self) -> None:
        """Nothing outlives the test."""
