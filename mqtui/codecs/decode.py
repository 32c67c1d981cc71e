"""Decodes a body: gzip and Fernet layers are opened, then JSON, text and MessagePack are tried. Never raises."""

from __future__ import annotations

import msgspec
import orjson

from mqtui.codecs import fernet, gzipped
from mqtui.codecs.base64_hex import to_base64
from mqtui.codecs.decoded import Attempt, Decoded, FernetKeys
from mqtui.codecs.json_text import FIRST, one_line

NO_KEYS: FernetKeys = {}
MAX_LAYERS = 4
MAX_SNIFFED_BYTES = 64 * 1024
"""The size up to which `sniff` parses a whole document; above it the first and the last byte decide."""


def decode(value: bytes | None, keys: FernetKeys = NO_KEYS) -> Decoded:
    """The decoded value, its codecs, and all that was tried."""
    if value is None:
        return Decoded(b"null", "null", (Attempt("null"),))
    attempts: list[Attempt] = []
    layers: list[str] = []
    while len(layers) < MAX_LAYERS:
        inner = _layer_off(value, keys, attempts)
        if inner is None:
            break
        layers.append(attempts[-1].codec)
        value = inner
    text, codec = _innermost(value, attempts)
    return Decoded(text, "+".join([*layers, codec]), tuple(attempts))


def sniff(value: bytes | None) -> str:
    """The codec of the outermost layer, without opening it: null, json, text, gzip, fernet or binary."""
    if value is None:
        return "null"
    if not value:
        return "text"
    if value[0] in FIRST and _is_json(value):
        return "json"
    if value.startswith(gzipped.MAGIC):
        return "gzip"
    if fernet.is_token(value):
        return "fernet"
    if value.isascii():
        return "text"
    try:
        value.decode()
    except UnicodeDecodeError:
        return "binary"
    return "text"


def _is_json(value: bytes) -> bool:
    if len(value) > MAX_SNIFFED_BYTES:
        return value.strip()[:1] + value.strip()[-1:] in (b"{}", b"[]")
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError:
        return False
    return True


def _layer_off(value: bytes, keys: FernetKeys, attempts: list[Attempt]) -> bytes | None:
    """The content of the outermost layer, or None where none can be opened. Adds the attempt to `attempts`."""
    if value.startswith(gzipped.MAGIC):
        try:
            content = gzipped.decompress(value)
        except gzipped.NotDecompressed as error:
            attempts.append(Attempt("gzip", str(error)))
            return None
        attempts.append(Attempt("gzip"))
        return content
    if fernet.is_token(value):
        try:
            content, _ = fernet.decrypt(value, keys)
        except fernet.NotDecrypted as error:
            attempts.append(Attempt("fernet", str(error)))
            return None
        attempts.append(Attempt("fernet"))
        return content
    return None


def _innermost(value: bytes, attempts: list[Attempt]) -> tuple[bytes, str]:
    text = one_line(value)
    if text is not None:
        attempts.append(Attempt("json"))
        return text, "json"
    attempts.append(Attempt("json", "it is no JSON document"))
    try:
        written = value.decode()
    except UnicodeDecodeError as error:
        attempts.append(Attempt("text", f"byte {error.start} is not UTF-8"))
    else:
        attempts.append(Attempt("text"))
        return orjson.dumps(written), "text"
    packed = _msgpack(value)
    if packed is not None:
        attempts.append(Attempt("msgpack"))
        return packed, "msgpack"
    attempts.append(Attempt("msgpack", "it is no MessagePack map or array"))
    attempts.append(Attempt("binary"))
    return orjson.dumps({"base64": to_base64(value)}), "binary"


def _msgpack(value: bytes) -> bytes | None:
    """MessagePack as JSON text. Only maps and arrays: nearly any bytes begin with some scalar."""
    try:
        parsed = msgspec.msgpack.decode(value)
        return msgspec.json.encode(parsed) if isinstance(parsed, dict | list) else None
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError):
        return None
