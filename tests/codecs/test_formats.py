"""MessagePack, CBOR, text, numbers, objects of languages, bodies in bodies, Kafka's own topics."""

import base64
import datetime
import gzip
import json
import os
import pickle
import random
import struct
import time
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import cbor2
import msgspec
import pytest
from cryptography.fernet import Fernet

from mqtui.codecs.decode import decode, sniff
from mqtui.codecs.hints import Hints

KEY = Fernet.generate_key()


def test_msgpack_of_another_writer() -> None:
    value = {"id": "AB-991", "big": 2**64 - 1, "neg": -(2**63), "f": 0.1, "list": [1, None, True], "raw": b"\xff\0"}
    found = decode(msgspec.msgpack.encode(value))
    assert found.codec == "msgpack"
    assert found.value() == {**value, "f": Decimal("0.1"), "raw": {"base64": "/wA="}}


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (
            b"\x81\xa1t\xc7\x0c\xff\x07\x5b\xcd\x15\x00\x00\x00\x00\x00\x00\x00\x01",
            {"t": "1970-01-01T00:00:01.123456789Z"},
        ),
        (b"\x81\xa1t\xd6\xff\x00\x00\x00\x01", {"t": "1970-01-01T00:00:01Z"}),
        (b"\x81\x01\xa1a", {"1": "a"}),
        (b"\x81\xa1e\xd4\x05\x01", {"e": {"ext": 5, "base64": "AQ=="}}),
        (b"\x81\xa1s\xa1\xff", {"s": {"base64": "/w=="}}),
        (b"\x81\x92\x01\x02\xc0", {"[1,2]": None}),
    ],
)
def test_msgpack_keeps_what_json_has_no_form_for(body: bytes, value: object) -> None:
    found = decode(body)
    assert (found.codec, found.value()) == ("msgpack", value)


def test_cbor_of_its_own_library() -> None:
    at = datetime.datetime(2026, 11, 30, 2, 50, tzinfo=datetime.UTC)
    value = {"id": "AB-991", "big": 2**80, "price": Decimal("12.50"), "at": at, "raw": b"\xff", "n": [1, -2, None]}
    found = decode(cbor2.dumps(value))
    assert found.codec == "cbor"
    wanted = {**value, "at": "2026-11-30T02:50:00+00:00", "raw": {"base64": "/w=="}}
    assert found.value() == wanted
    assert b'"price":12.50' in found.text
    assert decode(cbor2.dumps(cbor2.CBORTag(4711, ["x"]))).value() == {"tag": 4711, "value": ["x"]}
    assert decode(cbor2.dumps([1.5, float("nan")])).value() == [Decimal("1.5"), "NaN"]


@pytest.mark.parametrize(
    "body",
    [
        b"\xdd\xff\xff\xff\xff",
        b"\x91" * 100_000 + b"\xff",
        b"\x9b\0\0\0\x10\0\0\0\0",
        b"\x5b\0\0\0\x10\0\0\0\0",
        b"\x81" * 100_000 + b"\x01",
        b"\xc5\x82\x1a\x7f\xff\xff\xff\x01",
        b"\xd8\x1e\x82\x01\x00",
    ],
)
def test_hostile_bodies_cost_nothing(body: bytes) -> None:
    begin = time.process_time()
    for hints in (Hints(), Hints(rule="msgpack"), Hints(rule="cbor"), Hints(rule="json")):
        assert decode(body, hints=hints).text
    assert time.process_time() - begin < 1


def test_deep_json_says_so() -> None:
    found = decode(b"[" * 100_000 + b"]" * 100_000)
    assert found.codec == "text"
    assert found.attempts[0].why == "it is nested deeper than 1,024 levels"


@pytest.mark.parametrize(
    ("body", "content_type", "codec", "value"),
    [
        ("grün".encode("latin-1"), "text/plain; charset=ISO-8859-1", "text:iso-8859-1", "grün"),
        ("grün €".encode("cp1252"), 'text/plain;charset="windows-1252"', "text:windows-1252", "grün €"),
        ('{"a":"ü"}'.encode("utf-16"), "application/json; charset=utf-16", "json", {"a": "ü"}),
        (b"\xff\xfea\0b\0", "", "text:utf-16", "ab"),
        (b"\x2a", "application/cbor", "cbor", -11),
        (b"\x2a", "application/vnd.shop+msgpack", "msgpack", 42),
        (b"{}", "application/vnd.shop+json", "json", {}),
        (b"plain", "text/plain; charset=idna", "text", "plain"),
        (b"plain", "application/json", "text", "plain"),
    ],
)
def test_the_content_type_decides(body: bytes, content_type: str, codec: str, value: object) -> None:
    found = decode(body, hints=Hints(content_type=content_type))
    assert (found.codec, found.value()) == (codec, value)


@pytest.mark.parametrize(
    ("rule", "body", "value"),
    [
        ("int64", struct.pack(">q", -9007199254740993), -9007199254740993),
        ("uint64", struct.pack(">Q", 2**64 - 1), 2**64 - 1),
        ("uint32-le", struct.pack("<I", 7), 7),
        ("float64", struct.pack(">d", 0.1), Decimal("0.1")),
        ("int8", b"\xff", -1),
        ("uuid", uuid.UUID(int=7).bytes, str(uuid.UUID(int=7))),
        ("hex+json", b"5b315d", [1]),
        ("base64+gzip+json", base64.b64encode(gzip.compress(b"[1]")), [1]),
        ("fernet+json", Fernet(KEY).encrypt(b"[1]"), [1]),
        ("text:latin-1", b"gr\xfcn", "grün"),
        ("base64", base64.b64encode(b"[1]"), [1]),
        ("binary", b"[1]", {"base64": "WzFd"}),
    ],
)
def test_a_rule_decides(rule: str, body: bytes, value: object) -> None:
    found = decode(body, {"lab": KEY}, Hints(rule=rule))
    assert found.value() == value
    assert all(attempt.fitted for attempt in found.attempts)


def test_a_rule_that_does_not_fit_is_reported_and_the_rest_is_tried() -> None:
    found = decode(b"[1]", hints=Hints(rule="gzip+int64"))
    assert (found.codec, found.value()) == ("json", [1])
    assert [attempt.fitted for attempt in found.attempts] == [False, True]
    assert decode(b"[1]", hints=Hints(rule="int64")).attempts[0].why == "it has 3 bytes, int64 has 8"


def test_a_pickle_is_listed_and_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "loaded"),)

    for protocol in range(6):
        body = pickle.dumps({"id": "AB-991", "trap": Trap()}, protocol)
        hints = Hints() if protocol >= 2 else Hints(content_type="application/x-python-serialize")
        found = decode(body, hints=hints)
        listed: Any = found.value()
        assert found.codec == "pickle"
        assert listed["imports"] == ["posix.mkdir"], protocol
        assert any("AB-991" in line for line in listed["opcodes"])
    assert not (tmp_path / "loaded").exists()


def test_java_and_kryo_are_named() -> None:
    name = b"com.shop.Order"
    java = b"\xac\xed\x00\x05sr" + struct.pack(">H", len(name)) + name + bytes(8) + b"\x02\0\0xp"
    found: Any = decode(java)
    assert (found.codec, found.value()["class"]) == ("java", "com.shop.Order")
    found = decode(b"\xac\xed\x00\x05t\x00\x02hi")
    assert (found.codec, found.value()["string"]) == ("java", "hi")
    found = decode(b"\x01\x00com.shop.Orde" + bytes((ord("r") | 0x80,)) + b"\x01\x02")
    assert (found.codec, found.value()["class"]) == ("kryo", "com.shop.Order")


def test_cloud_events() -> None:
    event = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "order.paid"}
    found = decode(json.dumps({**event, "data": {"total": 1}}).encode())
    assert (found.codec, found.value()) == ("cloudevents+json", {**event, "data": {"total": 1}})
    packed = base64.b64encode(msgspec.msgpack.encode({"total": 2**63})).decode()
    sent = {**event, "datacontenttype": "application/msgpack", "data_base64": packed}
    found = decode(json.dumps(sent).encode(), hints=Hints(content_type="application/cloudevents+json"))
    assert found.codec == "cloudevents+msgpack"
    assert found.value() == {**event, "datacontenttype": "application/msgpack", "data": {"total": 2**63}}
    binary = Hints(headers={"ce_specversion": b"1.0", "ce_id": b"1"}, content_type="application/cbor")
    found = decode(cbor2.dumps({"total": 1}), hints=binary)
    assert (found.codec, found.value()) == ("cloudevents+cbor", {"total": 1})


def kombu(body: bytes, content_type: str, encoding: str) -> bytes:
    """A message of Kombu's Redis transport."""
    sent = {
        "body": base64.b64encode(body).decode(),
        "content-encoding": encoding,
        "content-type": content_type,
        "headers": {"task": "shop.pay", "id": "1"},
        "properties": {"body_encoding": "base64", "delivery_tag": "7", "delivery_info": {"routing_key": "celery"}},
    }
    return json.dumps(sent).encode()


def test_celery_bodies() -> None:
    found: Any = decode(kombu(b'[[1.10], {"n": 12345678901234567890123}, {}]', "application/json", "utf-8"))
    assert found.codec == "kombu+json"
    assert found.value()["body"] == [[Decimal("1.10")], {"n": 12345678901234567890123}, {}]
    assert found.value()["headers"]["task"] == "shop.pay"
    found = decode(kombu(pickle.dumps([1]), "application/x-python-serialize", "binary"))
    assert found.codec == "kombu+pickle"
    found = decode(kombu(Fernet(KEY).encrypt(b'{"a":1}'), "application/data", "binary"), {"lab": KEY})
    assert (found.codec, found.value()["body"]) == ("kombu+fernet+json", {"a": 1})


def faststream(headers: dict[str, str], data: bytes) -> bytes:
    """The envelope of FastStream 0.6 and later (BinaryMessageFormatV1)."""
    packed = b"".join(
        struct.pack(">H", len(text.encode())) + text.encode() for pair in headers.items() for text in pair
    )
    head = b"\x89BIN\r\n\x1a\n" + struct.pack(">HII", 1, 18, 20 + len(packed))
    return head + struct.pack(">H", len(headers)) + packed + data


def test_faststreams_envelopes() -> None:
    headers = {"correlation_id": "c-1", "content-type": "application/json"}
    found = decode(faststream(headers, b'{"total":1.10}'))
    assert (found.codec, found.value()) == ("faststream+json", {"headers": headers, "data": {"total": Decimal("1.10")}})
    assert sniff(faststream(headers, b"{}")) == "binary"
    for end in (9, 20, 30):
        assert decode(faststream(headers, b"{}")[:end]).codec == "binary"
    old = json.dumps({"data": '{"total":1.10}', "headers": headers}).encode()
    assert decode(old).value() == found.value()


OFFSETS = "__consumer_offsets"


def text16(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def test_kafkas_own_topics() -> None:
    key = struct.pack(">h", 1) + text16("billing") + text16("orders") + struct.pack(">i", 3)
    value = struct.pack(">hqi", 3, 42, 7) + text16("") + struct.pack(">q", 1764470000123)
    assert decode(key, hints=Hints("key", OFFSETS)).value() == {
        "about": "offset",
        "group": "billing",
        "topic": "orders",
        "partition": 3,
    }
    found = decode(value, hints=Hints("value", OFFSETS, key=key))
    assert (found.codec, found.value()) == (
        "consumer_offsets",
        {"offset": 42, "leader_epoch": 7, "metadata": "", "committed_at": 1764470000123},
    )
    member = struct.pack(">h", 5) + text16("billing") + text16("m-1")
    assert decode(member, hints=Hints("key", OFFSETS)).value() == {
        "about": "consumer group member",
        "group": "billing",
        "member": "m-1",
    }
    state = struct.pack(">hqhibi", 0, 9, 1, 60000, 4, 0) + struct.pack(">qq", 5, 6)
    assert decode(state, hints=Hints("value", "__transaction_state", key=b"")).value() == {
        "producer_id": 9,
        "producer_epoch": 1,
        "timeout_ms": 60000,
        "state": "CompleteCommit",
        "partitions": {},
        "updated_at": 5,
        "started_at": 6,
    }
    assert decode(value[:9], hints=Hints("value", OFFSETS, key=key)).attempts[0].why


def test_a_fernet_token_without_its_key_stays_a_token_with_the_reason() -> None:
    found = decode(Fernet(Fernet.generate_key()).encrypt(b"secret"), {"lab": KEY})
    assert found.codec == "text"
    assert found.attempts[0].why == "the key lab does not fit"


def test_bodies_inside_bodies_have_an_end() -> None:
    body = b"[1]"
    for _ in range(12):
        body = faststream({"a": "b"}, body)
    assert decode(body).codec.startswith("faststream+faststream")


def test_any_bytes_decode_under_any_rule_and_hint() -> None:
    dice = random.Random(14)
    rules = (
        "",
        "msgpack",
        "cbor",
        "pickle",
        "java",
        "kryo",
        "kafka",
        "faststream",
        "uuid",
        "int32",
        "snappy+json",
        "lz4",
    )
    starts = (
        b"",
        b"\0",
        b"\1",
        b"\x80\x04",
        b"\xac\xed\0\5",
        b"\x89BIN\r\n\x1a\n\0\1",
        b"\x28\xb5\x2f\xfd",
        b"\xa2",
        b"\x82",
    )
    for _ in range(1500):
        value = dice.choice(starts) + dice.randbytes(dice.choice((0, 1, 9, 60)))
        hints = Hints(
            resource=dice.choice(("", OFFSETS, "__transaction_state")), rule=dice.choice(rules), key=value[:9]
        )
        found = decode(value, {"lab": KEY}, hints)
        json.loads(found.text)
        assert found.attempts
