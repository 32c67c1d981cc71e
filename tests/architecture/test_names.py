"""Names: one for each meaning, none of the old private language, and rule codes that lead somewhere."""

from __future__ import annotations

import ast
import re
from collections import defaultdict

from tests.architecture.house import PACKAGE, ROOT, modules, nodes, shown, tree
from tests.conftest import LONG

RULES = PACKAGE / "RULES.md"
RULE = re.compile(r"^\*\*([KRDC]\d+) ", re.MULTILINE)
CITED = re.compile(r"\b(?:[KRD][1-9]\d?|C(?:[1-9]|1[0-8]))\b")
"""Codes of rules; from C19 on the letter C is that of a case in the tests."""

SHARED: dict[str, int] = {}
"""Names that classes of different meaning still share, and how many do."""

OLD_WORDS = frozenset(
    """
    ahead aftermath arrivals bench carried casebook coach convoy crossing desk ears flight freight garbage habits hand
    hands homecoming keeper keeping kept lane lanes loan openings outbox paper parcel parcels presence radar rack rescue
    rescuer said sheet sideways sighting sightings staff stretch supply swift told trail underway vault verdict wish
    word workbench
    """.split()
)
"""Metaphors that modules and classes had once, where the field has terms of its own."""


def test_no_module_or_class_has_a_name_of_the_private_language() -> None:
    left: list[str] = []
    for path in modules():
        if OLD_WORDS & set(path.stem.split("_")):
            left.append(shown(path))
        for node in nodes(path):
            if isinstance(node, ast.ClassDef):
                parts = {part.lower() for part in re.findall(r"[A-Z]?[a-z0-9]+", node.name)}
                left += [f"{shown(path)}: {node.name}"] if parts & OLD_WORDS else []
    assert left == []


def test_no_two_public_classes_share_a_name() -> None:
    found: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(shown(path))
    shared = {name: places for name, places in found.items() if len(places) > SHARED.get(name, 1)}
    assert shared == {}
    assert [name for name, count in SHARED.items() if len(found[name]) < count] == [], "mended: take it off the list"


def test_files_that_are_known_to_take_long_are_there() -> None:
    """One that is renamed would no longer come first, and a worker be left alone with it at the end."""
    files = [path.relative_to(ROOT / "tests").as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    assert [start for start in LONG if not any(name.startswith(start) for name in files)] == []


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
