"""How a broker's messages are decoded: by the profile's rules, schema files and keys, and by what a message says."""

from __future__ import annotations

import gzip
import io
import json
import struct
from pathlib import Path

import fastavro
import msgspec
import orjson
import pytest
from cryptography.fernet import Fernet

from mqtui.cli.message_lines import message_line
from mqtui.domain.errors import BadInput
from mqtui.domain.figure import unknown
from mqtui.domain.message import Delivery, EntryId, Envelope, Message, Offset
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.profiles.store import ProfileStore
from mqtui.services.decoding import PLAIN, Decoder, load_decoder
from mqtui.services.jsonlines import to_json
from mqtui.services.jsonlines_parse import parse_message

TOPIC = Ref(Kind.TOPIC, "orders.eu")
SCHEMA = {"type": "record", "name": "Order", "fields": [{"name": "id", "type": "string"}]}
FILE = """
[[profile]]
name = "shop"
keys = ["lab"]
decode."orders.*".value = "avro:order.avsc"
decode."orders.*".key = "int64"
decode."*".value = "msgpack"
decode."*".payload = "gzip+json"

[profile.kafka]
url = "kafka://h:9092"
"""


def order(number: str) -> bytes:
    target = io.BytesIO()
    fastavro.schemaless_writer(target, fastavro.parse_schema(SCHEMA), {"id": number})
    return target.getvalue()


def record(value: bytes | None, key: bytes | None = None, headers: dict[str, bytes] | None = None) -> Message:
    return Message(TOPIC, Offset(0, 7), value, key, tuple((n, v, "") for n, v in (headers or {}).items()), 1)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MQTUI_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("MQTUI_KEY_LAB", Fernet.generate_key().decode())
    tmp_path.chmod(0o700)
    (tmp_path / "profiles.toml").write_text(FILE)
    (tmp_path / "order.avsc").write_text(json.dumps(SCHEMA))
    return tmp_path


async def test_a_profiles_rules_decode_key_and_value_apart(config: Path) -> None:
    decoder = await load_decoder(ProfileStore().find("shop"))
    assert decoder.problems == ()
    message = record(order("AB-991"), struct.pack(">q", 2**53 + 1))
    line = to_json(message, decoder.decode(message), decoder.decode_key(message))
    told = orjson.loads(line)
    assert told["decoded"] == {"key": 2**53 + 1, "value": {"id": "AB-991"}}
    assert (told["codec"], told["schema"]) == ("avro", "order.avsc")
    assert told["report"] == [{"codec": "int64"}, {"codec": "avro"}]
    assert parse_message(line, 1, TOPIC, BrokerKind.KAFKA).value == message.value
    line_shown = message_line(message, decoder.decode(message), decoder.decode_key(message))
    assert line_shown.endswith('9007199254740993  [avro order.avsc]  {"id":"AB-991"}')
    entry = Message(Ref(Kind.STREAM, "carts"), EntryId(1, 0), None, fields=((b"payload", gzip.compress(b"[1]")),))
    assert decoder.decode(entry).text == b'{"payload":[1]}'
    other = Message(Ref(Kind.TOPIC, "carts"), Offset(0, 0), b"\x01", b"k")
    assert (decoder.decode(other).text, decoder.decode_key(other)) == (b"1", None)


async def test_a_profiles_keys_open_fernet(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = Fernet.generate_key()
    monkeypatch.setenv("MQTUI_KEY_OTHER", key.decode())
    sealed = Fernet(key).encrypt(b'{"a":1}')
    assert (await load_decoder(None)).decode(record(sealed)).codec == "fernet+json"
    monkeypatch.delenv("MQTUI_KEY_LAB")
    decoder = await load_decoder(ProfileStore().find("shop"))
    assert any("lab" in problem for problem in decoder.problems)


async def test_without_keys_and_rules_nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MQTUI_KEY_LAB", "MQTUI_KEY_OTHER"):
        monkeypatch.delenv(name, raising=False)
    assert await load_decoder(None) is PLAIN


def test_what_a_message_says_of_itself() -> None:
    body = msgspec.msgpack.encode(17)
    assert PLAIN.decode(record(body, headers={"Content-Type": b"application/msgpack"})).text == b"17"
    envelope = Envelope("", "q", False, (("content_type", "application/cbor"),), None, unknown(""))
    assert PLAIN.decode(Message(Ref(Kind.QUEUE, "q"), Delivery(1), b"\x18\x2a", envelope=envelope)).text == b"42"
    headers = (("ce_specversion", b"1.0", "longstr"),)
    event = Message(Ref(Kind.QUEUE, "q"), Delivery(1), b"{}", None, headers, envelope=envelope)
    assert "cloudevents" in PLAIN.decode(event).codec


def test_the_ways_that_fit() -> None:
    ways = PLAIN.ways(record(b"\0\0\0\0\0\0\0\7"))
    assert ("int64" in ways, "uint64-le" in ways, "uuid" in ways, "int32" in ways) == (True, True, False, False)
    assert PLAIN.decode(record(b"\0\0\0\0\0\0\0\7"), "int64").text == b"7"
    assert PLAIN.ways(record(None)) == ()
    assert PLAIN.ways(record(b"[1]")) == ()
    assert PLAIN.ways(record(b"5b315d")) == ("hex",)


def test_a_rule_that_cannot_be_is_named_in_the_file(config: Path) -> None:
    path = config / "profiles.toml"
    path.write_text(FILE.replace("avro:order.avsc", "avrro"))
    with pytest.raises(BadInput, match="no way to decode"):
        ProfileStore(path).list_profiles()


def test_rules_survive_a_change_of_the_profile(config: Path) -> None:
    store = ProfileStore()
    profile = store.find("shop")
    store.replace(profile)
    assert (config / "profiles.toml").read_text() == FILE
    assert store.find("shop").decode == profile.decode


def test_the_report_of_an_unknown_schema() -> None:
    message = record(b"\0\0\0\0\x07" + order("AB-991"))
    told = orjson.loads(to_json(message, Decoder().decode(message)))
    assert told["schema"] == "schema id 7"
    assert told["report"][0] == {
        "codec": "confluent",
        "why": "schema id 7 is needed, and no registry or file is given",
    }
    assert "base64" in told["decoded"]
