"""Compressed bodies: each format by its own library, bounded in size."""

import bz2
import gzip
import struct
import time
import zlib

import cramjam
import pytest

from mqtui.codecs import compression
from mqtui.codecs.decode import decode, sniff
from mqtui.codecs.decoded import NotDecoded
from mqtui.codecs.hints import Hints

BODY = b'{"order":"AB-991","total":12.50}' * 40


def snappy_java(value: bytes) -> bytes:
    """The stream of snappy-java: a header, then blocks with their length."""
    blocks = [bytes(cramjam.snappy.compress_raw(value[at : at + 500])) for at in range(0, len(value), 500)]
    return b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1) + b"".join(struct.pack(">i", len(b)) + b for b in blocks)


WRITERS = {
    "gzip": gzip.compress(BODY),
    "zlib": zlib.compress(BODY),
    "bzip2": bz2.compress(BODY),
    "zstd": bytes(cramjam.zstd.compress(BODY)),
    "lz4": bytes(cramjam.lz4.compress(BODY)),
    "snappy": bytes(cramjam.snappy.compress(BODY)),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_format_is_known_by_its_first_bytes(name: str) -> None:
    found = decode(WRITERS[name])
    assert (found.codec, found.value()) == (f"{name}+text", BODY.decode())
    assert sniff(WRITERS[name]) == name


@pytest.mark.parametrize("name", WRITERS)
def test_a_damaged_stream_is_reported_and_its_bytes_are_shown(name: str) -> None:
    for damaged in (WRITERS[name][:-5], WRITERS[name][: len(WRITERS[name]) // 2]):
        found = decode(damaged)
        assert found.codec == "binary"
        assert found.attempts[0].codec == name and found.attempts[0].why


def test_snappy_of_java_and_raw_snappy() -> None:
    assert decode(snappy_java(BODY)).value() == BODY.decode()
    raw = bytes(cramjam.snappy.compress_raw(BODY))
    for hints in (Hints(content_encoding="snappy"), Hints(rule="snappy+text"), Hints(rule="snappy")):
        assert decode(raw, hints=hints).value() == BODY.decode(), hints
    with pytest.raises(NotDecoded):
        compression.decompress("snappy", snappy_java(BODY)[:-2])


def test_the_content_encoding_is_opened_last_first() -> None:
    body = bytes(cramjam.snappy.compress_raw(zlib.compress(b"[1]")))
    assert decode(body, hints=Hints(content_encoding="deflate, snappy")).codec == "snappy+deflate+json"
    raw_deflate = zlib.compressobj(wbits=-15)
    body = raw_deflate.compress(b"[1]") + raw_deflate.flush()
    assert decode(body, hints=Hints(content_encoding="deflate")).codec == "deflate+json"
    assert decode(b"[1]", hints=Hints(content_encoding="utf-8")).codec == "json"
    assert decode(b"[1]", hints=Hints(content_encoding="gzip")).codec == "json"


def zstd_bomb() -> bytes:
    """1 GiB of zeros in 32 KiB: a block of 128 KiB takes four bytes."""
    block = 128 * 1024
    header = b"\x28\xb5\x2f\xfd\x00\x38"
    blocks = [((block << 3) | (1 << 1) | (at == 8191)).to_bytes(3, "little") + b"\0" for at in range(8192)]
    return header + b"".join(blocks)


def gzip_bomb() -> bytes:
    packer = zlib.compressobj(1, wbits=31)
    zeros = bytes(16 * 1024 * 1024)
    return b"".join(packer.compress(zeros) for _ in range(16)) + packer.flush()


def bombs() -> dict[str, bytes]:
    zeros = bytes(80 * 1024 * 1024)
    raw = bytes(cramjam.snappy.compress_raw(zeros))
    return {
        "zstd": zstd_bomb(),
        "gzip": gzip_bomb(),
        "bzip2": bz2.compress(zeros, 1),
        "lz4": bytes(cramjam.lz4.compress(zeros)),
        "snappy": raw,
    }


def test_a_bomb_is_given_up_at_64_mib() -> None:
    for name, bomb in bombs().items():
        begin = time.process_time()
        with pytest.raises(NotDecoded, match="more than 64 MiB"):
            compression.decompress(name, bomb)
        assert time.process_time() - begin < 3, name


def test_text_that_begins_like_a_compressed_body_is_text() -> None:
    for text in (b"x^2 + 1", b"BZh9 is a postcode", b"(/\xc2\xb5/)"):
        assert decode(text).codec == "text"
        assert sniff(text) == "text"
