"""No import leads in a circle, imports for type checking counted; screens know each other by the navigator only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp

from mqtui.ui.navigation.screen_classes import SCREENS
from tests.architecture.house import PACKAGE, modules, names, nodes, shown

SCREEN_CLASSES = {name for _, name in SCREENS.values()}
SCREEN_FILES = [path for path in modules() if PACKAGE / "ui" / "screens" in path.parents]


def test_no_import_leads_in_a_circle() -> None:
    graph = grimp.build_graph("mqtui", exclude_type_checking_imports=False, cache_dir=None)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        TopologicalSorter(imported).prepare()
    except CycleError as error:
        raise AssertionError(" imports ".join(reversed(error.args[1]))) from None


def test_nothing_of_the_console_imports_the_app() -> None:
    """Screens and what they use see the app as `ConsoleApi`."""
    users = [path for path in modules() if PACKAGE / "ui" in path.parents and "mqtui.ui.app" in imports(path)]
    assert list(map(shown, users)) == []


def test_a_screen_knows_no_class_of_another_but_to_derive_from_it() -> None:
    known = {
        f"{shown(path)}: {name}"
        for path in SCREEN_FILES
        for name in (names(path) & SCREEN_CLASSES) - defined(path) - bases(path)
    }
    assert known == set()


def imports(path: Path) -> set[str]:
    """Every module that a module imports, for type checking too."""
    return {node.module or "" for node in nodes(path) if isinstance(node, ast.ImportFrom)}


def classes(path: Path) -> Iterator[ast.ClassDef]:
    return (node for node in nodes(path) if isinstance(node, ast.ClassDef))


def defined(path: Path) -> set[str]:
    return {node.name for node in classes(path)}


def bases(path: Path) -> set[str]:
    return {base.id for node in classes(path) for base in node.bases if isinstance(base, ast.Name)}
