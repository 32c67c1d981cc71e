"""Compressed bodies: gzip, zlib, bzip2, zstd, lz4 and snappy, each decompressed up to a maximum size."""

from __future__ import annotations

import bz2
import mmap
import zlib
from collections.abc import Callable
from typing import Protocol

from mqtui.codecs.decoded import NotDecoded

MAX_BYTES = 64 * 1024 * 1024
"""The largest decompressed size: a small message may decompress to any size."""

MAGICS = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\xff\x06\x00\x00sNaPpY", "snappy"),
    (b"\x82SNAPPY\0", "snappy"),
    (b"BZh", "bzip2"),
    (b"\x78\x01", "zlib"),
    (b"\x78\x5e", "zlib"),
    (b"\x78\x9c", "zlib"),
    (b"\x78\xda", "zlib"),
)
"""First bytes of each format; of snappy its frames, and the stream of snappy-java."""

XERIAL = b"\x82SNAPPY\0"
XERIAL_HEADER_BYTES = 16
"""snappy-java's stream header: magic, version and compatible version. Blocks with a 32-bit length follow."""


class _Stream(Protocol):
    """A decompressor of the standard library."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...


def detect(value: bytes) -> str:
    """The compression a body begins with; "" for none. Text is none."""
    if value[:1] not in (b"\x1f", b"\x28", b"\x04", b"\xff", b"\x82", b"B", b"x"):
        return ""
    for magic, name in MAGICS:
        if value.startswith(magic):
            return "" if name in ("zlib", "bzip2") and value.isascii() else name
    return ""


def decompress(name: str, value: bytes) -> bytes:
    """The content of a body compressed that way.

    Raises:
        NotDecoded: the stream is damaged, cut off, followed by other bytes, or larger than `MAX_BYTES`.
    """
    return DECOMPRESSORS[name](value)


def _gzip(value: bytes) -> bytes:
    return _stream(zlib.decompressobj(wbits=31), value, "gzip")


def _zlib(value: bytes) -> bytes:
    return _stream(zlib.decompressobj(), value, "zlib")


def _deflate(value: bytes) -> bytes:
    """HTTP's deflate is zlib; some writers leave zlib's header and checksum out."""
    try:
        return _zlib(value)
    except NotDecoded:
        return _stream(zlib.decompressobj(wbits=-15), value, "deflate")


def _bzip2(value: bytes) -> bytes:
    return _stream(bz2.BZ2Decompressor(), value, "bzip2")


def _stream(stream: _Stream, value: bytes, name: str) -> bytes:
    try:
        content = stream.decompress(value, MAX_BYTES)
        if not stream.eof and len(content) == MAX_BYTES:
            raise _too_large()
    except (zlib.error, OSError) as error:
        raise NotDecoded(str(error)) from error
    if not stream.eof:
        raise NotDecoded("it is cut off")
    if stream.unused_data:
        raise NotDecoded(f"{len(stream.unused_data)} bytes follow the {name} stream")
    return content


def _too_large() -> NotDecoded:
    return NotDecoded(f"it decompresses to more than {MAX_BYTES / 1024 / 1024:,.0f} MiB")


def _zstd(value: bytes) -> bytes:
    from cramjam import zstd

    return _into_buffer(zstd.decompress_into, value)


def _lz4(value: bytes) -> bytes:
    from cramjam import lz4

    return _into_buffer(lz4.decompress_into, value)


def _into_buffer(decompress_into: Callable[[bytes, mmap.mmap], int], value: bytes) -> bytes:
    """Decompress into memory of a fixed size, of which only the part that is written to exists."""
    from cramjam import DecompressionError

    with mmap.mmap(-1, MAX_BYTES) as buffer:
        try:
            size = decompress_into(value, buffer)
        except DecompressionError as error:
            raise (
                _too_large() if "whole buffer" in str(error) and "fill" not in str(error) else NotDecoded(str(error))
            ) from error
        return buffer[:size]


def _snappy(value: bytes) -> bytes:
    """Snappy in frames, in the blocks of snappy-java, or raw: raw snappy has no first bytes of its own."""
    from cramjam import DecompressionError, snappy

    if value.startswith(b"\xff\x06\x00\x00sNaPpY"):
        return _into_buffer(snappy.decompress_into, value)
    try:
        if value.startswith(XERIAL):
            return _snappy_java(value)
        if snappy.decompress_raw_len(value) > MAX_BYTES:
            raise _too_large()
        return bytes(snappy.decompress_raw(value))
    except (DecompressionError, ValueError) as error:
        raise NotDecoded(str(error)) from error


def _snappy_java(value: bytes) -> bytes:
    from cramjam import snappy

    parts: list[bytes] = []
    at, size = XERIAL_HEADER_BYTES, 0
    while at < len(value):
        length = int.from_bytes(value[at : at + 4], "big")
        block = value[at + 4 : at + 4 + length]
        if len(block) < length or at + 4 > len(value):
            raise NotDecoded("it is cut off")
        size += snappy.decompress_raw_len(block)
        if size > MAX_BYTES:
            raise _too_large()
        parts.append(bytes(snappy.decompress_raw(block)))
        at += 4 + length
    return b"".join(parts)


DECOMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": _gzip,
    "zlib": _zlib,
    "deflate": _deflate,
    "bzip2": _bzip2,
    "zstd": _zstd,
    "lz4": _lz4,
    "snappy": _snappy,
}
ENCODINGS = {"x-gzip": "gzip", "bzip": "bzip2", "x-bzip2": "bzip2", "x-snappy-framed": "snappy"}
"""Other names of a content encoding."""
