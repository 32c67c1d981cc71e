"""Bytes to values: layers, formats, the report of attempts. Nothing raises."""

import gzip
import random
from decimal import Decimal

import msgspec
import pytest
from cryptography.fernet import Fernet

from mqtui.codecs import compression, fernet
from mqtui.codecs.base64_hex import from_base64, from_hex, to_base64, to_hex
from mqtui.codecs.decode import decode, sniff
from mqtui.domain.errors import BadInput

KEY = Fernet.generate_key()
OTHER = Fernet.generate_key()


@pytest.mark.parametrize(
    ("value", "codec", "text"),
    [
        (None, "null", b"null"),
        (b"", "text", b'""'),
        (b'{"a":1.10}', "json", b'{"a":1.10}'),
        (b"123456789012345678901234567890", "json", b"123456789012345678901234567890"),
        (b'{\n "a": "b\\n"\r\n}', "json", b'{  "a": "b\\n"  }'),
        (b" [1] \n", "json", b"[1]"),
        (b"true", "json", b"true"),
        ("grün".encode(), "text", '"grün"'.encode()),
        (b"{not json", "text", b'"{not json"'),
        (b"\xff\xfe", "binary", b'{"base64":"//4="}'),
        (gzip.compress(b'{"a":1}'), "gzip+json", b'{"a":1}'),
        (gzip.compress(gzip.compress(b"x y")), "gzip+gzip+text", b'"x y"'),
        (Fernet(KEY).encrypt(b'{"a":1}'), "fernet+json", b'{"a":1}'),
        (Fernet(KEY).encrypt(gzip.compress(b"[]")), "fernet+gzip+json", b"[]"),
        (msgspec.msgpack.encode({"a": [1, b"\xff"], "b": 3.5}), "msgpack", b'{"a":[1,{"base64":"/w=="}],"b":3.5}'),
    ],
)
def test_decode(value: bytes | None, codec: str, text: bytes) -> None:
    found = decode(value, {"shop": KEY})
    assert (found.codec, found.text) == (codec, text)
    assert found.attempts[-1].fitted


def test_numbers_keep_every_digit() -> None:
    assert decode(b'{"a":7.10,"b":12345678901234567890123}').value() == {
        "a": Decimal("7.10"),
        "b": 12345678901234567890123,
    }


def test_each_attempt_says_why_it_did_not_fit() -> None:
    token = Fernet(KEY).encrypt(b"{}")
    found = decode(token, {"old": OTHER, "broken": b"short"})
    assert found.codec == "text"
    whys = {attempt.codec: attempt.why for attempt in found.attempts}
    assert whys["fernet"] == "the key old does not fit; the key broken is no Fernet key"
    assert whys["json"] == "it is no JSON document"
    assert whys["text"] == ""
    assert {attempt.codec: attempt.why for attempt in decode(token).attempts}["fernet"] == "no key is given"


def test_damaged_gzip_is_binary_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gzip.compress(b"payment " * 50)
    for damaged in (whole[:-4], whole[:6], whole + b"tail", b"\x1f\x8b", whole[:20] + b"\0" + whole[21:]):
        found = decode(damaged)
        assert found.codec == "binary"
        assert found.attempts[0].why
    monkeypatch.setattr(compression, "MAX_BYTES", 100)
    assert "more than" in decode(whole).attempts[0].why


def test_layers_are_limited() -> None:
    value = b"x y"
    for _ in range(8):
        value = gzip.compress(value)
    assert decode(value).codec == "gzip+gzip+gzip+gzip+binary"


@pytest.mark.parametrize(
    ("value", "codec"),
    [
        (None, "null"),
        (b"", "text"),
        (b"{}", "json"),
        (b"17", "json"),
        (b"{x", "text"),
        (b"text", "text"),
        ("grün".encode(), "text"),
        (b"\xff", "binary"),
        (gzip.compress(b""), "gzip"),
        (Fernet(KEY).encrypt(b""), "fernet"),
        (b'{"a":"' + b"x" * 100_000 + b'"}', "json"),
        (b"[" + b"x" * 100_000, "text"),
    ],
)
def test_sniff(value: bytes | None, codec: str) -> None:
    assert sniff(value) == codec


def test_any_bytes_decode_and_lose_nothing() -> None:
    dice = random.Random(7)
    starts = (b"", b"{", b"[", b"\x1f\x8b", b"gAAAA", b"\x82", b'"', b"-")
    for _ in range(400):
        value = dice.choice(starts) + dice.randbytes(dice.randrange(120))
        found = decode(value, {"shop": KEY})
        assert found.text
        if found.codec == "binary":
            assert found.value() == {"base64": to_base64(value)}
        if found.codec == "text":
            assert found.value() == value.decode()


def test_deep_json_is_reported_not_raised() -> None:
    assert decode(b"[" * 100_000 + b"]" * 100_000).codec == "text"
    assert decode(b"\x91" * 100_000 + b"\xff").codec == "binary"


def test_encrypt() -> None:
    assert fernet.decrypt(fernet.encrypt(b"x", KEY), {"shop": KEY}) == (b"x", "shop")
    with pytest.raises(BadInput):
        fernet.encrypt(b"x", b"short")


def test_base64_and_hex_are_read_strictly() -> None:
    assert from_base64(to_base64(b"\xff\x00")) == b"\xff\x00"
    assert from_base64("//4") is None
    assert from_base64("a b=") is None
    assert from_hex("00 ff") == b"\x00\xff"
    assert from_hex(to_hex(b"mq")) == b"mq"
    assert from_hex("0g") is None
