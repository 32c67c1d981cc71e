"""Rooms are small, have a name of the trade, and let few people near the broker."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.architecture.house import PACKAGE, functions, modules, names, shown

FILE_LINES = 400
FUNCTION_LINES = 60
EMPTY_NAMES = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "base", "misc"}
ADAPTERS = [PACKAGE / "brokers" / kind for kind in ("kafka", "rabbitmq", "redis")]
NEAR_THE_BROKER = {
    PACKAGE / "brokers" / "port.py",
    PACKAGE / "brokers" / "registry.py",
    PACKAGE / "brokers" / "guard.py",
    PACKAGE / "services" / "session.py",
}


def test_files_stay_small() -> None:
    long = {shown(path): lines for path in modules() if (lines := len(path.read_text().splitlines())) > FILE_LINES}
    assert long == {}


def test_functions_stay_small() -> None:
    long = {
        f"{shown(path)}:{name}": lines
        for path in modules()
        for name, lines in functions(path)
        if lines > FUNCTION_LINES
    }
    assert long == {}


def test_names_are_of_the_trade() -> None:
    empty = [shown(path) for path in PACKAGE.rglob("*") if path.stem.lower().strip("_") in EMPTY_NAMES]
    assert empty == []


def is_adapter(path: Path) -> bool:
    return any(folder in path.parents for folder in ADAPTERS)


def test_few_name_the_adapter() -> None:
    """Everybody else holds a Broker, which can't write, or a Writer that the guard gave."""
    naming = {path for path in modules() if "Adapter" in names(path) and not is_adapter(path)}
    assert naming <= NEAR_THE_BROKER, sorted(map(shown, naming - NEAR_THE_BROKER))


def test_permits_are_granted_by_the_guard_only() -> None:
    granting = [shown(path) for path in modules() if "WriteGrant" in names(path)]
    assert granting == ["mqtui/brokers/guard.py"]


def test_writers_are_opened_by_the_guard_only() -> None:
    opening = [path for path in modules() if "open_writer" in names(path) and not is_adapter(path)]
    assert [shown(path) for path in opening] == ["mqtui/brokers/guard.py"]


def test_adapters_mirror_each_other() -> None:
    """Who knows one adapter finds the same things in the next."""
    shared = {"adapter.py", "catalog.py", "reader.py", "publish.py", "groups.py", "lease.py", "errors.py"}
    renamed = {"client.py": "adapter.py", "publisher.py": "publish.py"}
    missing = {
        folder.name: shared - {renamed.get(path.name, path.name) for path in folder.rglob("*.py")}
        for folder in ADAPTERS
    }
    assert {name: files for name, files in missing.items() if files} == {}


def test_a_journal_that_is_opened_is_closed() -> None:
    """`with Runs()`, or `open_journal()`, which closes it off the loop."""
    left: list[str] = []
    for path in modules():
        nodes = list(ast.walk(ast.parse(path.read_text())))
        closed = {id(item.context_expr) for node in nodes if isinstance(node, ast.With) for item in node.items}
        opened = [node for node in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Runs"]
        left += [f"{shown(path)}:{call.lineno}" for call in opened if id(call) not in closed]
    assert left == []
