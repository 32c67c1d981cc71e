"""The README's key table, made from the action registry; a test fails when it is stale."""

from __future__ import annotations

from collections.abc import Iterable

from mqtui.ui.actions import ACTIONS, Action, shown_key


def key_table() -> str:
    """Two Markdown tables: keys that only look, and capital letters that change something."""
    looks = [action for action in ACTIONS if not action.changes and not action.later]
    changes = [action for action in ACTIONS if action.changes and not action.later]
    return f"{_table(looks, 'looks, never changes anything')}\n\n{_table(changes, 'changes, by a plan')}\n"


def _table(actions: Iterable[Action], title: str) -> str:
    rows = [f"| key | {title} | where |", "|---|---|---|"]
    rows += [f"| {_keys(action)} | {action.title}: {action.help} | {action.where} |" for action in actions]
    return "\n".join(rows)


def _keys(action: Action) -> str:
    return " ".join(f"`{shown_key(key)}`" for key in action.keys)
