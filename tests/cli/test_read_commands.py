"""Every verb that looks, on each broker's shop: lines of the contract, and what the brokers' own tools say."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from mqtui.demo.shop.names import KafkaNames, RabbitNames, RedisNames
from mqtui.domain.resource import BrokerKind
from tests.cli.command_line import Mqtui
from tests.cli.conftest import Shop
from tests.contract.worlds import address_of

GOLDEN = Path(__file__).parent.parent / "services" / "golden"
KINDS = list(BrokerKind)


def golden(name: str) -> dict[str, Any]:
    """The published example of that name."""
    told: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    return told


def keys(row: dict[str, Any]) -> set[str]:
    """Its keys; `why` is there where a figure is not."""
    return set(row) - {"why"}


def figure(told: Any) -> int:
    """The number of a figure, however sure it is."""
    return int(
        next(told[word] for word in ("about", "at_least", "at_most") if word in told)
        if isinstance(told, dict)
        else told
    )


def kcat(url: str, *words: str) -> list[Any]:
    """What kcat prints as JSON."""
    host, port = address_of(url).hosts[0]
    done = subprocess.run(["kcat", "-b", f"{host}:{port}", "-J", "-q", *words], capture_output=True, check=True)
    return [json.loads(line.decode("utf-8", "surrogateescape")) for line in done.stdout.splitlines()]


def management(url: str, path: str) -> Any:
    """What RabbitMQ's management API says."""
    address = address_of(url)
    auth = (address.user, address.secret)
    return httpx2.get(f"{address.options['management']}/api/{path}", auth=auth).raise_for_status().json()


def redis_cli(url: str, *words: str) -> list[str]:
    """What redis-cli prints."""
    done = subprocess.run(["redis-cli", "-u", url, *words], capture_output=True, check=True, text=True)
    return done.stdout.splitlines()


def letters_of(shop: Shop, kind: BrokerKind) -> str:
    """A dead-letter destination of the shop that nobody reads and that lends for nothing."""
    match kind:
        case BrokerKind.KAFKA:
            return KafkaNames(shop.prefix).invoices_dlt
        case BrokerKind.RABBITMQ:
            return RabbitNames(shop.prefix).refunds_errors
        case BrokerKind.REDIS:
            return RedisNames(shop.prefix).payments_dlq


def known(shop: Shop, kind: BrokerKind) -> set[str]:
    """The shop's destinations as the broker's own tool lists them."""
    url = shop.urls[kind]
    match kind:
        case BrokerKind.KAFKA:
            names = [topic["topic"] for topic in kcat(url, "-L")[0]["topics"]]
        case BrokerKind.RABBITMQ:
            rows = [*management(url, "queues/%2F"), *management(url, "exchanges/%2F")]
            names = [row["name"] for row in rows if row["name"]]
        case BrokerKind.REDIS:
            names = redis_cli(url, "--scan", "--pattern", f"{shop.prefix}*")
    return {name for name in names if name.startswith(shop.prefix)}


@pytest.mark.parametrize("kind", KINDS)
def test_ls_lists_what_is_there(mqtui: Mqtui, shop: Shop, kind: BrokerKind) -> None:
    url = shop.urls[kind]
    glob = f"{shop.prefix}*"
    rows = mqtui("ls", url, "--filter", glob, "--json").ok().rows()
    assert {row["resource"] for row in rows} == known(shop, kind)
    for row in rows:
        assert keys(row) == {
            *("resource", "kind", "type", "partitions", "internal", "facts"),
            *("dead_letters_to", "messages", "backlog", "bytes"),
        }
        assert "why" in row or None not in (row["messages"], row["backlog"], row["bytes"])
    name = letters_of(shop, kind)
    told = mqtui("ls", url, "--filter", name).ok().text.splitlines()
    assert told[0].split()[:2] == ["NAME", "KIND"]
    assert len(told) == 2
    assert told[1].startswith(name)
    if kind is BrokerKind.RABBITMQ:
        assert all(row["kind"] == "exchange" for row in mqtui("ls", url, "--kind", "exchange", "--json").rows())


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_broker_says_of_one_thing_and_of_its_nodes(mqtui: Mqtui, shop: Shop, kind: BrokerKind) -> None:
    url, name = shop.urls[kind], letters_of(shop, kind)
    said = mqtui("describe", url, name, "--json").ok().rows()
    assert {row["resource"] for row in said} == {name}
    part = {"kafka": "config", "rabbitmq": "queue", "redis": "stream"}[kind]
    told = mqtui("describe", url, name, "--only", part).ok().text.splitlines()
    assert len(told) == 1 + sum(row["of"] == part for row in said) > 3
    nodes = mqtui("topology", url, "--json").ok().rows()
    assert {row["problem"] for row in nodes} == {""} and nodes[0]["node"]
    assert nodes[0]["memory" if kind is BrokerKind.REDIS else "disk_free"] is not None
    assert mqtui("topology", url).ok().text.splitlines()[0].startswith("NODE")
    if kind is not BrokerKind.KAFKA:
        mqtui("partitions", url, name).fails(4, "has no partitions")
        return
    parts = mqtui("partitions", url, name, "--json").ok().rows()
    leaders = {part["partition"]: part["leader"] for part in kcat(url, "-L", "-t", name)[0]["topics"][0]["partitions"]}
    assert {row["partition"]: row["leader"] for row in parts} == leaders
    assert all(row["low"] <= row["stable"] <= row["high"] and row["bytes"] for row in parts)
    assert "records in" in mqtui("partitions", url, name).ok().err
    java, librdkafka = mqtui("partitions", url, name, "--key", "u7", "--json").ok().rows()
    assert (java["partitioner"], librdkafka["partitioner"]) == ("murmur2", "consistent_random")
    mqtui("partitions", url, f"{name}.missing").fails(1, "no topic")


@pytest.mark.parametrize("kind", KINDS)
def test_dlq_finds_letters_and_their_causes(mqtui: Mqtui, shop: Shop, kind: BrokerKind) -> None:
    url, name = shop.urls[kind], letters_of(shop, kind)
    places = {row["resource"]: row for row in mqtui("dlq", url, "--json").ok().rows()}
    assert figure(places[name]["letters"]) >= {"kafka": 6, "rabbitmq": 6, "redis": 12}[kind]
    assert name in mqtui("dlq", url, "--fail", 1).fails(1, f"{name}: ", "1 or more").text
    causes = mqtui("dlq", url, name, "--json").ok().rows()
    assert sum(row["letters"] for row in causes) >= figure(places[name]["letters"])
    for row in causes:
        assert keys(row) == set(golden("cause"))
        assert len(row["cause_id"]) == 8
        assert row["exception"].startswith("shop.")
        assert row["first"] <= row["last"]
        assert row["origin"].startswith(shop.prefix)
    told = mqtui("dlq", url, name, "--fail", 1, "--oldest", "1ms").fails(1, "1 or more", "more than 0s").text
    assert all(row["cause_id"] in told for row in causes)


@pytest.mark.parametrize("kind", KINDS)
def test_groups_and_their_lag(mqtui: Mqtui, shop: Shop, kind: BrokerKind) -> None:
    url = shop.urls[kind]
    groups = {row["group"]: row for row in mqtui("groups", url, "--json").ok().rows()}
    for row in groups.values():
        assert keys(row) == {"group", "type", "state", "members", "reads", "pending"}
    read = {
        BrokerKind.KAFKA: (KafkaNames(shop.prefix).shipping, KafkaNames(shop.prefix).orders),
        BrokerKind.RABBITMQ: (RabbitNames(shop.prefix).emails, RabbitNames(shop.prefix).emails),
        BrokerKind.REDIS: (f"{RedisNames(shop.prefix).payments}/ledger", RedisNames(shop.prefix).payments),
    }
    group, resource = read[kind]
    assert [ref["resource"] for ref in groups[group]["reads"]] == [resource]
    assert group in mqtui("groups", url, resource).ok().text
    (row,) = mqtui("lag", url, group, "--json").ok().rows()
    example = golden("lag")
    assert keys(row) == keys(example)
    assert all(keys(part) == keys(example["parts"][0]) for part in row["parts"])
    assert figure(row["lag"]) == sum(figure(part["lag"]) for part in row["parts"])
    told = mqtui("lag", url, "--warn", 0).ok()
    assert group in told.text
    assert f"{group}: lag" in told.err
    limit = 1 if figure(row["lag"]) else 0
    failed = mqtui("lag", url, group, "--fail", limit)
    assert failed.code == 1
    assert f"is {limit} or more" in failed.err


def test_unknown_lag_fails_a_check(mqtui: Mqtui, shop: Shop) -> None:
    url, stream = shop.urls["rabbitmq"], RabbitNames(shop.prefix).audit
    (row,) = mqtui("lag", url, stream, "--json").ok().rows()
    assert row["lag"] is None
    assert row["why"]
    assert mqtui("lag", url, stream, "--fail", 1).code == 1
    mqtui("lag", url, "nobody").fails(1, "nobody")


@pytest.mark.parametrize("kind", KINDS)
def test_peek_shows_messages_as_published(mqtui: Mqtui, shop: Shop, kind: BrokerKind) -> None:
    url, name = shop.urls[kind], letters_of(shop, kind)
    rows = mqtui("peek", url, name, "-n", 3, "--from", "oldest", "--json").ok().rows()
    assert len(rows) == 3
    for row in rows:
        assert keys(row) == keys(golden(f"message-{kind}"))
        assert row["resource"] == name
        assert row["size"] > 0
    lines = mqtui("peek", url, name, "-n", 3, "--from", "oldest").ok().text.splitlines()
    assert len(lines) == 3


def test_kcat_sees_the_same_records(mqtui: Mqtui, shop: Shop) -> None:
    url, name = shop.urls["kafka"], KafkaNames(shop.prefix).invoices_dlt
    rows = mqtui("peek", url, name, "-n", 20, "--partition", 0, "--json").ok().rows()
    seen = kcat(url, "-C", "-t", name, "-p", "0", "-o", "beginning", "-e")
    assert [row["offset"] for row in rows] == [record["offset"] for record in seen]
    for row, record in zip(rows, seen, strict=True):
        assert (row["key"], row["value"]) == (record["key"], record["payload"])
        assert row["timestamp"] == record["ts"]
        assert row["position"] == f"0/{record['offset']}"
        assert [name for name, _ in row["headers"]] == record["headers"][::2]
    place = rows[-1]["position"]
    assert mqtui("peek", url, name, "-n", 1, "--from", place, "--json").ok().rows() == rows[-1:]


def test_the_management_api_sees_the_same_messages(mqtui: Mqtui, shop: Shop) -> None:
    url, name = shop.urls["rabbitmq"], RabbitNames(shop.prefix).refunds_errors
    rows = mqtui("peek", url, name, "-n", 6, "--json").ok().rows()
    address = address_of(url)
    asked = {"count": 6, "ackmode": "ack_requeue_true", "encoding": "auto"}
    path = f"{address.options['management']}/api/queues/%2F/{quote(name)}/get"
    seen = httpx2.post(path, json=asked, auth=(address.user, address.secret)).raise_for_status().json()
    assert len(rows) == len(seen) == 6
    for row, message in zip(rows, seen, strict=True):
        assert row["value"] == message["payload"]
        assert (row["exchange"], row["routing_key"]) == (message["exchange"], message["routing_key"])
        assert {name for name, _, _ in row["headers"]} == set(message["properties"].pop("headers"))
        assert row["properties"] == message["properties"]
        assert row["position"] is None


def test_redis_cli_sees_the_same_entries(mqtui: Mqtui, shop: Shop) -> None:
    names = RedisNames(shop.prefix)
    url, stream = shop.urls["redis"], names.payments
    rows = mqtui("peek", url, names.payments_dlq, "-n", 20, "--json").ok().rows()
    seen = redis_cli(url, "XRANGE", names.payments_dlq, "-", "+")
    flat = [part for row in rows for part in (row["id"], *(word for pair in row["fields"] for word in pair))]
    assert flat == seen
    wanted = (stream, names.ledger, "--consumer", names.dead_worker)
    pending = mqtui("pending", url, *wanted, "--json").ok().rows()
    told = redis_cli(url, "XPENDING", stream, names.ledger, "-", "+", "100", names.dead_worker)
    assert [row["id"] for row in pending] == told[::4]
    assert [str(row["deliveries"]) for row in pending] == told[3::4]
    assert set(pending[0]) == {"resource", "group", "id", "consumer", "idle_ms", "deliveries", "read_at"}
    assert not mqtui("pending", url, *wanted, "--min-idle", "9d", "--json").ok().rows()
    assert names.dead_worker in mqtui("pending", url, *wanted).ok().text


@pytest.mark.parametrize("kind", KINDS)
def test_tail_follows(mqtui: Mqtui, shop: Shop, kind: BrokerKind) -> None:
    name = {
        BrokerKind.KAFKA: KafkaNames(shop.prefix).orders,
        BrokerKind.RABBITMQ: RabbitNames(shop.prefix).audit,
        BrokerKind.REDIS: RedisNames(shop.prefix).payments,
    }[kind]
    rows = mqtui("tail", shop.urls[kind], name, "-n", 2, "--json", "--decode").ok().rows()
    place = {"partition", "offset"} if kind is BrokerKind.RABBITMQ else set()
    assert [keys(row) for row in rows] == [keys(golden(f"message-{kind}")) | place | {"decoded", "report"}] * 2
    assert all(row["decoded"] for row in rows)


@pytest.mark.parametrize(
    ("kind", "words", "reason"),
    [
        ("kafka", ("pending", "{}", "s", "g"), "no pending entries"),
        ("kafka", ("claim", "{}", "s", "g", "--to", "c", "--min-idle", "1s", "--all", "--yes"), "pending entries"),
        ("kafka", ("ack", "{}", "s", "g", "--all", "--yes"), "pending entries"),
        ("rabbitmq", ("pending", "{}", "s", "g"), "pending entries"),
        ("rabbitmq", ("claim", "{}", "s", "g", "--to", "c", "--min-idle", "1s", "--all", "--yes"), "pending entries"),
        ("rabbitmq", ("ack", "{}", "s", "g", "--all", "--yes"), "pending entries"),
        ("rabbitmq", ("offsets", "{}", "g", "{prefix}work.emails", "--to", "oldest", "--yes"), "no offsets"),
        ("rabbitmq", ("tail", "{}", "{prefix}work.emails"), "one reader"),
        ("rabbitmq", ("peek", "{}", "x:{prefix}shop.events"), "holds no messages"),
        ("rabbitmq", ("redrive", "{}", "{prefix}audit.stream", "--to", "{prefix}work.emails", "--yes"), "stream"),
    ],
)
def test_what_a_broker_does_not_offer_is_refused(
    mqtui: Mqtui, shop: Shop, kind: str, words: tuple[str, ...], reason: str
) -> None:
    filled = [word.replace("{}", shop.urls[kind]).replace("{prefix}", shop.prefix) for word in words]
    error = mqtui(*filled, "--json").fails(4).error()
    assert set(error) == set(golden("error")["error"])
    assert error["exit"] == 4
    assert reason in f"{error['title']} {error['detail']} {error['hint']}"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_there_is_not_made_by_a_look(mqtui: Mqtui, shop: Shop, kind: BrokerKind) -> None:
    url = shop.urls[kind]
    gone = f"{shop.prefix}gone"
    looks: list[tuple[object, ...]] = [
        ("peek", url, gone),
        ("dlq", url, gone),
        ("redrive", url, gone, "--dry-run"),
        ("publish", url, gone, "--value", "x", "--yes"),
    ]
    if kind is BrokerKind.KAFKA:
        looks += [("tail", url, gone, "-n", 1), ("groups", url, gone)]
    if kind is BrokerKind.REDIS:
        looks += [("pending", url, gone, "g"), ("pending", url, RedisNames(shop.prefix).payments, "gone")]
    for words in looks:
        mqtui(*words).fails(1, "gone")
    assert gone not in known(shop, kind)
