"""Letters whose body is a JSON envelope that holds the message that failed, and facts about the failure.

The message is taken out byte for byte where the envelope holds it as text, base64 or null. Where it is JSON inside the
envelope its bytes are those in the envelope, which may differ from the original: `EnvelopeContent.doubt` says so.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from mqtui.domain.header_codec import json_value
from mqtui.domain.message import Header, Message, Property

AS_JSON = "it stands as JSON in the envelope: its bytes may differ from those that were sent"
REPLACED = "it holds replacement characters: its bytes were lost when the envelope was written"
ENCODED = "it looks like base64 and would be delivered as that text"
HEADERS = "its headers in the envelope have lost their types"

PROPERTIES = {
    "ContentType": "content_type",
    "ContentEncoding": "content_encoding",
    "DeliveryMode": "delivery_mode",
    "Priority": "priority",
    "CorrelationId": "correlation_id",
    "ReplyTo": "reply_to",
    "MessageId": "message_id",
    "Timestamp": "timestamp",
    "Type": "type",
    "UserId": "user_id",
    "AppId": "app_id",
    "ClusterId": "cluster_id",
}
"""AMQP properties as .NET names them (RabbitMQ.Client, EasyNetQ)."""

ORIGINAL = ("original", "orig_", "source_", "failed_")
OF_DEATH = frozenset(
    {"error", "errors", "exception", "error_message", "errormessage", "reason", "failure", "stacktrace"}
)
OF_MESSAGE = frozenset({"payload", "value", "body", "data", "message", "record", "event", "raw", "content"})


@dataclass(frozen=True, slots=True)
class BodyEnvelope:
    """The paths of the parts of an envelope; of several the first that exists is used.

    A body is such an envelope where it has all members of `detect` and one of the values. `properties` are AMQP's.
    """

    value: tuple[str, ...]
    value_base64: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    key_base64: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    detect: tuple[str, ...] = ()

    def holds(self, body: bytes) -> bool:
        """Whether a body is an envelope of this form."""
        found = json_value(body)
        if not isinstance(found, dict) or not all(name in found for name in self.detect):
            return False
        return any(_member(found, path) is not MISSING for path in (*self.value, *self.value_base64))


@dataclass(frozen=True, slots=True)
class EnvelopeContent:
    """The message in an envelope. `doubt` says why its bytes may differ from the original; "" where they don't."""

    value: bytes | None
    key: bytes | None
    headers: tuple[Header, ...]
    properties: tuple[Property, ...]
    doubt: str = ""


MISSING = object()


def open_envelope(rule: BodyEnvelope, letter: Message) -> EnvelopeContent | str:
    """The message in the body of a letter, or why it can't be taken out. Missing key and headers are the letter's."""
    body = letter.value or b""
    found = json_value(body)
    try:
        value, doubt = _part(body, found, rule.value, rule.value_base64)
        has_key = any(_member(found, path) is not MISSING for path in (*rule.key, *rule.key_base64))
        key, key_doubt = _part(body, found, rule.key, rule.key_base64) if has_key else (letter.key, "")
    except (binascii.Error, UnicodeEncodeError, msgspec.DecodeError) as error:
        return f"its envelope can't be opened: {error}"
    headers, headers_doubt = _headers(found, rule.headers, letter.headers)
    properties = letter.envelope.properties if letter.envelope else ()
    if rule.properties:
        properties, lost = _properties(_first(found, rule.properties))
        headers_doubt = headers_doubt or lost
    return EnvelopeContent(value, key, headers, properties, doubt or key_doubt or headers_doubt)


def looks_like_envelope(body: bytes | None) -> bool:
    """Whether a body looks like an envelope of no known convention: it has an origin, or an error and a message."""
    if not body or body.lstrip()[:1] != b"{":
        return False
    found = json_value(body)
    if not isinstance(found, dict):
        return False
    names = {str(name).replace("-", "_").lower() for name in found}
    return any(name.startswith(ORIGINAL) for name in names) or bool(names & OF_DEATH and names & OF_MESSAGE)


def _member(found: object, path: str) -> object:
    for name in path.split("."):
        if not isinstance(found, dict) or name not in found:
            return MISSING
        found = found[name]
    return found


def _first(found: object, paths: Iterable[str]) -> object:
    return next((each for path in paths if (each := _member(found, path)) is not MISSING), MISSING)


def _part(body: bytes, found: object, paths: Iterable[str], encoded: Iterable[str]) -> tuple[bytes | None, str]:
    """The bytes of a member, and why they may differ from the original."""
    for path in encoded:
        if isinstance(text := _member(found, path), str):
            return base64.b64decode(text, validate=True), ""
    for path in paths:
        part = _member(found, path)
        if part is None:
            return None, ""
        if isinstance(part, str):
            return part.encode(), _doubt_of(part)
        if part is not MISSING:
            return _raw(body, path), AS_JSON
    return None, ""


def _doubt_of(text: str) -> str:
    if "\ufffd" in text:
        return REPLACED
    return ENCODED if text.startswith(("eyJ", "W3s")) and "." not in text else ""


def _raw(body: bytes, path: str) -> bytes:
    """The bytes of a member, with numbers and spaces unchanged."""
    part = body
    for name in path.split("."):
        part = bytes(msgspec.json.decode(part, type=dict[str, msgspec.Raw])[name])
    return part


def _headers(found: object, paths: Iterable[str], own: tuple[Header, ...]) -> tuple[tuple[Header, ...], str]:
    content = _first(found, paths)
    if content is MISSING or content is None:
        return own, ""
    pairs: list[tuple[object, object]] | None = None
    if isinstance(content, Mapping):
        pairs = list(content.items())
    elif isinstance(content, list):
        pairs = [_pair(each) for each in content]
    if pairs is None or not all(isinstance(name, str) for name, _ in pairs):
        return own, HEADERS
    exact = all(value is None or isinstance(value, str) for _, value in pairs)
    headers = tuple((str(name), _header_value(value), "") for name, value in pairs)
    return headers, "" if exact else HEADERS


def _pair(each: object) -> tuple[object, object]:
    if isinstance(each, dict):
        return each.get("key", each.get("name")), each.get("value")
    return (each[0], each[1]) if isinstance(each, list) and len(each) == 2 else (None, None)


def _header_value(value: object) -> bytes | None:
    if value is None:
        return None
    return value.encode() if isinstance(value, str) else msgspec.json.encode(value)


def _properties(content: object) -> tuple[tuple[Property, ...], str]:
    if not isinstance(content, dict):
        return (), ""
    given = [(known, content.get(name)) for name, known in PROPERTIES.items()]
    kept = tuple((name, value) for name, value in given if isinstance(value, str | int) and value not in ("", 0))
    return kept, HEADERS if content.get("Headers") else ""
