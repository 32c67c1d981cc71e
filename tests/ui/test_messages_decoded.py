"""Decoded values in the console: codec and schema beside them, `i` for the ways that fit, a lock where no key fits."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import fastavro
import msgspec
import pytest
from cryptography.fernet import Fernet

from mqtui.domain.message import Message, Offset
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.schema import IdKind, Schema, SchemaKind, SchemaRef
from mqtui.services.decoding import PLAIN, Decoder
from mqtui.ui.render.dead_letters.letter_preview import value_lines
from mqtui.ui.render.messages.messages import MessageRenderer, preview_value
from mqtui.ui.render.messages.payload_forms import next_form, render_value, report, value_forms
from mqtui.ui.widgets.message_detail import caption
from tests.codecs.schema_fixtures import MemorySchemas
from tests.memory import MemoryWorld
from tests.schemas.registry_server import running_registry
from tests.ui.destination_console import message, open_destination

TARGET = "kafka://memory:9092"
TOPIC = Ref(Kind.TOPIC, "orders")
SCHEMA: Any = {"type": "record", "name": "Order", "fields": [{"name": "id", "type": "string"}]}
KEY = Fernet.generate_key()
SCHEMAS = MemorySchemas(
    {SchemaRef(IdKind.ID, "7"): Schema(SchemaKind.AVRO, json.dumps(SCHEMA).encode(), "orders-value v2")}
)
DECODER = Decoder({"lab": KEY}, SCHEMAS, {"or*": {"key": "int64"}})


def record(value: bytes | None) -> Message:
    return Message(TOPIC, Offset(0, 1), value)


def avro() -> Message:
    target = io.BytesIO()
    fastavro.schemaless_writer(target, SCHEMA, {"id": "AB-991"})
    return record(b"\0\0\0\0\x07" + target.getvalue())


def text_of(message: Message, form: str = "auto", decoder: Decoder = DECODER) -> str:
    document = render_value(message, form, decoder).document
    document.grow(100)
    return "\n".join(document.text(number) for number in range(len(document)))


def test_an_avro_record_is_shown_decoded_with_its_schema() -> None:
    assert json.loads(text_of(avro())) == {"id": "AB-991"}
    look = render_value(avro(), "auto", DECODER)
    assert look.codec == "confluent+avro orders-value v2"
    assert caption(avro(), look, "auto").endswith("confluent+avro orders-value v2")
    assert preview_value(avro(), DECODER)[0] == 'confluent+avro: {"id":"AB-991"}'


def test_a_dead_letters_value_is_decoded_digit_by_digit() -> None:
    assert [line[0][0] for line in value_lines(avro(), DECODER)] == ["{", '  "id": "AB-991"', "}"]
    lines = value_lines(record(b'{"total":1.10,"big":12345678901234567890123,"items":[{"n":1e400}]}'))
    shown = " ".join(line[0][0] for line in lines)
    assert all(digits in shown for digits in ("1.10", "12345678901234567890123", "1e400"))
    many = value_lines(record(json.dumps([{"n": [number]} for number in range(500)]).encode()))
    assert len(many) == 201 and "more lines" in many[-1][0][0]


def test_without_the_schema_the_bytes_are_shown_and_the_schema_is_named() -> None:
    look = render_value(avro(), "auto", PLAIN)
    assert look.codec == "binary schema id 7"
    assert "00 00 00 00 07" in text_of(avro(), decoder=PLAIN)
    lines = report(look, avro())
    assert any("schema id 7 is needed" in lines.text(number) for number in range(len(lines)))
    assert preview_value(avro(), PLAIN)[0].startswith("00 00 00 00 07")


def test_i_walks_the_ways_that_fit() -> None:
    number = record(struct.pack(">q", 258))
    forms = value_forms(number, DECODER)
    assert forms[0] == "auto" and forms[-3:] == ("text", "hex", "base64")
    assert "int64" in forms and "uint64-le" in forms and "int32" not in forms
    assert text_of(number, "int64") == "258"
    assert next_form(number, "auto", DECODER) == forms[1]
    assert next_form(number, "base64", DECODER) == "auto"
    assert next_form(avro(), "int64", DECODER) == "auto"
    assert value_forms(record(b'{"a":1}'), DECODER) == ("auto", "text", "hex", "base64")
    hexed = record(msgspec.msgpack.encode({"a": 1}).hex().encode())
    assert value_forms(hexed, DECODER)[1] == "from hex"
    assert json.loads(text_of(hexed, "from hex")) == {"a": 1}


def test_a_way_that_does_not_fit_the_next_message_shows_it_by_itself() -> None:
    assert json.loads(text_of(avro(), "int64")) == {"id": "AB-991"}


def test_fernet_is_opened_with_a_key_and_has_a_lock_without() -> None:
    sealed = record(Fernet(KEY).encrypt(b'{"a":1}'))
    assert json.loads(text_of(sealed)) == {"a": 1}
    assert preview_value(sealed, DECODER)[0] == 'fernet+json: {"a":1}'
    closed = render_value(sealed, "auto", PLAIN)
    assert "sealed (Fernet): no key is given" in caption(sealed, closed, "auto")
    assert preview_value(sealed, PLAIN)[0].startswith("sealed (Fernet)")


def test_what_can_be_decoded_is_no_problem_in_the_list() -> None:
    rows = MessageRenderer(BrokerKind.KAFKA, lambda: DECODER)
    assert rows.severity(avro()) == 0
    assert rows.severity(record(b"\xff\xfe\xfd")) == 1
    assert rows.severity(record(msgspec.msgpack.encode({"a": b"\xff"}))) == 0


async def test_the_console_fetches_the_schema_that_its_rows_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MQTUI_CACHE_DIR", str(tmp_path / "cache"))
    world = MemoryWorld()
    server = world.kafka()
    ref = server.make("orders")
    with running_registry() as registry:
        number = registry.register("orders-value", SCHEMA)
        body = (avro().value or b"")[5:]
        server.put(message(ref, b"\0" + number.to_bytes(4, "big") + body, b"u44"))
        server.put(message(ref, b"\0\0\0\0\x63" + body, b"u45"))
        async with open_destination(world, f"{TARGET}?schema.registry={registry.url}", ref) as opened:
            await opened.see('confluent+avro: {"id":"AB-991', "00 00 00 00 63")
            await opened.press("tab", "full_stop", "full_stop")
            await opened.see("✗ confluent  The schema registry has no")
            await opened.press("escape", "g")
            await opened.see("✓ confluent", "✓ avro")
        assert registry.asked[f"/schemas/ids/{number}"] == 1


async def test_the_console_shows_a_decoded_value_and_walks_the_ways() -> None:
    world = MemoryWorld()
    server = world.kafka()
    ref = server.make("orders")
    server.put(message(ref, msgspec.msgpack.encode({"id": "AB-991", "big": 2**53 + 1}), b"u44"))
    async with open_destination(world, TARGET, ref) as opened:
        await opened.see('msgpack: {"id":"AB-991"', '"big": 9007199254740993', "· msgpack")
        await opened.press("i")
        await opened.see("value as text")
        await opened.press("i", "i", "i")
        await opened.see("value as auto", "· msgpack")
