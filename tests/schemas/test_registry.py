"""Schemas of a registry: bodies that Confluent's own serializers wrote decode to what they wrote, and a registry that
fails costs the decoding only.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.schema_registry import Schema as RegistrySchema
from confluent_kafka.schema_registry import SchemaReference, SchemaRegistryClient, header_schema_id_serializer
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from mqtui.brokers.address import Address
from mqtui.codecs.decoded import Decoded
from mqtui.domain.errors import BadInput
from mqtui.domain.message import Message, Offset
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.profiles.resolve import resolve_target
from mqtui.profiles.url import parse_url
from mqtui.schemas import registry_client
from mqtui.services.decode_batch import decode_each
from mqtui.services.decoding import Decoder, load_decoder
from tests.codecs.schema_fixtures import message_class
from tests.codecs.test_registry_formats import ORDER, PROTO_ORDER, VALUE, order_message
from tests.connections import certificates
from tests.schemas.registry_server import RegistryServer, running_registry

CONTEXT = SerializationContext("orders", MessageField.VALUE)
MONEY = {"type": "record", "name": "shop.Money", "fields": [{"name": "units", "type": "long"}]}
BILL = {"type": "record", "name": "shop.Bill", "fields": [{"name": "total", "type": "shop.Money"}]}


@pytest.fixture
def registry() -> Iterator[RegistryServer]:
    with running_registry() as running:
        yield running


@pytest.fixture
def client(registry: RegistryServer) -> Iterator[SchemaRegistryClient]:
    """Confluent's own."""
    with SchemaRegistryClient({"url": registry.url}) as opened:
        yield opened


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CACHE", "CONFIG", "STATE"):
        monkeypatch.setenv(f"MQTUI_{name}_DIR", str(tmp_path / name.lower()))


async def decoder_of(url: str, **options: str) -> Decoder:
    given = {"schema.registry": url, **options}
    decoder = await load_decoder(None, Address(BrokerKind.KAFKA, (("h", 9092),), options=given))
    assert decoder.problems == ()
    return decoder


def record(value: bytes, *headers: tuple[str, bytes]) -> Message:
    return Message(Ref(Kind.TOPIC, "orders"), Offset(0, 1), value, None, tuple((n, v, "") for n, v in headers))


async def decoded(decoder: Decoder, value: bytes, *headers: tuple[str, bytes]) -> Decoded:
    (found,) = await decode_each(decoder, [record(value, *headers)])
    return found


def framed(number: int, body: bytes = b"\x02a") -> bytes:
    return b"\0" + number.to_bytes(4, "big") + body


def why(found: Decoded) -> str:
    return next(each.why for each in found.attempts if each.codec == "confluent")


async def test_what_confluents_serializers_wrote(registry: RegistryServer, client: SchemaRegistryClient) -> None:
    decoder = await decoder_of(registry.url)
    value = {**VALUE, "ratio": Decimal("0.1")}

    avro = await decoded(decoder, AvroSerializer(client, json.dumps(ORDER))(VALUE, CONTEXT))
    assert (avro.value(), avro.codec, avro.schema) == (value, "confluent+avro", "orders-value v1")

    client.register_schema("money", RegistrySchema(json.dumps(MONEY), "AVRO"))
    bill = RegistrySchema(json.dumps(BILL), "AVRO", [SchemaReference("shop.Money", "money", 1)])
    found = await decoded(decoder, AvroSerializer(client, bill)({"total": {"units": 5}}, CONTEXT))
    assert (found.value(), found.schema) == ({"total": {"units": 5}}, "orders-value v2")

    kind: Any = message_class("shop.Order")
    proto = await decoded(decoder, ProtobufSerializer(kind, client)(order_message(kind), CONTEXT))
    assert (proto.value(), proto.codec) == (PROTO_ORDER, "confluent+protobuf")
    assert proto.schema == "orders-value v3 shop.Order"

    text = json.dumps({"title": "order", "type": "object"})
    row = {"id": "AB-991", "n": 9007199254740993}
    found = await decoded(decoder, JSONSerializer(text, client)(row, CONTEXT))
    assert (found.value(), found.codec, found.schema) == (row, "confluent+json", "orders-value v4")


async def test_the_header_form_with_a_guid(registry: RegistryServer, client: SchemaRegistryClient) -> None:
    headers: Any = []
    context = SerializationContext("orders", MessageField.VALUE, headers)
    conf = {"schema.id.serializer": header_schema_id_serializer}
    body = AvroSerializer(client, json.dumps(ORDER), conf=conf)(VALUE, context)
    found = await decoded(await decoder_of(registry.url), body, *headers)
    assert (found.value(), found.codec) == ({**VALUE, "ratio": Decimal("0.1")}, "confluent+avro")
    (_, raw), *_ = headers
    assert (await decoded(await decoder_of(registry.url), raw + body)).text == found.text


@pytest.mark.parametrize("descriptors", ["", '\n\x08Tracking\x12\x04shop"9'], ids=["source", "as-apicurio"])
async def test_protobuf_sources_are_compiled(registry: RegistryServer, descriptors: str) -> None:
    """Where the registry has no descriptors, or writes their bytes as text."""
    registry.descriptors = descriptors
    money = 'syntax = "proto3"; package shop; message Money { int64 units = 1; }'
    order = 'syntax = "proto3"; package shop; import "shop/money.proto"; message Order { Money total = 1; }'
    registry.register("money", money, "PROTOBUF")
    named = {"name": "shop/money.proto", "subject": "money", "version": 1}
    number = registry.register("orders-value", order, "PROTOBUF", [named])
    found = await decoded(await decoder_of(registry.url), framed(number, b"\0\x0a\x02\x08\x05"))
    assert found.value() == {"total": {"units": 5}}
    outside = {"name": "../money.proto", "subject": "money", "version": 1}
    number = registry.register("orders-value", order, "PROTOBUF", [outside])
    assert "no path of an import" in why(await decoded(await decoder_of(registry.url), framed(number)))


async def test_a_schema_is_fetched_once_and_stays_on_this_machine(registry: RegistryServer, tmp_path: Path) -> None:
    number = registry.register("orders-value", "string")
    decoder = await decoder_of(registry.url)
    found = await decode_each(decoder, [record(framed(number)) for _ in range(3)])
    assert {each.text for each in found} == {b'"a"'}
    assert registry.asked[f"/schemas/ids/{number}"] == 1
    registry.mode = "broken"
    again = await decoded(await decoder_of(registry.url), framed(number))
    assert (again.text, again.schema) == (b'"a"', "orders-value v1")
    (kept,) = (tmp_path / "cache" / "schemas").rglob("*.json")
    kept.write_bytes(b"{")
    assert "backend" in why(await decoded(await decoder_of(registry.url), framed(number)))


async def test_an_id_of_a_registry_that_was_set_up_anew_is_fetched_anew(registry: RegistryServer) -> None:
    number = registry.register("orders-value", "string")
    assert (await decoded(await decoder_of(registry.url), framed(number, b"\x02a"))).text == b'"a"'
    registry.subjects.clear()
    registry.schemas.clear()
    assert registry.register("orders-value", {"type": "array", "items": "int"}) == number
    decoder = await decoder_of(registry.url)
    assert (await decoded(decoder, framed(number, b"\x02\x08\0"))).text == b"[4]"
    asked = registry.asked.total()
    assert "does not fit" in why(await decoded(decoder, framed(number, b"\x02")))
    assert registry.asked.total() == asked


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("html", "does not answer as a schema registry: Asked for schema id 1, it answers with text/html."),
        ("slow", "does not answer: Not within 0.3 s."),
        ("trickle", "does not answer: Not within 0.3 s."),
        ("broken", "failed on schema id 1: 500 Error in the backend data store"),
        ("huge", "answers with more than 16 MiB"),
    ],
)
async def test_a_registry_that_fails_costs_the_decoding_only(
    registry: RegistryServer, monkeypatch: pytest.MonkeyPatch, mode: str, words: str
) -> None:
    monkeypatch.setattr(registry_client, "SECONDS", 0.3)
    registry.mode = mode
    decoder = await decoder_of(registry.url)
    bodies = [record(body) for body in (framed(1), b'{"a":1.10}', framed(2), framed(3, b'{"a":1}'))]
    for _ in range(2):
        found = await decode_each(decoder, bodies)
        assert [each.codec for each in found] == ["binary", "json", "binary", "confluent+json"]
        assert words in why(found[0]) and why(found[0]) == why(found[2]) == why(found[3])
        assert (found[1].text, found[0].schema) == (b'{"a":1.10}', "schema id 1")
    assert registry.asked.total() == 1


async def test_no_registry_there_and_no_such_id(registry: RegistryServer) -> None:
    gone = await decoder_of("http://127.0.0.1:1")
    assert "http://127.0.0.1:1 can't be reached" in why(await decoded(gone, framed(1)))
    decoder = await decoder_of(registry.url)
    assert why(await decoded(decoder, framed(7))) == "The schema registry has no schema id 7: Schema not found"
    number = registry.register("orders-value", "string")
    assert (await decoded(decoder, framed(number))).text == b'"a"'
    other = await decoder_of(f"{registry.url}/wrong")
    assert "404" in why(await decoded(other, framed(number)))


async def test_ids_that_never_were_are_asked_for_in_bounds(registry: RegistryServer) -> None:
    decoder = await decoder_of(registry.url)
    found = await decode_each(decoder, [record(framed(number)) for number in range(1, 500)])
    assert {each.codec for each in found} == {"binary"}
    assert registry.asked.total() <= 200


@pytest.mark.parametrize(
    ("references", "words"),
    [
        ({"a": [("shop.B", "b")], "b": [("shop.A", "a")]}, "lead in a circle: a v1 → b v1 → a v1"),
        ({"a": [("shop.A", "a")]}, "lead in a circle: a v1 → a v1"),
        ({"a": [("shop.X", "missing")]}, "has no missing v1"),
        ({f"{n}": [(f"shop.N{n + 1}", f"{n + 1}")] for n in range(40)} | {"40": []}, "deeper than 32 levels"),
    ],
    ids=["circle", "itself", "missing", "deep"],
)
async def test_references_that_lead_nowhere(
    registry: RegistryServer, references: dict[str, list[tuple[str, str]]], words: str
) -> None:
    for subject, used in references.items():
        rows = [{"name": name, "subject": other, "version": 1} for name, other in used]
        registry.register(subject, {"type": "record", "name": f"shop.S{subject}", "fields": []}, references=rows)
    first = next(iter(references))
    root = registry.register("root", "string", references=[{"name": "shop.R", "subject": first, "version": 1}])
    found = await decoded(await decoder_of(registry.url), framed(root))
    assert (found.codec, words in why(found)) == ("binary", True), why(found)


async def test_tls_basic_bearer_and_a_client_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = certificates.made(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.server.certificate, files.server.key)
    context.load_verify_locations(files.authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    ours = {"tls.ca": files.authority.certificate, "tls.cert": files.client.certificate, "tls.key": files.client.key}
    options = {f"schema.registry.{name}": str(path) for name, path in ours.items()}
    monkeypatch.setenv("WORD", "hunter2")
    with running_registry(context) as registry:
        number = registry.register("orders-value", "string")
        registry.password = "hunter2"
        url = f"kafka://h?schema.registry={registry.url}&schema.registry.user=reader"
        (address,) = resolve_target(f"{url}&schema.registry.password=env:WORD").addresses
        for given in (address, replace(address, options={**address.options, **options})):
            found = await decoded(await load_decoder(None, given), framed(number))
            assert ("TLS with the schema registry" in why(found)) is (given is address)
            assert found.codec == ("binary" if given is address else "confluent+avro")
        registry.password, registry.token = "", "hunter2"
        (address,) = resolve_target(f"{url}&schema.registry.token=env:WORD").addresses
        bearing = replace(address, options={**address.options, **options})
        decoder = await load_decoder(None, bearing)
        other = registry.register("orders-value", "bytes")
        assert (await decoded(decoder, framed(other))).codec == "confluent+avro"
        registry.token = "another"
        refused = why(await decoded(decoder, framed(99)))
        assert "refuses the token" in refused and "hunter2" not in refused + repr(decoder) + repr(bearing)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("schema.registry=http://u:hunter2@h:8081", "takes no login"),
        ("schema.registry=h:8081", "is no http URL"),
        ("schema.registry=http://h&schema.registry.password=hunter2", "would hold a secret"),
        ("schema.registry=http://h&schema.registry.tls.verify=perhaps", "is yes or no"),
        ("basic.auth.user.info=u:hunter2", "another way"),
    ],
)
def test_options_that_do_not_fit(options: str, words: str) -> None:
    for scheme in ("kafka", "amqp", "redis"):
        with pytest.raises(BadInput, match=words) as refused:
            parse_url(f"{scheme}://h?{options}")
        assert "hunter2" not in str(refused.value)


def test_the_name_that_confluents_clients_use() -> None:
    address, _ = parse_url("kafka://h?schema.registry.url=http://h:8081")
    assert address.options == {"schema.registry": "http://h:8081"}
