"""Text of strangers has one way to a terminal (rule C12): `domain.printable`, called where a line is made."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.architecture.house import PACKAGE, modules, nodes, shown

PRINTING = {"echo", "secho", "print", "print_exception"}
MAKES_LINES = {"mqtui/ui/widgets/theme_styles.py"}
WRITES_LINES = {
    "mqtui/cli/output.py",
    "mqtui/cli/__init__.py",  # click's own help
}
CLEANING = {"glyphs", "printable", "Content"}


def calls(path: Path) -> list[tuple[str, ast.Call]]:
    """Name of the function and the call, for every call of a module."""
    found: list[tuple[str, ast.Call]] = []
    for node in nodes(path):
        if isinstance(node, ast.Call):
            called = node.func
            name = (
                called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
            )
            found.append((name, node))
    return found


def of_widgets() -> list[Path]:
    return [path for path in modules() if PACKAGE / "ui" in path.parents]


def is_clean(shown_text: ast.expr) -> bool:
    """Whether an argument is our own text, or passed through one of the functions that clean."""
    match shown_text:
        case ast.Constant():
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in CLEANING
        case _:
            return False


def test_widgets_draw_their_lines_of_clean_segments() -> None:
    own = {shown(path) for path in of_widgets() if any(name in ("Segment", "Text") for name, _ in drawing(path))}
    assert own == MAKES_LINES


def drawing(path: Path) -> list[tuple[str, ast.Call]]:
    """Calls of rich's and Textual's makers of lines that a module imports."""
    foreign = {
        alias.asname or alias.name
        for node in nodes(path)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("rich", "textual")
        for alias in node.names
    }
    return [(name, call) for name, call in calls(path) if name in foreign]


def test_textual_draws_no_text_that_is_not_clean() -> None:
    """`Static(...)`, its `update(...)`, and titles of borders."""
    bypassing = []
    for path in of_widgets():
        for name, call in calls(path):
            drawn = name == "Static" or (name == "update" and "Static" in ast.unparse(call.func))
            if drawn and call.args and not is_clean(call.args[0]):
                bypassing.append(f"{shown(path)}:{call.lineno}")
        for node in nodes(path):
            if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Attribute) and target.attr in ("border_title", "border_subtitle")
                for target in node.targets
            ):
                bypassing += [] if is_clean(node.value) else [f"{shown(path)}:{node.lineno}"]
    assert bypassing == []


def test_the_command_line_prints_in_one_place() -> None:
    printing = {
        shown(path)
        for path in modules()
        if PACKAGE / "demo" not in path.parents and any(name in PRINTING for name, _ in calls(path))
    }
    assert printing == WRITES_LINES
