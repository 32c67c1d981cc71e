"""`peek --json | publish --jsonl -` brings every byte home."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from mqtui.domain.resource import Ref
from tests.cli.broker_fixtures import BrokerFixture, BrokerFixtureOn
from tests.cli.command_line import Mqtui
from tests.contract.worlds import Letter

PLACES = {"resource", "position", "offset", "id", "timestamp"}
TYPED: list[list[Any]] = [
    ["bool", True, "bool"],
    ["int8", -7, "int8"],
    ["uint8", 200, "uint8"],
    ["int16", -300, "int16"],
    ["uint16", 60_000, "uint16"],
    ["int32", -3, "int32"],
    ["uint32", 4_000_000_000, "uint32"],
    ["int64", -(2**60), "int64"],
    ["float", 1.5, "float"],
    ["double", 1.75, "double"],
    ["timestamp", 1_795_475_111, "timestamp"],
    ["void", None, "void"],
    ["binary", {"base64": "AP8="}, "binary"],
    ["string", {"base64": "//4="}, "string"],
    ["twice", "a", "string"],
    ["twice", "b", "string"],
    [{"base64": "d/8="}, "a name that is not UTF-8", "string"],
    ["table", [["deep", [[1, "int8"], ["x", "string"]], "array"], ["größe 🧵", 2.5, "double"]], "table"],
]
PROPERTIES = {
    "content_type": "text/plain",
    "content_encoding": "utf-8",
    "delivery_mode": 2,
    "priority": 4,
    "correlation_id": "c-1",
    "reply_to": "answers",
    "message_id": "m-1",
    "timestamp": 1_795_475_111,
    "type": "t",
    "app_id": "a",
}


def pipe(mqtui: Mqtui, source: BrokerFixture, dlq: Ref, target: BrokerFixture, ref: Ref) -> bytes:
    """Peek at all and publish it, as a pipe does."""
    seen = mqtui("peek", source.url, dlq.name, "-n", 100, "--from", "oldest", "--json").ok()
    told = mqtui("publish", target.url, ref.name, "--jsonl", "-", "--yes", "--json", given=seen.out).ok()
    _, *stored, total = told.rows()
    assert [row["state"] for row in stored] == ["stored"] * len(seen.rows())
    assert total == {"published": len(stored), "refused": 0, "unknown": 0}
    return seen.out


def exported(mqtui: Mqtui, broker: BrokerFixture, ref: Ref, folder: Path) -> bytes:
    """What an export of all of it writes."""
    file = folder / "exported.jsonl"
    mqtui("export", broker.url, ref.name, "--out", file).ok()
    return file.read_bytes()


def timeless(lines: bytes) -> list[dict[str, Any]]:
    """The rows without what tells where a message is."""
    rows = [json.loads(line) for line in lines.splitlines()]
    return [{key: value for key, value in row.items() if key not in PLACES | {"routing_key"}} for row in rows]


def test_every_byte_comes_home(mqtui: Mqtui, broker: BrokerFixture, tmp_path: Path) -> None:
    source, target = broker.world.create("from"), broker.world.create("to")
    broker.world.put(source, broker.world.odd_letters())
    before = broker.world.contents(source)
    seen = pipe(mqtui, broker, source, broker, target)
    assert broker.world.contents(target) == before == broker.world.contents(source)
    again = mqtui("peek", broker.url, target.name, "-n", 100, "--from", "oldest", "--json").ok()
    assert timeless(again.out) == timeless(seen)
    assert exported(mqtui, broker, target, tmp_path) == again.out


def test_typed_headers_come_home_on_rabbitmq(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    source, target = rabbitmq.world.create("from"), rabbitmq.world.create("to")
    line = json.dumps({"value": {"base64": "/wA="}, "headers": TYPED, "properties": PROPERTIES}).encode()
    mqtui("publish", rabbitmq.url, source.name, "--jsonl", "-", "--yes", given=line).ok()
    seen = pipe(mqtui, rabbitmq, source, rabbitmq, target)
    (row,) = [json.loads(each) for each in seen.splitlines()]
    assert row["headers"] == TYPED
    assert row["properties"] == PROPERTIES
    assert row["value"] == {"base64": "/wA="}
    assert mqtui("redrive", rabbitmq.url, target.name, "--to", source.name, "--yes").ok()
    rows = mqtui("peek", rabbitmq.url, source.name, "--json").ok().rows()
    assert len(rows) == 2
    for row in rows:
        assert [header for header in row["headers"] if not str(header[0]).startswith("x-mqtui")] == TYPED
        assert row["properties"] == PROPERTIES


def test_names_that_are_not_utf8_on_redis(mqtui: Mqtui, redis: BrokerFixture) -> None:
    name = redis.world.name("größe 🧵") + "\udcff"
    raw = name.encode("utf-8", "surrogateescape")
    target = redis.world.create("to")
    redis.world.put(redis.world.ref(name), [])
    client = Redis.from_url(redis.url)
    add: Callable[..., Any] = client.execute_command
    add("XADD", raw, "*", b"\xff\xfe", b"\x00\xff", b"twice", b"1", b"twice", b"2")
    try:
        rows = mqtui("ls", redis.url, "--filter", f"{redis.world.prefix}*", "--json").ok().rows()
        assert any(isinstance(row["resource"], dict) for row in rows)
        seen = mqtui("peek", redis.url, name, "--json").ok()
        assert isinstance(seen.rows()[0]["resource"], dict)
        mqtui("publish", redis.url, target.name, "--jsonl", "-", "--yes", given=seen.out).ok()
        (letter,) = redis.world.contents(target)
        assert letter.fields == ((b"\xff\xfe", b"\x00\xff"), (b"twice", b"1"), (b"twice", b"2"))
        mqtui("redrive", redis.url, target.name, "--to", name, "--yes").ok()
        assert client.xlen(raw) == 2
    finally:
        client.delete(raw)
        client.close()


@pytest.mark.parametrize("kind", ["rabbitmq", "redis"])
def test_names_with_spaces_and_emoji(mqtui: Mqtui, broker_on: BrokerFixtureOn, kind: str) -> None:
    broker = broker_on(kind)
    dlq, origin = broker.world.create("tot ☠ café"), broker.world.create("heim 🏠 x/y?&#%")
    broker.world.put(dlq, [broker.dead_letter(number, origin) for number in range(2)])
    assert mqtui("redrive", broker.url, dlq.name, "--to", origin.name, "--yes", "--json").ok().rows()[-1]["moved"] == 2
    assert broker.numbers(origin) == [0, 1]
    seen = mqtui("peek", broker.url, origin.name, "--from", "oldest", "--json").ok().rows()
    assert {row["resource"] for row in seen} == {origin.name}
    assert origin.name in mqtui("ls", broker.url, "--filter", f"{broker.world.prefix}*").ok().text


@pytest.mark.parametrize(("source", "target"), [("kafka", "rabbitmq"), ("rabbitmq", "redis"), ("rabbitmq", "kafka")])
def test_values_cross_over(mqtui: Mqtui, broker_on: BrokerFixtureOn, source: str, target: str) -> None:
    one, other = broker_on(source), broker_on(target)
    values = [bytes(range(256)), b"", "größe 🧵".encode(), b'{"a":1.10}']
    sent, ref = one.world.create("from"), other.world.create("to")
    one.world.put(sent, [Letter(value, headers=(("kept", b"\xff"),)) for value in values])
    pipe(mqtui, one, sent, other, ref)
    letters = other.world.contents(ref)
    assert [other.body(letter) for letter in letters] == values
    assert all("kept" in other.header_names(letter) for letter in letters)


def test_a_bad_line_is_named_and_the_rest_is_not_sent(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    target = kafka.world.create("to")
    lines = b'{"value":"a"}\n{"value":7}\n{"value":"c"}\n'
    done = mqtui("publish", kafka.url, target.name, "--jsonl", "-", "--yes", given=lines)
    done.fails(1, "Line 2", "value", "--from-line 2")
    assert len(kafka.world.contents(target)) == 1
