"""The checkers of other people: ruff, mypy, import-linter. Each runs once, over everything."""

from __future__ import annotations

import sys

import pytest

from tests.architecture.house import SCRIPTS, assert_clean


def test_ruff_finds_nothing() -> None:
    assert_clean([sys.executable, "-m", "ruff", "check", "."])


def test_everything_is_formatted() -> None:
    assert_clean([sys.executable, "-m", "ruff", "format", "--check", "."])


@pytest.mark.timeout(600)
def test_every_type_is_right() -> None:
    assert_clean([sys.executable, "-m", "mypy"])


def test_imports_point_down() -> None:
    assert_clean([SCRIPTS / "lint-imports", "--no-cache"])
