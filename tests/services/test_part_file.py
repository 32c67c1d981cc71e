"""The file of an export while it grows: mended, held by one export, and gone where it would be empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from mqtui.domain.errors import BadInput, Refused
from mqtui.services.export.part_file import BLOCK, PartFile


@pytest.mark.parametrize("half", [b"", b'{"half":', b"x" * (2 * BLOCK)])
async def test_half_a_line_is_cut_off_and_the_rest_goes_on(tmp_path: Path, half: bytes) -> None:
    file = tmp_path / "o.jsonl"
    part = tmp_path / "o.jsonl.part"
    part.write_bytes(b"{}\n" * 3 + half)
    with PartFile(file) as opened:
        opened.resume()
        await opened.add([b"[1]"])
        assert await opened.finish() == 13
    assert file.read_bytes() == b"{}\n" * 3 + b"[1]\n"
    assert not part.exists()


def test_no_two_exports_write_one_file(tmp_path: Path) -> None:
    file = tmp_path / "o.jsonl"
    with PartFile(file) as first, PartFile(file) as second:
        first.create()
        with pytest.raises(Refused, match="Another export writes"):
            second.resume()
        with pytest.raises(BadInput, match="is there already"):
            second.create()
    assert list(tmp_path.iterdir()) == []
