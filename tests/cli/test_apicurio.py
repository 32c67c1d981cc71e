"""A real registry, Apicurio: what Confluent's serializers wrote with it, its own framing, and `mqtui schema`."""

from __future__ import annotations

import json
import struct
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from confluent_kafka.schema_registry import Schema as RegistrySchema
from confluent_kafka.schema_registry import SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from mqtui.brokers.address import Address
from mqtui.domain.message import Message, Offset
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.services.decode_batch import decode_each
from mqtui.services.decoding import Decoder, load_decoder
from tests.brokers import Brokers
from tests.cli.broker_fixtures import broker_fixture_of
from tests.cli.command_line import Mqtui
from tests.codecs.schema_fixtures import message_class
from tests.codecs.test_registry_formats import ORDER, VALUE, raw_avro

MONEY = {"type": "record", "name": "shop.Money", "fields": [{"name": "units", "type": "long"}]}
FIRST = 'syntax = "proto3"; package shop; message First { string x = 1; }'
BILL = {"type": "record", "name": "shop.Bill", "fields": [{"name": "total", "type": "shop.Money"}]}


async def load(url: str) -> Decoder:
    return await load_decoder(None, Address(BrokerKind.KAFKA, (("h", 9092),), options={"schema.registry": url}))


async def decoded(decoder: Decoder, value: bytes, headers: dict[str, bytes] | None = None) -> tuple[Any, str, str]:
    given = tuple((name, content, "") for name, content in (headers or {}).items())
    (found,) = await decode_each(decoder, [Message(Ref(Kind.TOPIC, "t"), Offset(0, 1), value, None, given)])
    assert all(each.fitted for each in found.attempts), found.attempts
    return found.value(), found.codec, found.schema


async def test_what_confluents_serializers_wrote_with_it(
    brokers: Brokers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One scene: the registry takes seconds to start."""
    url, topic = brokers.registry(), f"orders-{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("MQTUI_CACHE_DIR", str(tmp_path / "cache"))
    with SchemaRegistryClient({"url": url}) as client:
        await _check_bodies(client, await load(url), topic, url)


async def _check_bodies(client: SchemaRegistryClient, decoder: Decoder, topic: str, url: str) -> None:
    context = SerializationContext(topic, MessageField.VALUE)
    shown = {**VALUE, "ratio": Decimal("0.1")}
    framed = AvroSerializer(client, json.dumps(ORDER))(VALUE, context)
    assert await decoded(decoder, framed) == (shown, "confluent+avro", f"{topic}-value v1")

    client.register_schema(f"{topic}-money", RegistrySchema(json.dumps(MONEY), "AVRO"))
    bill = RegistrySchema(json.dumps(BILL), "AVRO", [SchemaReference("shop.Money", f"{topic}-money", 1)])
    other = SerializationContext(f"{topic}-bill", MessageField.VALUE)
    found = await decoded(decoder, AvroSerializer(client, bill)({"total": {"units": 5}}, other))
    assert found == ({"total": {"units": 5}}, "confluent+avro", f"{topic}-bill-value v1")

    number = client.register_schema(f"{topic}-proto-value", RegistrySchema(FIRST, "PROTOBUF"))
    kind: Any = message_class("shop.First")
    mock = SchemaRegistryClient.new_client(
        {"url": "mock://proto"}
    )  # Confluent's serializer can't register with Apicurio
    body = ProtobufSerializer(kind, mock)(kind(x="one"), context)[5:]
    value, codec, _ = await decoded(decoder, b"\0" + number.to_bytes(4, "big") + body)
    assert (value, codec) == ({"x": "one"}, "confluent+protobuf")

    text = json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "title": "order", "type": "object"})
    other = SerializationContext(f"{topic}-json", MessageField.VALUE)
    value, codec, _ = await decoded(decoder, JSONSerializer(text, client)({"n": 9007199254740993}, other))
    assert (value, codec) == ({"n": 9007199254740993}, "confluent+json")

    number = int.from_bytes(framed[1:5], "big")
    body = raw_avro(ORDER, VALUE)
    assert (await decoded(decoder, body, {"apicurio.value.contentId": struct.pack(">q", number)}))[0] == shown
    searched = httpx2.get(f"{url.partition('/apis/')[0]}/apis/registry/v3/search/versions?artifactId={topic}-value")
    own = searched.json()["versions"][0]["globalId"]
    expected = (shown, "apicurio+avro", f"schema globalId {own}")
    assert await decoded(decoder, b"\0" + struct.pack(">q", own) + body) == expected


def test_schema_verbs_and_publish_by_a_schema(brokers: Brokers, mqtui: Mqtui, redis_url: str, tmp_path: Path) -> None:
    mqtui.extra["MQTUI_CACHE_DIR"] = str(mqtui.folder / "cache")
    url, broker = brokers.registry(), broker_fixture_of(BrokerKind.REDIS, redis_url)
    stream = broker.world.create("framed")
    target, subject = f"{redis_url}?schema.registry={url}", f"{stream.name}-value"
    file = tmp_path / "order.avsc"
    file.write_text(json.dumps(ORDER))
    (_, row) = mqtui("schema", "register", target, subject, file, "--yes", "--json").ok().rows()
    assert (row["schema_version"], row["registered"]) == (1, True)
    (row,) = mqtui("schema", "list", target, "--filter", subject, "--json").ok().rows()
    assert row["used_by"] == [f"{stream} (value)"] and row["language"] == "avro"

    order = json.dumps({**VALUE, "total": 12.5}).encode()
    words = ("publish", target, stream.name, "--schema", subject)
    assert f"{subject} v1, id {row['schema_id']}, avro" in mqtui(*words, "-", "--yes", given=order).ok().text
    (letter,) = broker.world.contents(stream)
    ((_, framed),) = letter.fields
    context = SerializationContext(stream.name, MessageField.VALUE)
    with SchemaRegistryClient({"url": url}) as client:
        assert AvroDeserializer(client)(framed, context) == VALUE
    (shown,) = mqtui("peek", target, stream.name, "--decode", "--json").ok().rows()
    assert shown["decoded"]["value"] == {**VALUE, "total": 12.5}
    mqtui(*words, "--value", '{"id": 5}', "--yes").fails(2, "does not fit", "at id: 5 is not a string")

    file.write_text(json.dumps({**ORDER, "fields": [*ORDER["fields"], {"name": "eu", "type": "boolean"}]}))
    told = mqtui("schema", "check", target, subject, file).ok().text
    assert told.endswith(f"{file.name} is compatible with {subject} v1 (NONE)\n")
    mqtui("schema", "register", target, subject, file, "--yes").ok()
    assert mqtui("schema", "diff", target, subject).text == "+ eu  boolean\n"
