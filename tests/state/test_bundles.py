"""Bundles: exact to the byte, encrypted, and readable up to a torn end."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from mqtui.domain.errors import Refused, StorageFailed
from mqtui.domain.message import EntryId, Message
from mqtui.domain.raw_entries import RawEntries
from mqtui.domain.resource import Kind, Ref
from mqtui.state import bundles
from mqtui.state.bundles import Bundle
from tests.state.samples import ALL, KAFKA, RABBIT, RUN

KEY = b"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
OTHER = b"MTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


def positions(letters: Sequence[Message]) -> list[str]:
    return [f"{place}" for place in range(len(letters))]


def filled(*batches: Sequence[Message]) -> Path:
    with Bundle(RUN, KEY) as bundle:
        for batch in batches:
            bundle.append(batch, positions(batch))
    return bundles.bundle_path(RUN)


def test_letters_come_back_as_they_were() -> None:
    filled(ALL, [KAFKA, RABBIT])
    assert list(bundles.read(RUN, KEY)) == [*zip(positions(ALL), ALL, strict=True), ("0", KAFKA), ("1", RABBIT)]


@pytest.mark.parametrize("size", [1, 5_000], ids=["plain", "compressed"])
def test_raw_entries_come_back_as_messages(size: int) -> None:
    """Field names that repeat, bytes that are no text, and a stream whose name is none."""
    stream = Ref(Kind.STREAM, "d\udcfflq")
    entries = [(b"7-0", [b"a", b"\xff" * size, b"a", b""]), (b"7-18446744073709551615", [b"\xfe", b"2"])]
    with Bundle(RUN, KEY) as bundle:
        bundle.append_entries(RawEntries(stream, entries))
        bundle.append([KAFKA], ["0/1"])
    fields = (((b"a", b"\xff" * size), (b"a", b"")), ((b"\xfe", b"2"),))
    ids = (EntryId(7, 0), EntryId(7, 2**64 - 1))
    letters = [Message(stream, position, None, None, (), 7, each) for position, each in zip(ids, fields, strict=True)]
    assert list(bundles.read(RUN, KEY)) == [("7-0", letters[0]), (str(ids[1]), letters[1]), ("0/1", KAFKA)]
    assert all(type(pair) is tuple for _, letter in bundles.read(RUN, KEY) for pair in letter.fields)


def test_types_come_back_too() -> None:
    filled([RABBIT])
    ((_, letter),) = bundles.read(RUN, KEY)
    assert letter.envelope is not None and RABBIT.envelope is not None
    assert type(letter.envelope.left.sort) is type(RABBIT.envelope.left.sort)
    assert type(letter.resource.kind) is type(RABBIT.resource.kind)
    assert type(letter.headers) is tuple and hash(letter) == hash(RABBIT)


def test_what_is_on_disk_tells_nothing_to_others() -> None:
    path = filled([KAFKA] * 50)
    assert b"value" not in path.read_bytes() and b"orders" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_nothing_is_made_before_the_first_letter() -> None:
    with Bundle(RUN, KEY) as bundle:
        bundle.append([], [])
    assert not bundles.exists(RUN)
    filled([KAFKA])
    assert bundles.exists(RUN)


def test_a_torn_last_frame_is_skipped_wherever_it_was_torn() -> None:
    path = filled([KAFKA], [RABBIT])
    whole = path.read_bytes()
    first = len(filled_alone(path))
    for cut in (first + 1, first + 8, first + 9, (first + len(whole)) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        assert [letter for _, letter in bundles.read(RUN, KEY)] == [KAFKA]
    path.write_bytes(whole[:-4] + b"\0" * 4)
    assert [letter for _, letter in bundles.read(RUN, KEY)] == [KAFKA]
    path.write_bytes(whole + b"\0" * 4096)
    assert [letter for _, letter in bundles.read(RUN, KEY)] == [KAFKA, RABBIT]


def filled_alone(path: Path) -> bytes:
    """The bytes up to the end of the first block."""
    with path.open("rb") as file:
        assert bundles.read_header(path, file, bundles.fernet_of(KEY))
        end, _ = next(bundles.iter_whole_frames(path, file))
    return path.read_bytes()[:end]


def test_a_torn_frame_is_cut_off_before_more_is_added() -> None:
    path = filled([KAFKA], [RABBIT])
    path.write_bytes(path.read_bytes()[:-10])
    filled([RABBIT])
    assert [letter for _, letter in bundles.read(RUN, KEY)] == [KAFKA, RABBIT]


def test_a_bundle_torn_in_its_first_line_is_begun_again() -> None:
    path = filled([KAFKA])
    path.write_bytes(path.read_bytes()[:20])
    assert list(bundles.read(RUN, KEY)) == []
    filled([RABBIT])
    assert [letter for _, letter in bundles.read(RUN, KEY)] == [RABBIT]


def test_damage_before_the_last_frame_is_reported() -> None:
    path = filled([KAFKA], [RABBIT])
    whole = bytearray(path.read_bytes())
    whole[len(filled_alone(path)) - 5] ^= 1
    path.write_bytes(whole)
    with pytest.raises(StorageFailed, match="damaged"):
        list(bundles.read(RUN, KEY))


def test_another_key_is_refused_not_taken_for_an_empty_bundle() -> None:
    filled([KAFKA])
    with pytest.raises(Refused, match="another key"):
        list(bundles.read(RUN, OTHER))
    with pytest.raises(Refused, match="another key"):
        Bundle(RUN, OTHER)
    with pytest.raises(Refused, match="no Fernet key"):
        Bundle(RUN, b"too short")


def test_a_run_without_a_bundle_is_reported() -> None:
    with pytest.raises(StorageFailed, match="can't be read"):
        list(bundles.read(RUN, KEY))


def test_bundles_are_deleted_after_14_days() -> None:
    path = filled([KAFKA])
    other = path.with_name("f" * 32 + ".bundle")
    other.write_bytes(path.read_bytes())
    old = time.time() - 14 * 86_400 - 1
    os.utime(path, (old, old))
    assert bundles.delete_expired() == [RUN]
    assert other.exists() and not path.exists()


def test_what_does_not_shrink_comes_back_too() -> None:
    noise = Message(KAFKA.resource, KAFKA.position, os.urandom(100_000))
    filled([noise], [KAFKA] * 2_000)
    found = [letter for _, letter in bundles.read(RUN, KEY)]
    assert found == [noise, *[KAFKA] * 2_000]
