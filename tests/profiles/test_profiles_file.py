"""Whether there are profiles at all, asked before the file is understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from mqtui.profiles.profiles_file import FILE, has_profiles


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("", False),
        ("# [[profile]] comes later\n", False),
        ('[[profile]]\nname = "dev"\n', True),
        ('\ufeffprofile = [{name = "dev"}]\n', True),
        ("[[profile]\n", True),
    ],
    ids=["empty", "commented", "one", "inline", "mistaken"],
)
def test_a_file_has_a_profile_or_hides_it(folders: Path, text: str, there: bool) -> None:
    file = folders / "config" / FILE
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    assert has_profiles() is there


def test_without_a_file_there_is_none(folders: Path) -> None:
    assert not has_profiles()


def test_a_file_that_is_no_text_hides_whether_it_has_one(folders: Path) -> None:
    file = folders / "config" / FILE
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"\xff\xfe\x00")
    assert has_profiles()
