"""jq programs over decoded values."""

import gzip

import pytest
from cryptography.fernet import Fernet

from mqtui.domain.errors import BadInput
from mqtui.domain.message import Message, Offset
from mqtui.domain.resource import Kind, Ref
from mqtui.services.selection import JqTest
from tests.domain import dead

KEY = Fernet.generate_key()


def message(value: bytes | None, key: bytes | None = b"u7") -> Message:
    return Message(Ref(Kind.TOPIC, "orders"), Offset(4, 118_203), value, key, (("app", b"1.4", ""),), 1_000)


@pytest.mark.parametrize(
    ("program", "value", "chosen"),
    [
        (".amount > 3", b'{"amount":7.25}', True),
        (".amount > 3", b'{"amount":1}', False),
        (".missing", b"{}", False),
        (".off", b'{"off":false}', False),
        ("0", b"{}", True),
        ("empty", b"{}", False),
        ('test("^paid")', b"paid 17", True),
        (". == null", None, True),
        ('. == ""', b"", True),
        (".base64", b"\xff", True),
        (".id", gzip.compress(b'{"id":1}'), True),
        (".id == 1", Fernet(KEY).encrypt(b'{"id":1}'), True),
        ('$m.partition == 4 and $m.offset == 118203 and $m.key == "u7"', b"{}", True),
        ('$m.headers | any(.[0] == "app" and .[1] == "1.4")', b"{}", True),
        ('.id == 1 and ($m.value | contains("id")) # told twice', b'{"id":1}', True),
        ("def late: .ms > 5; late and $m.timestamp == 1000", b'{"ms":7}', True),
        ("(.a, .b)", b'{"a":false,"b":true}', False),
    ],
)
def test_first_output_decides(program: str, value: bytes | None, chosen: bool) -> None:
    test = JqTest(program, {"shop": KEY})
    assert test(message(value)) is chosen
    assert test.failures == 0


def test_fields_of_a_redis_entry() -> None:
    entry = dead.redis([(b"order", b"17"), (b"body", b'{"cents":5}'), (b"order", b"18"), (b"\xff", b"x")])
    assert JqTest(".order == 17 and .body.cents == 5")(entry)
    assert JqTest('$m.fields[2] == ["order", "18"] and $m.value == null')(entry)


def test_failing_on_a_message_is_counted_and_does_not_choose_it() -> None:
    test = JqTest(".a.b")
    assert not test(message(b"17"))
    assert not test(message(b"[]"))
    assert test(message(b'{"a":{"b":1}}'))
    assert test.failures == 2
    assert "number" in test.failure


@pytest.mark.parametrize("program", [".a |", "nosuch", "$x", "1) | (2", "", "# only words", "$m |"])
def test_what_cannot_be_compiled_is_told(program: str) -> None:
    with pytest.raises(BadInput) as caught:
        JqTest(program)
    assert "line 1" in caught.value.detail or "not given" in caught.value.detail
