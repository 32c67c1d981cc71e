"""Rooms are small, have a name of the trade, and let few people near the broker."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.house import PACKAGE, functions, modules, names, nodes, shown, tree

FILE_LINES = 400
FUNCTION_LINES = 60
TWIN_LINES = 5
EMPTY_NAMES = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "base", "misc"}
ADAPTERS = [PACKAGE / "brokers" / kind for kind in ("kafka", "rabbitmq", "redis")]
PREFIXES = {"kafka": "Kafka", "rabbitmq": "Rabbit", "redis": "Redis"}
ROOMS = ("connection", "read", "redrive")
ROLES = {
    "adapter.py": ("connect", "{prefix}Adapter", "{prefix}Broker", "{prefix}Writer"),
    "capabilities.py": ("can",),
    "config.py": (),
    "declared_options.py": ("DECLARED",),
    "errors.py": (),
    "messages.py": (),
    "publish.py": ("open_publisher", "{prefix}Publisher"),
    "steps.py": ("apply_step",),
    "traits.py": ("TRAITS",),
    "read/catalog.py": ("{prefix}Catalog",),
    "read/groups.py": ("{prefix}Groups",),
    "read/lag.py": (),
    "read/reader.py": ("{prefix}Reader",),
    "read/survey.py": ("survey",),
    "redrive/lease.py": ("open_lease", "{prefix}Lease"),
    "redrive/move.py": (),
    "redrive/plan_checks.py": ("check_plan",),
    "redrive/snapshot.py": ("take_snapshot",),
}
"""The modules that each adapter has, and the classes and functions that each of these defines."""

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


def test_no_two_classes_share_a_name() -> None:
    """A name of a public class says which one is meant, wherever it is read."""
    homes: dict[str, list[str]] = {}
    for path in modules():
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(shown(path))
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def is_adapter(path: Path) -> bool:
    return any(folder in path.parents for folder in ADAPTERS)


def function_bodies(path: Path) -> Iterator[tuple[str, str]]:
    """Name and body of every function of a module, without docstrings and comments."""
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, "\n".join(map(ast.unparse, node.body[1:] if ast.get_docstring(node) else node.body))


def test_no_function_stands_twice() -> None:
    """What two rooms need stands once, below both."""
    homes: dict[str, list[str]] = {}
    for path in modules():
        for name, body in function_bodies(path):
            if body.count("\n") >= TWIN_LINES - 1:
                homes.setdefault(body, []).append(f"{shown(path)}:{name}")
    assert [places for places in homes.values() if len(places) > 1] == []


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


def top_level_names(path: Path) -> set[str]:
    """What a module defines, without what it imports; nothing where there is no such module."""
    if not path.is_file():
        return set()
    found: set[str] = set()
    for node in tree(path).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.add(name)
            case ast.Assign(targets=targets):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
            case _:
                pass
    return found


@pytest.mark.parametrize("folder", ADAPTERS, ids=lambda folder: folder.name)
def test_adapters_mirror_each_other(folder: Path) -> None:
    """Who knows one adapter finds the same rooms, modules and roles in the next, under the same names."""
    prefix = PREFIXES[folder.name]
    missing = [room for room in ROOMS if not (folder / room / "__init__.py").is_file()]
    for module, roles in ROLES.items():
        path = folder / module
        defined = top_level_names(path)
        missing += [] if path.is_file() else [module]
        missing += [
            f"{module}: {role}" for role in (name.format(prefix=prefix) for name in roles) if role not in defined
        ]
    assert missing == []


def test_adapters_that_trace_moves_do_it_in_one_place() -> None:
    tracing = [folder for folder in ADAPTERS if "async def trace(" in (folder / "adapter.py").read_text()]
    assert tracing
    modules = {folder.name: folder / "redrive" / "killed_run_outcomes.py" for folder in tracing}
    assert [name for name, module in modules.items() if "trace" not in top_level_names(module)] == []


def names_a_kind(node: ast.AST) -> bool:
    """`BrokerKind.KAFKA`, `BrokerKind("kafka")` or `kind == "kafka"`."""
    match node:
        case ast.Attribute(value=ast.Name(id="BrokerKind")):
            return True
        case ast.Call(func=ast.Name(id="BrokerKind"), args=[ast.Constant()]):
            return True
        case ast.Compare(comparators=[ast.Constant(value=text)]):
            return text in PREFIXES
        case _:
            return False


def test_only_adapters_name_a_kind_of_broker() -> None:
    """What differs between kinds of brokers is declared in the traits of each adapter: a fourth one changes nothing."""
    found = {
        shown(path): count
        for path in modules()
        if not is_adapter(path) and PACKAGE / "demo" not in path.parents
        if (count := sum(map(names_a_kind, nodes(path))))
    }
    assert found == {}


def test_a_journal_that_is_opened_is_closed() -> None:
    """`with Journal()`, or `open_journal()`, which closes it off the loop."""
    left: list[str] = []
    for path in modules():
        closed = {id(item.context_expr) for node in nodes(path) if isinstance(node, ast.With) for item in node.items}
        opened = [
            node for node in nodes(path) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Journal"
        ]
        left += [f"{shown(path)}:{call.lineno}" for call in opened if id(call) not in closed]
    assert left == []


def test_doubles_override_the_method_they_extend() -> None:
    """A renamed method leaves an override of the old name in a test double, which then does nothing any more."""
    stale: list[str] = []
    for path in (PACKAGE.parent / "tests").rglob("*.py"):
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                stale += [
                    f"{path.name}:{node.lineno} {node.name} calls super().{call.func.attr}"
                    for call in ast.walk(node)
                    if isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Attribute)
                    and ast.unparse(call.func.value) == "super()"
                    and call.func.attr != node.name
                ]
    assert stale == []
