"""Names: one for each meaning, none of the old private language, and rule codes that lead somewhere."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

from tests.architecture.house import PACKAGE, ROOT, modules, shown

RULES = PACKAGE / "RULES.md"
RULE = re.compile(r"^\*\*([KRDC]\d+) ", re.MULTILINE)
CITED = re.compile(r"\b(?:[KRD][1-9]\d?|C(?:[1-9]|1[0-8]))\b")
"""Codes of rules; from C19 on the letter C is that of a case in the tests."""

WORD = re.compile(r"[A-Z]?[a-z]+")

SHARED: dict[str, int] = {}
"""Names that classes of different meaning still share, and how many do."""

RETIRED = frozenset(
    "freight parcel parcels convoy casebook homecoming crossing rescuer ears presence hunger "
    "workbench bench desk radar coach trail openings paper sideways habits garbage supply".split()
)
"""Metaphors that once named things: a reader who knows the brokers could not guess what they meant."""

DEMO = PACKAGE / "demo"
"""The demo's shop has words of its own."""


def test_no_metaphor_names_a_thing() -> None:
    named = [
        f"{shown(path)}: {name}"
        for path in modules()
        if DEMO not in path.parents
        for name in (path.stem, *defined(path))
        if RETIRED & {word.lower() for word in WORD.findall(name)}
    ]
    assert named == []


def defined(path: Path) -> list[str]:
    """Names of all classes and functions of a module."""
    nodes = ast.walk(ast.parse(path.read_bytes()))
    return [node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)]


OLD_WORDS = frozenset(
    """
    ahead aftermath arrivals carried casebook coach convoy crossing desk ears flight freight garbage hand hands
    homecoming keeper keeping kept lane lanes loan outbox parcel parcels presence radar rack rescue said sheet
    sighting sightings staff stretch swift told trail underway vault verdict wish word workbench
    """.split()
)
"""Metaphors that modules and classes had once, where the field has terms of its own."""


def test_no_module_or_class_has_a_name_of_the_private_language() -> None:
    left: list[str] = []
    for path in modules():
        if OLD_WORDS & set(path.stem.split("_")):
            left.append(shown(path))
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ClassDef):
                parts = {part.lower() for part in re.findall(r"[A-Z]?[a-z0-9]+", node.name)}
                left += [f"{shown(path)}: {node.name}"] if parts & OLD_WORDS else []
    assert left == []


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
