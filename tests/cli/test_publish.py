"""Publishing one message: every flag, and what the broker says of it."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import httpx2
import pytest
from cryptography.fernet import Fernet

from mqtui.domain.resource import BrokerKind
from tests.cli.broker_fixtures import BrokerFixture
from tests.cli.command_line import Mqtui


def declared(broker: BrokerFixture, exchange: str, queue: str, key: str) -> None:
    """A direct exchange with one queue bound by one key, made by the management API."""
    address = broker.world.address
    with httpx2.Client(base_url=address.options["management"], auth=(address.user, address.secret)) as api:
        api.put(f"/api/exchanges/%2F/{exchange}", json={"type": "direct", "auto_delete": True}).raise_for_status()
        api.post(f"/api/bindings/%2F/e/{exchange}/q/{queue}", json={"routing_key": key}).raise_for_status()


def newest(mqtui: Mqtui, broker: BrokerFixture, name: str) -> dict[str, Any]:
    """The only message of a destination."""
    (row,) = mqtui("peek", broker.url, name, "--json").ok().rows()
    return row


def test_value_headers_and_idempotency_key(mqtui: Mqtui, broker: BrokerFixture) -> None:
    ref = broker.world.create("to")
    words = ("--value", "grün", "-H", "a=1", "-H", "a=2=3", "--idempotency-key", "v-7", "--yes", "--json")
    key = ("-k", "u7", "--partition", "0") if broker.kind is BrokerKind.KAFKA else ()
    plan, told = mqtui("publish", broker.url, ref.name, *words, *key).ok().rows()
    assert plan["plan"]["count"] == 1
    assert (told["resource"], told["state"]) == (ref.name, "stored")
    row = newest(mqtui, broker, ref.name)
    pairs = [("a", "1"), ("a", "2=3")]
    if broker.redis:
        assert row["fields"] == [["value", "grün"], ["a", "1"], ["a", "2=3"], ["idempotency-key", "v-7"]]
        assert told["position"] == row["id"]
        return
    assert row["value"] == "grün"
    if broker.kind is BrokerKind.KAFKA:
        assert row["key"] == "u7"
        assert [tuple(header) for header in row["headers"]] == [*pairs, ("idempotency-key", "v-7")]
        assert told["position"] == row["position"] == "0/0"
    else:
        assert [tuple(header) for header in row["headers"]] == [(*pair, "string") for pair in pairs]
        assert row["properties"]["message_id"] == "v-7"
        assert row["properties"]["delivery_mode"] == 2


def test_the_same_message_gets_the_same_automatic_key(mqtui: Mqtui, redis: BrokerFixture) -> None:
    ref = redis.world.create("to")
    for _ in range(2):
        mqtui("publish", redis.url, ref.name, "--value", "x", "--idempotency-key", "auto", "--yes").ok()
    mqtui("publish", redis.url, ref.name, "--value", "y", "--idempotency-key", "auto", "--yes").ok()
    one, two, other = (dict(letter.fields)[b"idempotency-key"] for letter in redis.world.contents(ref))
    assert one == two != other


def test_the_value_from_a_file_from_stdin_and_encrypted(mqtui: Mqtui, rabbitmq: BrokerFixture, tmp_path: Path) -> None:
    ref = rabbitmq.world.create("to")
    file = tmp_path / "body"
    file.write_bytes(bytes(range(256)))
    key = Fernet.generate_key()
    mqtui.extra["MQTUI_KEY_ORDERS_V2"] = key.decode()
    mqtui("publish", rabbitmq.url, ref.name, "--file", file, "--yes").ok()
    mqtui("publish", rabbitmq.url, ref.name, "-", "--yes", given=b"piped\n").ok()
    mqtui("publish", rabbitmq.url, ref.name, "--value", "secret", "--fernet", "orders-v2", "--yes").ok()
    plain, piped, sealed = (rabbitmq.body(letter) for letter in rabbitmq.world.contents(ref))
    assert plain == bytes(range(256))
    assert piped == b"piped\n"
    assert Fernet(key).decrypt(sealed) == b"secret"
    told = mqtui("publish", rabbitmq.url, ref.name, "--value", "secret", "--fernet", "unknown", "--yes").fails(1)
    assert "unknown" in told.err
    mqtui.extra["MQTUI_KEY_BAD"] = "no key at all"
    refused = mqtui("publish", rabbitmq.url, ref.name, "--value", "x", "--fernet", "bad", "--yes").fails(4)
    assert "no key at all" not in refused.err
    assert len(rabbitmq.world.contents(ref)) == 3


def test_amqp_flags_and_an_exchange(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    ref = rabbitmq.world.create("to")
    exchange = rabbitmq.world.name("x")
    declared(rabbitmq, exchange, ref.name, "paid")
    words = ["--exchange", exchange, "--routing-key", "paid", "--priority", 5, "--ttl", 600_000]
    words += ["--correlation-id", "c", "--reply-to", "answers", "--value", "x", "--yes", "--json"]
    told = mqtui("publish", rabbitmq.url, *words).ok().rows()[-1]
    assert told["state"] == "stored"
    row = newest(mqtui, rabbitmq, ref.name)
    assert (row["exchange"], row["routing_key"]) == (exchange, "paid")
    wanted = {"priority": 5, "expiration": "600000", "correlation_id": "c", "reply_to": "answers"}
    assert wanted.items() <= row["properties"].items()

    lost = mqtui(
        "publish", rabbitmq.url, "--exchange", exchange, "--routing-key", "no", "--value", "x", "--yes", "--json"
    )
    assert lost.code == 1
    assert lost.rows()[-1]["state"] == "returned"
    assert lost.rows()[-1]["reason"]
    said = mqtui("publish", rabbitmq.url, f"x:{exchange}", "--routing-key", "no", "--value", "x", "--yes")
    assert said.code == 1
    assert "0 of 1" in said.text


@pytest.mark.parametrize(
    ("kind", "flags", "named"),
    [
        (BrokerKind.KAFKA, ("--exchange", "x", "--routing-key", "r"), "--exchange"),
        (BrokerKind.KAFKA, ("--ttl", "5"), "--ttl"),
        (BrokerKind.KAFKA, ("--priority", "5"), "--priority"),
        (BrokerKind.RABBITMQ, ("-k", "k"), "--key"),
        (BrokerKind.RABBITMQ, ("--partition", "0"), "--partition"),
        (BrokerKind.REDIS, ("-k", "k"), "--key"),
        (BrokerKind.REDIS, ("--reply-to", "q"), "--reply-to"),
        (BrokerKind.REDIS, ("--partition", "0"), "--partition"),
    ],
)
def test_a_flag_of_another_broker_is_a_usage_error(
    mqtui: Mqtui, request: pytest.FixtureRequest, kind: BrokerKind, flags: tuple[str, ...], named: str
) -> None:
    broker: BrokerFixture = request.getfixturevalue(kind)
    ref = broker.world.create("to")
    mqtui("publish", broker.url, ref.name, *flags, "--value", "x", "--yes").fails(2, named)
    assert broker.world.contents(ref) == []


def test_usage(mqtui: Mqtui, redis: BrokerFixture, tmp_path: Path) -> None:
    ref = redis.world.create("to")
    mqtui("publish", redis.url, ref.name, "--yes").fails(2, "--value")
    mqtui("publish", redis.url, ref.name, "--value", "x", "-", "--yes", given=b"y").fails(2, "One value")
    mqtui("publish", redis.url, ref.name, "--file", tmp_path / "gone", "--yes").fails(2, "gone")
    mqtui("publish", redis.url, ref.name, "--jsonl", "--yes").fails(2, "JSON lines")
    for flag in ("--value", "-H", "--fernet"):
        words = (flag, "a=b", "--jsonl", "-", "--yes")
        mqtui("publish", redis.url, ref.name, *words, given=b"").fails(2, "JSON lines")
    mqtui("publish", redis.url, "--value", "x", "--yes").fails(2, "where")
    dry = mqtui("publish", redis.url, ref.name, "--value", "x", "--dry-run").ok()
    assert ref.name in dry.text
    assert redis.world.contents(ref) == []


def test_a_rate_is_kept(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    ref = kafka.world.create("to")
    lines = b"".join(json.dumps({"value": str(number)}).encode() + b"\n" for number in range(40))
    began = monotonic()
    done = mqtui("publish", kafka.url, ref.name, "--jsonl", "-", "--rate", 25, "--yes", given=lines).ok()
    assert monotonic() - began > 0.6
    assert "40 of 40" in done.text
    assert [kafka.body(letter) for letter in kafka.world.contents(ref)] == [b"%d" % number for number in range(40)]


def test_what_is_too_large_is_refused(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    ref = kafka.world.create("to")
    body = Random(1).randbytes(2_000_000)
    done = mqtui("publish", kafka.url, ref.name, "-", "--yes", "--json", given=body)
    assert done.code == 1
    assert done.rows()[-1]["state"] == "refused"
    assert "large" in done.rows()[-1]["reason"].lower()
    assert kafka.world.contents(ref) == []


@pytest.mark.parametrize("kind", ["rabbitmq", "redis"])
def test_twenty_megabytes(mqtui: Mqtui, request: pytest.FixtureRequest, kind: str) -> None:
    broker: BrokerFixture = request.getfixturevalue(kind)
    dlq, origin = broker.world.create("dead"), broker.world.create("home")
    body = bytes(range(256)) * 80_000
    mqtui("publish", broker.url, dlq.name, "-", "--yes", given=body).ok()
    (row,) = mqtui("peek", broker.url, dlq.name, "--json").ok().rows()
    assert row["size"] >= len(body)
    assert len(mqtui("peek", broker.url, dlq.name).ok().text) < 1_000
    assert mqtui("redrive", broker.url, dlq.name, "--to", origin.name, "--yes", "--json").ok().rows()[-1]["moved"] == 1
    assert [broker.body(letter) for letter in broker.world.contents(origin)] == [body]
    assert broker.world.contents(dlq) == []
