"""Key bindings: the registry's keys, and a user's own by action id.

`keymap.toml` in the configuration folder: `"message.publish" = "P"`, or a list of keys.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from textual.binding import Binding

from mqtui.domain.errors import BadInput
from mqtui.ui.actions import ACTIONS, BY_ID, find_clashes, shown_key


class Keymap(NamedTuple):
    """Keys by action id. `notes` say what is wrong with the user's file, which is then ignored."""

    keys: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def bindings(self) -> list[Binding]:
        """Textual's bindings: each key does its action on the screen that is shown."""
        made: list[Binding] = []
        for action in ACTIONS:
            keys = ",".join(self.keys[action.id])
            made.append(Binding(keys, f"do('{action.id}')", action.title, show=False, id=action.id))
        return made

    @property
    def user_bindings(self) -> dict[str, str]:
        """The user's own keys only, as Textual's keymap takes them."""
        return {name: ",".join(keys) for name, keys in self.keys.items() if keys != BY_ID[name].keys}

    def shown(self, action_id: str) -> str:
        """The first key of an action, as it is shown."""
        return shown_key(self.keys[action_id][0])


def default() -> Keymap:
    """The registry's own keys.

    Raises:
        BadInput: two actions want one key; both ids are named.
    """
    keys = {action.id: action.keys for action in ACTIONS}
    _refuse_clashes(keys, "the registry")
    return Keymap(keys)


def load(file: Path) -> Keymap:
    """The registry's keys with a user's own; a file with a mistake is ignored, with a note."""
    if not file.exists():
        return default()
    try:
        return Keymap({**default().keys, **_read(file)})
    except BadInput as error:
        return Keymap(default().keys, (f"keymap left out: {error.title}",))


def _read(file: Path) -> dict[str, tuple[str, ...]]:
    try:
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{file}: {error}") from error
    own: dict[str, tuple[str, ...]] = {}
    for name, keys in given.items():
        if name not in BY_ID:
            raise BadInput(f"{file}: there is no action {name}")
        listed = [keys] if isinstance(keys, str) else keys
        if not isinstance(listed, list) or not listed or not all(isinstance(key, str) and key for key in listed):
            raise BadInput(f"{file}: {name} needs a key or a list of keys")
        own[name] = tuple(listed)
    _refuse_clashes({**{action.id: action.keys for action in ACTIONS}, **own}, str(file))
    return own


def _refuse_clashes(keys: Mapping[str, tuple[str, ...]], where: str) -> None:
    for key, one, other in find_clashes(keys):
        raise BadInput(f"{where}: {shown_key(key)} is the key of {one} and of {other}")
