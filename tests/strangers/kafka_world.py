"""Kafka full of strangers: its topics have plain names, all else is theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from confluent_kafka import Consumer, Producer, ShareConsumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from mqtui.domain.resource import BrokerKind
from tests.cli.broker_fixtures import wait_until
from tests.contract.worlds import address_of
from tests.strangers.odd import BODIES, CLIPBOARD, NUMBERS, TEXTS, TITLE, Place, Strangers, tag_of

ANY_TIME = {"message.timestamp.after.max.ms": str(2**63 - 1), "message.timestamp.before.max.ms": str(2**63 - 1)}
TOPICS: dict[str, dict[str, str]] = {
    "s80.times": ANY_TIME | {"retention.ms": "-1"},
    "s81.bodies": {},
    "s82.headers": {},
    "s83.compacted": {"cleanup.policy": "compact"},
    "s84.open": {},
    "s85.gone": {},
    "s86-dlt": ANY_TIME | {"retention.ms": "-1"},
    "s87.DLQ": {},
    "s88.empty": {},
    "s89_" + "n" * 200: {},
}
DONE = 20
HEADERS: list[tuple[str, str | bytes | None]] = [
    ("", b"empty name"),
    ("none", None),
    ("twice", b"1"),
    ("twice", b"\xff"),
    (f"n{TITLE}", f"v{CLIPBOARD}".encode()),
    ("line\nbreak", b"a\r\nb"),
    ("long", b"x" * 5000),
]
GROUPS = (
    f"s90{TITLE}",
    "s91\nrow",
    "group:s92",
    "s93/x",
    "-s94",
    "s95\u202e",
    "s96受",
    "s97.ahead",
    "s98.gone",
    "s99.live",
)
SHARE = f"s9a share{TITLE}"
"""A share group, which no classic question is asked about."""


@contextmanager
def strangers(url: str) -> Iterator[Strangers]:
    """Make the topics and groups and fill them; both go at the end."""
    servers: dict[str, Any] = {"bootstrap.servers": ",".join(f"{host}:{port}" for host, port in address_of(url).hosts)}
    admin = AdminClient(servers)
    topics = [NewTopic(name, 2 if "bodies" in name else 1, 1, config=config) for name, config in TOPICS.items()]
    for made in admin.create_topics(topics).values():
        made.result(DONE)
    with ExitStack() as stack:
        stack.callback(_remove, admin)
        producer = Producer(servers)
        _records(producer)
        _letters(producer)
        assert not producer.flush(DONE)
        stack.callback(_leave_open(servers).abort_transaction, DONE)
        _commit(servers)
        for deleted in admin.delete_records([TopicPartition("s85.gone", 0, 6)]).values():
            deleted.result(DONE)
        stack.callback(_live(servers).close)
        stack.callback(_share(servers).close)
        places = tuple(Place(name, tag_of(name), "s86" <= name < "s88") for name in TOPICS)
        yield Strangers(BrokerKind.KAFKA, url, places, (*GROUPS, SHARE))


def _remove(admin: AdminClient) -> None:
    for asked in (*admin.delete_topics(list(TOPICS)).values(), *admin.delete_consumer_groups(list(GROUPS)).values()):
        asked.exception(DONE)


def _records(producer: Producer) -> None:
    for number in NUMBERS:
        if number > 0:
            producer.produce("s80.times", b"time", timestamp=number)
    for place, body in enumerate(BODIES):
        producer.produce("s81.bodies", body, (None, b"", b"\xff\x1b]2;", "受\n".encode())[place % 4], place % 2)
    producer.produce("s81.bodies", None, None, 0)
    for text in TEXTS:
        producer.produce("s82.headers", text.encode(), text.encode(), headers=HEADERS)
    producer.produce("s83.compacted", None, b"tombstone")
    for number in range(10):
        producer.produce("s85.gone", b"%d" % number)


def _letters(producer: Producer) -> None:
    """Letters whose headers say by halves, wrongly or too much where they came from."""
    for place, text in enumerate(TEXTS):
        said = text.encode()
        headers: list[tuple[str, str | bytes | None]] = [
            ("kafka_dlt-original-topic", (b"s85.gone", b"no such topic", b"", said)[place % 4]),
            ("kafka_dlt-original-partition", (b"\0\0\0\0", b"\xff\xff\xff\xff", b"1", said)[place % 4]),
            ("kafka_dlt-original-offset", (b"\x7f" * 8, b"", b"\0", None)[place % 4]),
            ("kafka_dlt-original-timestamp", NUMBERS[place % len(NUMBERS)].to_bytes(8, "big", signed=True)),
            ("kafka_dlt-exception-fqcn", said),
            ("kafka_dlt-exception-message", TEXTS[-place].encode()),
            ("kafka_dlt-exception-stacktrace", b"at " + said + b"\n\tat x(\x1b]2;PWNED\x07.java:1)"),
        ]
        time = max(0, NUMBERS[place % len(NUMBERS)])
        producer.produce("s86-dlt", BODIES[place], said, headers=headers, timestamp=time)
        producer.produce("s87.DLQ", said, headers=[("__connect.errors.topic", said), ("__connect.errors.stage", None)])


def _leave_open(servers: dict[str, Any]) -> Producer:
    """Three aborted records, two committed, and two whose writer has not said yet."""
    writer = Producer(servers | {"transactional.id": f"strangers{TITLE}", "transaction.timeout.ms": 600_000})
    writer.init_transactions(DONE)
    for count, end in ((3, writer.abort_transaction), (2, writer.commit_transaction)):
        writer.begin_transaction()
        for number in range(count):
            writer.produce("s84.open", b"%d" % number)
        writer.flush(DONE)
        end(DONE)
    writer.begin_transaction()
    writer.produce("s84.open", b"open")
    writer.flush(DONE)
    return writer


def _commit(servers: dict[str, Any]) -> None:
    """Groups that begin, are behind what retention left, are ahead of the end, and read what is not there."""
    for place, group in enumerate(GROUPS[:-1]):
        topic, offset = {"s97.ahead": ("s88.empty", 1000), "s98.gone": ("s85.gone", 2)}.get(group, ("s85.gone", place))
        consumer = Consumer(servers | {"group.id": group})
        consumer.commit(offsets=[TopicPartition(topic, 0, offset, f"metadata{TITLE}")], asynchronous=False)
        consumer.close()


def _live(servers: dict[str, Any]) -> Consumer:
    """Somebody in a group, whose client has an odd name."""
    odd = {"group.id": GROUPS[-1], "client.id": f"client{TITLE}\n\u202e", "auto.offset.reset": "earliest"}
    reader = Consumer(servers | odd)
    reader.subscribe(["s85.gone"])
    wait_until(lambda: reader.poll(0.2) is not None or bool(reader.assignment()), 60)
    return reader


def _share(servers: dict[str, Any]) -> ShareConsumer:
    """Somebody in a share group, who has nothing in hand."""
    reader = ShareConsumer(servers | {"group.id": SHARE, "client.id": f"client{TITLE}", "log_level": 0})
    reader.subscribe(["s88.empty"])
    assert not reader.poll(1.0)
    return reader
