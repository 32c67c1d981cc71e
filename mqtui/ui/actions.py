"""The registry of actions, from which bindings, hints, help, palette, menu and the README's key table are made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from mqtui.domain.capability import Verb


class Danger(StrEnum):
    """What a person has to confirm before an action is carried out."""

    LOOK = ""
    """Nothing: it changes nothing."""

    PLAN = "plan"
    """A plan to review; on protected profiles the profile's name is typed."""

    TYPE = "type"
    """A plan, and the resource's own name is typed on every profile."""


class Action(NamedTuple):
    """Something a person can do. `keys` are Textual's key names, the first is shown; `where` says where it works.

    `later` is set where this version does not have it: the key is dim and answers with that reason.
    """

    id: str
    keys: tuple[str, ...]
    title: str
    help: str
    where: str
    danger: Danger = Danger.LOOK
    needs: Verb | None = None
    later: str = ""

    @property
    def changes(self) -> bool:
        """Whether it changes something: such actions have a capital letter and show a plan first."""
        return self.danger is not Danger.LOOK

    @property
    def acts_on_row(self) -> bool:
        """Whether it does something to the row under the cursor, or with it."""
        return (self.changes and self.id != "thing.create") or self.id in LOOKS_AT_ROW


LOOKS_AT_ROW = frozenset(
    (
        "nav.open",
        "list.mark",
        "list.range",
        "read.follow",
        "thing.pair",
        "thing.explain",
        "thing.copy",
        "thing.pin",
        "app.menu",
    )
)
"""Actions that change nothing and are about the row under the cursor."""

LATER = "not in this version"


def _look(id: str, keys: str, title: str, help: str, where: str, needs: Verb | None = None, later: str = "") -> Action:  # noqa: A002 - the field's own names
    return Action(id, tuple(keys.split()), title, help, where, Danger.LOOK, needs, later)


def _change(
    id: str,  # noqa: A002 - the field's own names
    keys: str,
    title: str,
    help: str,  # noqa: A002
    where: str,
    danger: Danger,
    needs: Verb | None = None,
    later: str = "",
) -> Action:
    return Action(id, tuple(keys.split()), title, help, where, danger, needs, later)


ACTIONS: tuple[Action, ...] = (
    _look("nav.open", "enter", "open", "open what is under the cursor, press a button", "all"),
    _look(
        "nav.back", "escape backspace", "back", "one step back: cursor, scroll, filter and marks as they were", "all"
    ),
    _look("nav.down", "down j", "down", "next row", "lists"),
    _look("nav.up", "up k", "up", "previous row", "lists"),
    _look("nav.page_down", "pagedown ctrl+d", "page down", "a page down", "lists"),
    _look("nav.page_up", "pageup ctrl+u", "page up", "a page up", "lists"),
    _look("nav.top", "g home", "top", "first row", "lists"),
    _look("nav.bottom", "G end", "end", "last row; a held list goes on following", "lists"),
    _look("nav.left", "left h", "left", "columns to the left", "lists"),
    _look("nav.right", "right l", "right", "columns to the right", "lists"),
    _look("nav.next_item", "J", "next item", "next without leaving the detail", "details"),
    _look("nav.previous_item", "K", "previous item", "previous without leaving the detail", "details"),
    _look("nav.next_tab", "full_stop", "next tab", "causes, messages, describe; a message: value, headers", "things"),
    _look("nav.previous_tab", "comma", "previous tab", "the tab before", "things"),
    _look("nav.next_pane", "tab", "next pane", "next pane or field", "all"),
    _look("nav.previous_pane", "shift+tab", "previous pane", "previous pane or field", "all"),
    *(
        _look(f"nav.view_{number}", str(number), title, f"view {number}: {title}", "all", later=later)
        for number, title, later in (
            (1, "destinations", ""),
            (2, "groups", ""),
            (3, "dead letters", ""),
            (4, "topology", ""),
            (5, "runs", ""),
            (6, "audit", ""),
            (7, "alerts", ""),
            (8, "schemas", ""),
            (9, "access", LATER),
        )
    ),
    _look("nav.home", "0", "home", "all profiles", "all"),
    _look("nav.last", "minus", "last place", "the place before this one", "all"),
    _look("nav.goto", "colon", "go to", "[profile/][kind:]name[@position], a view, run 7F3A, what a log prints", "all"),
    _look("list.filter", "slash ctrl+f", "filter", "words, !word, ~regex, lag>1k, kind:queue, is:dead", "lists"),
    _look(
        "read.search",
        "s",
        "search",
        "search messages at the broker; destinations: find one id",
        "destinations, messages, letters",
    ),
    _look("list.next", "n", "next trouble", "the next thing that is wrong, from anywhere", "all"),
    _look("list.previous", "N", "previous trouble", "the one before", "all"),
    _look("list.mark", "space", "mark", "mark the row", "lists"),
    _look("list.range", "v", "range", "mark from here to where v is pressed again", "lists"),
    _look("list.all", "a", "all", "mark all shown; again: none", "lists"),
    _look("list.order", "o", "order", "order by a column, or by the same one in reverse", "lists"),
    _look("list.columns", "c", "columns", "show the columns that gave way", "lists"),
    _look("read.follow", "t", "follow", "follow the end", "messages"),
    _look("read.hold", "f", "hold", "hold still, go on; a run: pause", "live"),
    _look("read.again", "r", "again", "read again; a queue asks its price", "all"),
    _look("view.detail", "d", "detail", "detail beside or instead of the list; what the broker says", "panes"),
    _look("view.full", "z", "full pane", "this pane alone", "panes"),
    _look("view.wrap", "w", "wrap", "wrap long lines", "panes"),
    _look("view.decode", "i", "decode as", "show the value another way", "panes"),
    _look("view.time", "u", "time", "ages, local time, UTC", "panes"),
    _look("thing.pair", "p", "its pair", "letter and original, dead letters and origin, group and topic", "all"),
    _look("thing.explain", "e", "explain", "where this figure, state or finding comes from", "all"),
    _look("thing.copy", "y", "copy", "yy value, yk key, yh headers, yp position, yr reference, yc command", "all"),
    _look(
        "thing.export",
        "x",
        "export",
        "rows as JSON lines into a file; messages as CSV, Parquet too",
        "lists",
    ),
    _look("thing.pin", "b", "pin", "keep this row at the top", "lists"),
    _look("app.palette", "ctrl+p", "palette", "every action of this place", "all"),
    _look("app.help", "question_mark f1", "keys", "the keys of this place", "all"),
    _look("app.menu", "m", "menu", "verbs for this row", "lists"),
    _look("app.quit", "q ctrl+q", "quit", "quit; with a run active it asks", "all"),
    _look("app.suspend", "ctrl+z", "to the shell", "back with fg", "all"),
    _change("message.publish", "P", "publish", "send a message", "destinations, messages", Danger.PLAN, Verb.PUBLISH),
    _change("letters.redrive", "R", "redrive", "send letters home", "letters, pending", Danger.PLAN, Verb.REDRIVE),
    _change(
        "letters.all_at_once",
        "F",
        "all at once",
        "no first letter that is waited for; again: one first",
        "plans",
        Danger.TYPE,
        Verb.REDRIVE,
    ),
    _change(
        "pending.claim", "C", "claim", "claim pending entries for another consumer", "pending", Danger.PLAN, Verb.CLAIM
    ),
    _change("pending.ack", "A", "acknowledge", "acknowledge pending entries", "pending", Danger.TYPE, Verb.ACK),
    _change(
        "thing.edit",
        "E",
        "edit",
        "edit a profile, the terms of a plan, a setting",
        "profiles, plans, describe",
        Danger.PLAN,
    ),
    _change("message.move", "M", "move", "move or copy across brokers", "messages", Danger.PLAN, later=LATER),
    _change(
        "offsets.reset", "O", "offsets", "set where a group reads on, skip, delete", "groups", Danger.PLAN, Verb.OFFSETS
    ),
    _change(
        "thing.delete",
        "D",
        "delete",
        "remove; letters: discard, kept in a bundle",
        "letters, destinations, profiles",
        Danger.TYPE,
    ),
    _change("thing.purge", "X", "purge", "purge, trim, delete records", "destinations", Danger.TYPE, Verb.PURGE),
    _change(
        "thing.create", "plus", "new", "a new profile, topic, queue, stream", "profiles, destinations", Danger.PLAN
    ),
    _change("run.stop", "S", "stop", "stop the rest of a run; the batch in flight is finished", "runs", Danger.PLAN),
    _change("run.resume", "T", "resume", "plan the rest of an interrupted run", "runs", Danger.PLAN),
    _change(
        "run.restore",
        "U",
        "put back",
        "put the letters or offsets of a run back",
        "runs, audit",
        Danger.PLAN,
        Verb.PUT_BACK,
    ),
    _change("guard.unlock", "L", "unlock", "writes on for 15 minutes", "all", Danger.TYPE, later=LATER),
    _look("form.review", "ctrl+r", "review", "review, or save", "forms"),
    _look("form.editor", "ctrl+g", "editor", "$EDITOR, with the terminal lent to it", "forms, letters"),
    _look(
        "form.recall",
        "ctrl+o",
        "sent before",
        "fill the form with a message that was sent, the newest first",
        "publish form",
    ),
    _look("form.test", "ctrl+t", "test", "test the connection", "profile form"),
)

BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}

KEY_NAMES = {
    "escape": "esc",
    "question_mark": "?",
    "slash": "/",
    "colon": ":",
    "full_stop": ".",
    "comma": ",",
    "minus": "-",
    "plus": "+",
    "pagedown": "pgdn",
    "pageup": "pgup",
}


def shown_key(key: str) -> str:
    """A key's name as hints and help show it."""
    return KEY_NAMES.get(key, key)


def find_clashes(keys: Mapping[str, Iterable[str]]) -> list[tuple[str, str, str]]:
    """Keys that two actions share: (key, id, other id). `keys` maps action ids to keys."""
    owner: dict[str, str] = {}
    found: list[tuple[str, str, str]] = []
    for name, wanted in keys.items():
        for key in wanted:
            if key in owner and owner[key] != name:
                found.append((key, owner[key], name))
            owner.setdefault(key, name)
    return found
