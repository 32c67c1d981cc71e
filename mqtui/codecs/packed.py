"""MessagePack and CBOR (RFC 8949): self-describing binary formats."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

from mqtui.codecs.base64_hex import to_base64
from mqtui.codecs.decoded import Decoded, NotDecoded
from mqtui.codecs.hints import CodecInput
from mqtui.codecs.json_writer import TOO_DEEP, to_json_text

BIGFLOAT_DIGITS = 2_000
"""Digits of a CBOR bigfloat that are computed exactly."""


def decode_msgpack(value: bytes, _given: CodecInput) -> Decoded:
    """MessagePack. A timestamp is ISO 8601 with its nanoseconds, another extension `{"ext", "base64"}`."""
    import msgpack

    try:
        found = msgpack.unpackb(
            value, strict_map_key=False, unicode_errors="surrogateescape", ext_hook=_extension, object_pairs_hook=_pairs
        )
    except msgpack.StackError as error:
        raise NotDecoded(TOO_DEEP) from error
    except msgpack.ExtraData as error:
        raise NotDecoded(f"{len(error.extra):,} bytes follow the value") from error
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise NotDecoded(str(error) or type(error).__name__) from error
    return Decoded(to_json_text(_times(found)), "msgpack")


def _pairs(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """A map; its keys may be arrays or maps, which Python has no hash for."""
    return {key if key.__hash__ else to_json_text(key).decode(): _times(each) for key, each in pairs}


def _extension(code: int, data: bytes) -> Any:
    return {"ext": code, "base64": to_base64(data)}


def _times(value: Any) -> Any:
    import msgpack

    if isinstance(value, msgpack.Timestamp):
        return _timestamp(value.seconds, value.nanoseconds)
    return [_times(each) for each in value] if isinstance(value, list) else value


def _timestamp(seconds: int, nanoseconds: int) -> Any:
    try:
        whole = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    except OverflowError:
        return {"seconds": seconds, "nanoseconds": nanoseconds}
    fraction = f".{nanoseconds:09}".rstrip("0").rstrip(".")
    return f"{whole.isoformat()}{fraction}Z"


def decode_cbor(value: bytes, _given: CodecInput) -> Decoded:
    """CBOR. Tags without a meaning of their own are `{"tag", "value"}`."""
    import io

    import cbor2

    source = io.BytesIO(value)
    try:
        with decimal.localcontext(prec=BIGFLOAT_DIGITS):
            found = cbor2.CBORDecoder(source, read_size=1).decode()
    except cbor2.CBORDecodeError as error:
        raise NotDecoded(TOO_DEEP if "depth" in str(error) else str(error)) from error
    except (ValueError, TypeError, OverflowError, RecursionError, MemoryError, decimal.DecimalException) as error:
        raise NotDecoded(str(error) or type(error).__name__) from error
    if left := len(value) - source.tell():
        raise NotDecoded(f"{left:,} bytes follow the value")
    return Decoded(to_json_text(_untagged(found)), "cbor")


def _untagged(value: Any) -> Any:
    import cbor2

    match value:
        case cbor2.CBORTag():
            return {"tag": value.tag, "value": _untagged(value.value)}
        case cbor2.CBORSimpleValue():
            return {"simple": value.value}
        case dict() | cbor2.frozendict():
            return {key: _untagged(each) for key, each in value.items()}
        case list() | tuple():
            return [_untagged(each) for each in value]
    return None if value is cbor2.undefined else value
