"""Decodes payloads for display: the only way they reach the console or the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING

import orjson
from msgspec import structs

from mqtui.brokers.blocking import run_in_thread
from mqtui.brokers.header_values import untyped_value
from mqtui.brokers.options import REGISTRY_URL
from mqtui.codecs.codec_table import ENCODED, WAYS, open_layer, schema_file
from mqtui.codecs.decode import MAX_LAYERS, NO_KEYS, decode, outer_layer, sniff
from mqtui.codecs.decoded import Attempt, Decoded, FernetKeys, NotDecoded
from mqtui.codecs.framing import FRAME_STYLES
from mqtui.codecs.hints import NO_HINTS, Hints, Part
from mqtui.codecs.schema_source import NO_SCHEMAS, SchemaSource
from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import EntryId, Field, Message

if TYPE_CHECKING:
    from mqtui.brokers.address import Address
    from mqtui.profiles.model import Profile
    from mqtui.schemas.registry_source import RegistrySchemas

LARGE_BYTES = 1024 * 1024
"""Bytes above which a value is not parsed for display: parsing would block the console."""


FRAME_BYTES = (b"\0", b"\1")
"""First bytes of a body that a schema registry's serializer wrote."""

FRAME_HEADERS = ("__value_schema_id", "apicurio.value.", "content-type", "content-encoding", "Content-")
"""How headers begin that say how a value is encoded."""


@dataclass(frozen=True, slots=True)
class UnwrappedValue:
    """The innermost bytes of a large value, their format, and the decoders that were tried."""

    content: bytes
    codec: str
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class Decoder:
    """How the messages of one broker are decoded: by the profile's keys, schemas and rules.

    `rules` are, by a glob of destination names, the rules of `key`, `value` and of fields of Redis entries.
    """

    keys: FernetKeys = field(default_factory=dict)
    schemas: SchemaSource = NO_SCHEMAS
    rules: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    """Why keys or schema files can't be had."""

    registry: RegistrySchemas | None = None
    """The schema registry, which `schemas` asks too; None where there is none."""

    def decode(self, message: Message, way: str = "") -> Decoded:
        """The value of a message; of a Redis entry an object of its fields. `way` replaces the profile's rule."""
        if isinstance(message.position, EntryId):
            return self._decode_fields(message, way)
        found = decode(message.value, self.keys, self._hints(message, "value", way), self.schemas)
        unfit = any(not each.fitted for each in found.attempts if each.codec in FRAME_STYLES)
        if unfit and self.registry is not None:
            self.registry.reconsider(found.schema)
        return found

    def decode_key(self, message: Message) -> Decoded | None:
        """The key, where it is encoded in some way; None where it is text or none."""
        if message.key is None:
            return None
        found = decode(message.key, self.keys, self._hints(message, "key", ""), self.schemas)
        return None if found.codec in ("text", "json", "binary") and not self._rule(message, "key") else found

    def has_rule(self, message: Message) -> bool:
        """Whether the profile says how the value is encoded."""
        return bool(self._rule(message, "value"))

    def has_rules_for(self, destination: str) -> bool:
        """Whether rules or a format of the broker's own decide how values of a destination are decoded."""
        return destination.startswith("__") or any(fnmatchcase(destination, glob) for glob in self.rules)

    def needs_more_than_bytes(self, message: Message) -> bool:
        """Whether the profile's rules, a schema or what the message says of itself may decide how it is decoded."""
        if self.rules and self._rules(message):
            return True
        if isinstance(message.position, EntryId):
            return self.registry is not None and any(self._may_be_framed(content) for _, content in message.fields)
        if message.value is None:
            return False
        if message.value.startswith(FRAME_BYTES) or message.resource.name.startswith("__"):
            return True
        if self.registry is not None and self._may_be_framed(message.value):
            return True
        envelope = message.envelope
        if envelope is not None and any(name.startswith("content_") for name, _ in envelope.properties):
            return True
        return any(name.startswith(FRAME_HEADERS) for name, _, _ in message.headers)

    def with_decoded_value(self, message: Message) -> Message:
        """The message with its decoded value, for what reads bodies as JSON, such as causes. It must never be sent."""
        value = message.value
        if value is None or (value[:1] in (b"{", b"[") and not self.rules) or message.size > LARGE_BYTES:
            return message
        if not (self.needs_more_than_bytes(message) or outer_layer(value)):
            return message
        found = self.decode(message)
        return structs.replace(message, value=found.text) if found.text[:1] in (b"{", b"[") else message

    def _may_be_framed(self, value: bytes) -> bool:
        return value.startswith(FRAME_BYTES) or bool(outer_layer(value))

    def ways(self, message: Message) -> tuple[str, ...]:
        """The codecs that fit the value, as rules, other than the one that is used by itself.

        Of text only hex and base64 that hold something that can be decoded: any eight characters are a number too.
        """
        if isinstance(message.position, EntryId) or not message.value:
            return ()
        own = self.decode(message).codec.rpartition("+")[2].partition(":")[0]
        ways = ENCODED if own in ("json", "text") and not self.has_rule(message) else WAYS
        return tuple(way for way in ways if way != own and self._fits(message, way))

    def _fits(self, message: Message, way: str) -> bool:
        found = self.decode(message, way)
        return found.attempts[0] == Attempt(way) and found.codec != f"{way}+binary"

    def _decode_fields(self, message: Message, way: str) -> Decoded:
        rules = {} if way else self._rules(message)
        return decode_fields(message.fields, self.keys, self.schemas, rules)

    def _hints(self, message: Message, part: Part, way: str) -> Hints:
        headers: dict[str, bytes] = {}
        for name, value, kind in message.headers:
            if value is not None and name not in headers:
                headers[name] = untyped_value(value, kind) or b""
        properties = dict(message.envelope.properties) if message.envelope is not None else {}
        named = {name.lower(): value for name, value in headers.items()} if part == "value" else {}
        return Hints(
            part,
            message.resource.name,
            headers,
            str(properties.get("content_type", "")) or named.get("content-type", b"").decode("latin-1"),
            str(properties.get("content_encoding", "")) or named.get("content-encoding", b"").decode("latin-1"),
            way or self._rule(message, part),
            message.key,
        )

    def _rule(self, message: Message, part: str) -> str:
        return self._rules(message).get(part, "") if self.rules else ""

    def _rules(self, message: Message) -> Mapping[str, str]:
        """The rules of a destination by part; of several globs that match, the first in the profile wins."""
        found: dict[str, str] = {}
        for glob, parts in self.rules.items():
            if fnmatchcase(message.resource.name, glob):
                found = {**parts, **found}
        return found


PLAIN = Decoder()
"""Decodes without keys, schemas and rules."""


async def load_decoder(profile: Profile | None, address: Address | None = None) -> Decoder:
    """The decoder of a broker: keys from environment and keyring, the profile's schema files, the broker's registry.

    The registry is not asked before a body names a schema.
    """
    asked = profile is not None and (profile.keys or profile.decode)
    has_registry = address is not None and REGISTRY_URL in address.options
    if not asked and not has_registry and not any(name.startswith("MQTUI_KEY_") for name in os.environ):
        return PLAIN
    return await run_in_thread("decoder", partial(_load_decoder, profile, address))


def _load_decoder(profile: Profile | None, address: Address | None) -> Decoder:
    from mqtui.profiles.keys import body_keys

    keys, missing = body_keys(profile.keys if profile is not None else ())
    return build_decoder(keys, profile.decode if profile is not None else {}, address, missing)


def build_decoder(
    keys: FernetKeys, rules: Mapping[str, Mapping[str, str]], address: Address | None, missing: Sequence[str] = ()
) -> Decoder:
    """The decoder of a broker by keys that are known already. It blocks: schema files are read."""
    from mqtui.schemas.local_files import LocalSchemas
    from mqtui.state.paths import config_dir

    names = {schema_file(rule) for parts in rules.values() for rule in parts.values()} - {""}
    files = LocalSchemas(config_dir(), sorted(names))
    problems = (*missing, *files.problems)
    if address is None or REGISTRY_URL not in address.options:
        return Decoder(keys, files, rules, problems)
    from mqtui.services.schema_registry import FilesAndRegistry, open_registry

    try:
        registry = open_registry(address)
    except MqtuiError as error:
        return Decoder(keys, files, rules, (*problems, f"{error.title}. {error.detail}".strip()))
    return Decoder(keys, FilesAndRegistry(files, registry), rules, problems, registry)


def decode_fields(
    listed: Sequence[Field],
    keys: FernetKeys = NO_KEYS,
    schemas: SchemaSource = NO_SCHEMAS,
    rules: Mapping[str, str] | None = None,
) -> Decoded:
    """The fields of a Redis entry as an object, each value decoded, by the rule of its name where there is one.

    Of fields with the same name the first is taken. A name that is not UTF-8 is written with replacement signs.
    """
    fields: dict[str, object] = {}
    attempts: list[Attempt] = []
    for name, content in listed:
        key = name.decode("utf-8", "replace")
        if key not in fields:
            hints = Hints(rule=rules.get(key, "")) if rules else NO_HINTS
            inner = decode(content, keys, hints, schemas)
            fields[key] = orjson.Fragment(inner.text)
            attempts += inner.attempts
    return Decoded(orjson.dumps(fields), "fields", tuple(attempts))


def unwrap_large(value: bytes, keys: FernetKeys = NO_KEYS) -> UnwrappedValue:
    """Unwrap the layers of a large value without parsing it: its first and last character say whether it is JSON."""
    attempts: list[Attempt] = []
    layers: list[str] = []
    while len(layers) < MAX_LAYERS and (outer := outer_layer(value)):
        try:
            value = open_layer(outer, value, keys)
        except (NotDecoded, ImportError, OSError, MemoryError) as error:
            attempts.append(Attempt(outer, str(error)))
            innermost = "text" if outer == "fernet" else "binary"
            return UnwrappedValue(value, "+".join([*layers, innermost]), tuple(attempts))
        attempts.append(Attempt(outer))
        layers.append(outer)
    outer = sniff(value)
    attempts.append(Attempt(outer))
    return UnwrappedValue(value, "+".join([*layers, outer]), tuple(attempts))
