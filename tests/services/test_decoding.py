"""Payloads for reading."""

from cryptography.fernet import Fernet

from mqtui.services.decoding import PLAIN, Decoder
from tests.domain import dead_letters

KEY = Fernet.generate_key()


def test_a_record_is_its_value() -> None:
    assert PLAIN.decode(dead_letters.kafka(())).text == b'{"id":118203}'


def test_an_entry_is_an_object_of_its_fields() -> None:
    sealed = Fernet(KEY).encrypt(b'{"cents":1.10}')
    entry = dead_letters.redis([(b"body", sealed), (b"user", b"u7"), (b"user", b"u8"), (b"\xff", b"\xfe")])
    found = Decoder({"shop": KEY}).decode(entry)
    assert found.text == '{"body":{"cents":1.10},"user":"u7","�":{"base64":"/g=="}}'.encode()
    assert found.codec == "fields"
    assert [attempt.codec for attempt in found.attempts if attempt.fitted] == ["fernet", "json", "text", "binary"]
