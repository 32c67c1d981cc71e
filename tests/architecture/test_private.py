"""Private members of libraries that mqtui overrides: pyproject.toml pins those libraries to the minor tried here."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
import tomllib

import mqtui
from tests.architecture.house import ROOT

MADE_BY_TEXTUAL = ("_merged_", "_css_", "_inherit_", "_reactives", "_decorated_", "_computes", "_component_", "_abc_")
"""How names begin that Textual's metaclass, or Python's, gives every class."""

OVERRIDDEN = {
    "pika.channel.Channel._on_getempty",
    "pika.connection.Connection._create_channel",
    "pika.connection.Connection._on_data_available",
    "pika.connection.Connection._output_marshaled_frames",
    "redis.asyncio.connection.Connection._connection_arguments",
    "textual.app.App._fatal_error",
    "textual.widget.Widget._on_key",
    "textual.widgets._input.Input._on_paste",
    "textual.widgets._text_area.TextArea._on_key",
    "textual.widgets._text_area.TextArea._on_paste",
}
OURS = {"mqtui", *sys.stdlib_module_names}
LIBRARIES = {name.partition(".")[0] for name in OVERRIDDEN}


def test_what_is_overridden_is_known() -> None:
    found: set[str] = set()
    for known in pkgutil.walk_packages(mqtui.__path__, "mqtui."):
        if not known.name.endswith("__main__"):
            module = importlib.import_module(known.name)
            own = [each for each in vars(module).values() if inspect.isclass(each) and each.__module__ == known.name]
            found.update(name for each in own for name in overridden(each))
    assert found == OVERRIDDEN


def overridden(each: type) -> set[str]:
    """Private members of a library's class that a class of ours has too."""
    private = {name for name in vars(each) if name.startswith("_") and not name.startswith(("__", *MADE_BY_TEXTUAL))}
    return {
        f"{base.__module__}.{base.__name__}.{name}"
        for base in each.__mro__[1:]
        if base.__module__.partition(".")[0] not in OURS
        for name in private & vars(base).keys()
    }


def test_their_libraries_are_pinned_to_a_minor() -> None:
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    for library in LIBRARIES:
        (pin,) = [pin for pin in needed if pin.startswith((f"{library}>", f"{library}["))]
        least, most = pin.partition(">=")[2].split(",<")
        major, minor = least.split(".")[:2]
        assert most == f"{major}.{int(minor) + 1}", pin
