"""Gzip (RFC 1952), decompressed up to a maximum size."""

from __future__ import annotations

import zlib

MAGIC = b"\x1f\x8b"
MAX_BYTES = 64 * 1024 * 1024
"""The largest decompressed size: a small message may decompress to any size."""


class NotDecompressed(Exception):
    """The bytes can't be decompressed, with the reason."""


def decompress(value: bytes) -> bytes:
    """The content of one gzip member.

    Raises:
        NotDecompressed: the stream is damaged, cut off, followed by other bytes, or larger than `MOST`.
    """
    stream = zlib.decompressobj(wbits=31)
    try:
        content = stream.decompress(value, MAX_BYTES)
    except zlib.error as error:
        raise NotDecompressed(str(error)) from error
    if stream.unconsumed_tail:
        raise NotDecompressed(f"it unpacks to more than {MAX_BYTES // 1024 // 1024} MiB")
    if not stream.eof:
        raise NotDecompressed("it is cut off")
    if stream.unused_data:
        raise NotDecompressed(f"{len(stream.unused_data)} bytes follow the gzip stream")
    return content
