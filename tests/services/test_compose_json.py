"""What the publish form says of a message: where its JSON breaks, and how large it is as it is sent."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.services.compose import MessageDraft, build_message, encoded_size, fernet_size, find_json_break

TARGETS = {
    BrokerKind.KAFKA: Ref(Kind.TOPIC, "orders"),
    BrokerKind.RABBITMQ: Ref(Kind.QUEUE, "orders"),
    BrokerKind.REDIS: Ref(Kind.STREAM, "orders"),
}


@pytest.mark.parametrize("text", ["", "plain", '{"a": 1}', "[1, 2]\n", '"text"', "12", "{" + "x" * 300_000])
def test_json_and_what_is_no_json_at_all_have_no_break(text: str) -> None:
    assert find_json_break(text) is None


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('{"a": 1 "b": 2}', 1, 9),
        ('{\n  "a": 1,\n  "b": x\n}', 3, 8),
        ('{"a": 1', 1, 8),
        ("[1,]", 1, 3),
        ("[NaN]", 1, 2),
    ],
)
def test_the_place_where_it_breaks(text: str, line: int, column: int) -> None:
    found = find_json_break(text)
    assert found is not None
    assert (found.line, found.column) == (line, column)
    assert found.reason
    whole = text.split("\n")[line - 1]
    assert found.excerpt in whole
    assert found.excerpt[found.offset : found.offset + 1] == whole[column - 1 : column]


def test_a_long_line_is_shown_around_the_place() -> None:
    found = find_json_break('{"a": "' + "x" * 500 + '", oops}')
    assert found is not None
    assert found.excerpt[found.offset] == "o"
    assert len(found.excerpt) <= 40


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 1000])
def test_the_size_of_a_fernet_token(size: int) -> None:
    assert fernet_size(size) == len(Fernet(Fernet.generate_key()).encrypt(b"x" * size))


@pytest.mark.parametrize("broker", list(BrokerKind))
def test_the_size_is_that_of_the_message_as_it_is_sent(broker: BrokerKind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTUI_KEY_BODY", Fernet.generate_key().decode())
    to = TARGETS[broker]
    for fernet in ("", "body"):
        draft = MessageDraft("ä".encode() * 9, headers=(("trace-id", "4bf9"),), fernet=fernet)
        assert encoded_size(draft, broker, to) == build_message(draft, broker, to).size
