"""The papers for those who carry on name files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.house import PACKAGE

ROOT = PACKAGE.parent
ROOMS = sorted(path.parent for path in PACKAGE.glob("*/__init__.py"))
PAPERS = [PACKAGE / "ARCHITECTURE.md", ROOT / ".github" / "CONTRIBUTING.md", *(room / "README.md" for room in ROOMS)]
FILE = re.compile(r"`([\w./-]+(?:\.py|\.md|\.toml|/))`")


def is_there(named: str) -> bool:
    """Whether a file or folder ends so: papers leave out what goes before where it is plain."""
    if any((base / named).exists() for base in (ROOT, PACKAGE)):
        return True
    wanted = f"/{named.rstrip('/')}"
    return any(str(path).endswith(wanted) for base in (PACKAGE, ROOT / "tests") for path in base.rglob("*"))


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: f"{paper.parent.name}-{paper.name}")
def test_what_a_paper_names_is_there(paper: Path) -> None:
    named = FILE.findall(paper.read_text())
    assert named and [name for name in named if not is_there(name)] == []
