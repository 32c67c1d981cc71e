"""`mqtui find` on real brokers: one id in every part of a message, and what was not looked at."""

from __future__ import annotations

from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from redis import Redis

from mqtui.domain.resource import BrokerKind
from tests.cli.broker_fixtures import BrokerFixture, RedisDeadLetters
from tests.cli.command_line import Mqtui
from tests.contract.worlds import Letter

GROUP = "billing"


def test_one_id_in_each_part_of_a_message(mqtui: Mqtui, broker: BrokerFixture) -> None:
    """Newest in depth, in order of time; queues only after consent; the rest is said to be there."""
    world, ref = broker.world, broker.world.create("orders")
    sought = f"AB-{ref.name[-6:]}".encode()
    filler = [Letter(b'{"n":%d}' % number) for number in range(150)]
    letters = [Letter(b'{"order":"%b"}' % sought), Letter(b"{}", headers=(("trace-id", b"t-" + sought),))]
    if broker.kind is BrokerKind.REDIS:
        filler = [Letter(fields=((b"n", b"%d" % number),)) for number in range(150)]
        letters = [Letter(fields=((b"order", sought),)), Letter(fields=((b"body", b'{"id":"%b"}' % sought),))]
    world.put(ref, [letters[0], *filler, letters[1]])
    text = sought.decode()
    lends = broker.kind is BrokerKind.RABBITMQ
    if lends:
        mqtui("find", broker.url, text).fails(1, "--yes-spend reads up to 50 of each", "0 hits")
    paid = ("--yes-spend", "--depth", "1000") if lends else ()
    rows = mqtui("find", broker.url, text, *paid, "--json").ok().rows()
    second = "field body" if broker.kind is BrokerKind.REDIS else "header trace-id"
    assert [row["in"] for row in rows] == [["field order" if broker.kind is BrokerKind.REDIS else ".order"], [second]]
    assert {(row["broker"], row["place"], row["resource"]) for row in rows} == {(broker.kind, str(ref), ref.name)}
    assert all(row["read_by"] == [] for row in rows)
    shown = mqtui("find", broker.url, text, *paid).ok()
    assert "READ BY" in shown.text and "published" in shown.text and "2 hits" in shown.err
    shallow = mqtui("find", broker.url, text, *paid[:1], "--depth", "20", "--json")
    assert len(shallow.rows()) == 1 and "with more than the" in shallow.err
    mqtui("find", broker.url, "").fails(2, "Find what?")
    if lends:
        assert world.depth(ref) == 152


def test_who_has_read_it(mqtui: Mqtui, kafka: BrokerFixture, redis: BrokerFixture) -> None:
    """A committed offset before and behind the record; an entry that a consumer has pending; a broker that is away."""
    topic, stream = kafka.world.create("orders"), redis.world.create("payments")
    sought = f"AB-{topic.name[-6:]}"
    kafka.world.put(topic, [Letter(b"x"), Letter(sought.encode()), Letter(b"y")])
    for group, offset in ((GROUP, 2), ("shipping", 1)):
        settings = {"bootstrap.servers": f"127.0.0.1:{kafka.port}", "group.id": f"{kafka.world.name(group)}"}
        consumer = Consumer(settings)
        consumer.commit(offsets=[TopicPartition(topic.name, 0, offset)], asynchronous=False)
        consumer.close()
    redis.world.put(stream, [Letter(fields=((b"order", sought.encode()),))])
    assert isinstance(redis.world, RedisDeadLetters)
    redis.world.strand(stream, "ledger", "worker-7", 1)
    with Redis.from_url(redis.url) as client:
        client.xgroup_create(stream.name, "audit", "0")
    away = "redis://127.0.0.1:1/0"
    found = mqtui("find", kafka.url, redis.url, away, sought, "--json").fails(
        1, "redis://127.0.0.1:1: Nobody listens", "2 hits"
    )
    mqtui("find", away, sought).fails(3, "Nobody listens")
    by_broker = {row["broker"]: row["read_by"] for row in found.rows()}
    states = sorted((reader["group"].rpartition("-")[0], reader["state"]) for reader in by_broker["kafka"])
    assert [state for _, state in states] == ["passed", "waiting"], states
    ledger = next(reader for reader in by_broker["redis"] if reader["group"] == "ledger")
    assert (ledger["state"], ledger["consumer"]) == ("pending", "worker-7")
    assert next(reader for reader in by_broker["redis"] if reader["group"] == "audit")["state"] == "waiting"


def test_a_compacted_topic_with_markers_is_looked_at_in_depth(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    """Offsets are not records: aborted ones and markers leave gaps, behind which the depth goes on."""
    ref = kafka.world.create("gaps")
    sought = f"AB-{ref.name[-6:]}"
    kafka.world.put(ref, [Letter(sought.encode())] + [Letter(b"%d" % number) for number in range(20)])
    settings = {"bootstrap.servers": f"127.0.0.1:{kafka.port}", "transactional.id": ref.name}
    producer = Producer(settings)
    producer.init_transactions(30)
    for _ in range(3):
        producer.begin_transaction()
        for number in range(100):
            producer.produce(ref.name, b"%d" % number, partition=0)
        producer.flush(30)
        producer.abort_transaction(30)
    producer.begin_transaction()
    producer.produce(ref.name, f"held {sought}".encode(), partition=0)
    producer.flush(30)
    found = mqtui("find", kafka.url, sought, "--depth", "21", "--json").ok()
    assert [row["offset"] for row in found.rows()] == [0]
    assert "not yet committed by their writer" in found.err
    producer.abort_transaction(30)


def test_any_bytes_and_a_profile_of_several_brokers(mqtui: Mqtui, kafka: BrokerFixture, tmp_path: Path) -> None:
    """A text is bytes; each broker is asked once, however often it is named."""
    ref = kafka.world.create("raw")
    kafka.world.put(ref, [Letter(b"\xff\xfe" + ref.name.encode())])
    text = b"\xff\xfe" + ref.name.encode()
    found = mqtui("find", kafka.url, kafka.url, text.decode("utf-8", "surrogateescape"), "--json").ok()
    (row,) = found.rows()
    assert row["value"] == {"base64": row["value"]["base64"]} and row["in"] == ["value"]
