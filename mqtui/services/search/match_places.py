"""Where in a message a condition matches: `key`, `header trace-id`, `property message_id`, `field order`, `.user.id`"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import orjson

from mqtui.brokers.header_values import untyped_value
from mqtui.codecs.decoded import Decoded
from mqtui.domain.message import Message
from mqtui.domain.resource import name_bytes
from mqtui.services.search.query import SearchQuery
from mqtui.services.search.record_test import text_test
from mqtui.services.search.text_needle import TextNeedle

BytesTest: TypeAlias = Callable[[bytes], bool]
MAX_PLACES = 4
"""Places that are named, at most."""

MAX_NODES = 5_000
"""Members of a value that are looked at for the path, at most."""

PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PATH = re.compile(r"(?<![\w\"\])$])\.[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
"""A path in a jq program."""


def find_text(needle: TextNeedle, message: Message, value: Decoded | None, key: Decoded | None) -> tuple[str, ...]:
    """The parts of a message that a text is in, at most `MAX_PLACES`. `value` and `key` are decoded."""
    found: list[str] = []
    if message.key is not None and (needle(message.key) or (key is not None and needle(key.text))):
        found.append("key")
    found += [f"header {name}" for name, content, kind in message.headers if _is_in_pair(needle, name, content, kind)]
    if message.envelope is not None:
        found += ["routing key"] if needle(name_bytes(message.envelope.routing_key)) else []
        found += [f"property {name}" for name, content in message.envelope.properties if needle(_property(content))]
    if message.fields:
        found += _in_fields(needle, message, value)
    elif message.value is not None and (needle(message.value) or (value is not None and needle(value.text))):
        text = message.value if value is None else value.text
        found += list(paths_of(text, needle)) or ["value"]
    return tuple(dict.fromkeys(found))[:MAX_PLACES]


def _is_in_pair(needle: BytesTest, name: str, content: bytes | None, kind: str) -> bool:
    return needle(untyped_value(content, kind) or b"") or needle(name_bytes(name))


def _property(content: str | int) -> bytes:
    return name_bytes(content) if isinstance(content, str) else b"%d" % content


def _in_fields(needle: BytesTest, message: Message, value: Decoded | None) -> list[str]:
    names = [name for name, content in message.fields if needle(content) or needle(name)]
    if not names and value is not None and needle(value.text):
        opened = orjson.loads(value.text)
        names = [
            name for name, _ in message.fields if needle(orjson.dumps(opened.get(name.decode("utf-8", "replace"))))
        ]
        if not names:
            return ["fields"]
    return [f"field {name.decode('utf-8', 'replace')}" for name in names]


def places_of_query(query: SearchQuery, message: Message, value: Decoded) -> tuple[str, ...]:
    """Where the conditions of a search match: the key, headers, and the paths in the value."""
    found = ["key"] if query.key else []
    found += [f"header {name}" for name, _ in query.headers]
    if query.grep:
        test = text_test(query.grep)
        fields = [name for name, content in message.fields if test(content)]
        found += [f"field {name.decode('utf-8', 'replace')}" for name in fields]
        found += [] if fields else list(paths_of(value.text, test)) or ["value"]
    found += PATH.findall(query.program)
    return tuple(dict.fromkeys(found))[:MAX_PLACES]


def paths_of(text: bytes, test: BytesTest) -> Iterator[str]:
    """The paths of the scalars of a JSON document that match by themselves, and of members whose name does."""
    if text[:1] not in (b"{", b"["):
        return
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return
    waiting: list[tuple[str, Any]] = [("", document)]
    looked_at = found = 0
    while waiting and found < MAX_PLACES and looked_at < MAX_NODES:
        path, node = waiting.pop()
        looked_at += 1
        if isinstance(node, dict):
            waiting += [(path + _step(name), each) for name, each in reversed(node.items())]
            named = [name for name in node if test(name.encode("utf-8", "surrogatepass"))]
        elif isinstance(node, list):
            waiting += [(f"{path}[{number}]", each) for number, each in reversed(list(enumerate(node[:MAX_NODES])))]
            named = []
        else:
            named = []
            if test(_scalar(node)):
                found += 1
                yield path or "value"
        for name in named:
            found += 1
            yield path + _step(name)


def _step(name: str) -> str:
    return f".{name}" if PLAIN_NAME.fullmatch(name) else f"[{orjson.dumps(name).decode()}]"


def _scalar(node: Any) -> bytes:
    return node.encode("utf-8", "surrogatepass") if isinstance(node, str) else orjson.dumps(node)
