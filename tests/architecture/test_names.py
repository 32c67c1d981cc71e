"""One name means one thing: public classes, and the rule codes that docstrings cite."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

from tests.architecture.house import PACKAGE, ROOT, modules, shown

RULES = PACKAGE / "RULES.md"
RULE = re.compile(r"^\*\*([KRDC]\d+) ", re.MULTILINE)
CITED = re.compile(r"\b(?:[KRD][1-9]\d?|C(?:[1-9]|1[0-8]))\b")
"""Codes of rules; from C19 on the letter C is that of a case in the tests."""

SHARED: dict[str, int] = {}
"""Names that classes of different meaning still share, and how many do."""


def test_no_two_public_classes_share_a_name() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        for node in ast.parse(path.read_bytes()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(shown(path))
    shared = {name: places for name, places in found.items() if len(places) > SHARED.get(name, 1)}
    assert shared == {}
    assert [name for name, count in SHARED.items() if len(found[name]) < count] == [], "mended: take it off the list"


def test_every_rule_that_is_cited_is_written_down() -> None:
    written = set(RULE.findall(RULES.read_text()))
    unknown = {
        f"{shown(path)}: {code}"
        for path in modules()
        for code in re.findall(r"\b[KRDC][1-9]\d?\b", path.read_text())
        if code not in written
    }
    assert unknown == set()


def test_every_rule_is_cited_by_code_or_tests() -> None:
    sources = [*modules(), *(ROOT / "tests").rglob("*.py")]
    cited = {code for path in sources for code in CITED.findall(path.read_text())}
    assert set(RULE.findall(RULES.read_text())) - cited == set()
    assert cited - set(RULE.findall(RULES.read_text())) == set()
