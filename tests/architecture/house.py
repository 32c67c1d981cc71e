"""Where the sources are, and how their parts are found; a file is parsed once for all rules of a test file."""

from __future__ import annotations

import ast
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "mqtui"
SCRIPTS = Path(sysconfig.get_path("scripts"))


@cache
def modules() -> list[Path]:
    """Every module of the package."""
    return sorted(PACKAGE.rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_bytes())


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Every node of a file's syntax tree."""
    return list(ast.walk(tree(path)))


def shown(path: Path) -> str:
    """A path as it is told to people."""
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and number of lines of every function of a module, without its decorators."""
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def names(path: Path) -> set[str]:
    """Every name that a module's code uses; strings and comments do not count."""
    found: set[str] = set()
    for node in nodes(path):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.ImportFrom(names=aliases) | ast.Import(names=aliases):
                found |= {alias.name for alias in aliases}
            case _:
                pass
    return found


def run(*argv: str | Path, within: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run([str(part) for part in argv], cwd=within, capture_output=True, text=True, check=False)


def assert_clean(argv: Sequence[str | Path]) -> None:
    """A checker that finds nothing, or what it found."""
    done = run(*argv)
    assert done.returncode == 0, f"\n{done.stdout}\n{done.stderr}"


def python(*argv: str) -> subprocess.CompletedProcess[str]:
    """Run this interpreter."""
    return run(sys.executable, *argv)
