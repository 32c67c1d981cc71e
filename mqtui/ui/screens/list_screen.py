"""A place that is mainly one live list: filter, order, marks, the sentence, the six states."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic, time
from typing import Any, Generic, TypeVar

from textual import on

from mqtui.domain.errors import BadInput, MqtuiError
from mqtui.domain.resource import Ref
from mqtui.domain.spelling import join
from mqtui.ui.render.figures import age
from mqtui.ui.render.table_model import Cell, plain
from mqtui.ui.screens.console_screen import ConsoleScreen, does
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable

Item = TypeVar("Item")
LATE = 2.0
"""Seconds after which a broker that is not there yet is named over the rows of the others."""


class ListScreen(ConsoleScreen, Generic[Item]):
    """Subclasses make `table`, and give `items` and `sentence`."""

    table: RowTable[Item]
    empty: str = "nothing here"
    """What is said where there is nothing, with what was looked at."""

    filtered = ""
    """The filter that is kept."""

    _in_state = False
    """Whether the line says the list's state instead of a row's sentence."""

    def items(self) -> list[Item]:
        """What the list shows, from what is known now."""
        return []

    def sentence(self, item: Item) -> str:
        """What matters about a row."""
        return ""

    def facts(self) -> str:
        """What stands on the right of the rule."""
        shown, there = self.table.lines.count, len(self.table.lines.items)
        if not there and self.unread:
            return ""
        parts = [f"order {self.table.lines.order.column or 'trouble'}"]
        parts.append(f"{shown:,} of {there:,}" if self.filtered else f"{there:,}")
        if self.table.lines.marks:
            hidden = self.table.lines.marks - self.table.lines.places.keys()
            marked = f"{len(self.table.lines.marks):,} marked"
            parts.append(f"{marked}, {len(hidden):,} not shown" if hidden else marked)
        parts += [f"reading {desk.kind} …" for desk in self.console.desks if there and not_read(desk)]
        parts += [
            f"ø {missing.partition(':')[0]}"
            for desk in self.console.desks
            if desk.seen
            for missing in desk.seen.partial[:1]
        ]
        return " · ".join(dict.fromkeys(parts))

    def refresh_figures(self) -> None:
        """Show what is known now; without a link the last known figures, dim."""
        if not self.stands:
            return
        self.table.show(self.items())
        self.draw_around()

    def draw_around(self) -> None:
        """What follows the rows: which of them are stale, the rule over them, the list's state."""
        lost = [desk for desk in self.console.desks if desk.seen is not None and desk.seen.trouble is not None]
        self.table.stale = bool(lost)
        self.table.stale_row = lambda item: self.is_stale(item, lost)
        self.draw_facts()
        self._draw_state(lost)

    def _draw_state(self, lost: Sequence[BrokerSession]) -> None:
        """What is the matter with the list: in its own place where it has no rows, else in the line."""
        state = self.state(lost)
        self.table.instead = () if self.table.lines.count else [(line,) for line in state]
        if state and self.table.lines.count:
            self.line.tell_behind(*state[0])
        elif state and not self._in_state:
            self.line.tell_behind("")
        elif self._in_state and self.table.current is not None:
            self.line.tell_behind(self.sentence(self.table.current))
        self._in_state = bool(state)

    def is_stale(self, item: Item, lost: Sequence[BrokerSession]) -> bool:
        """Whether a row is of one of the brokers that are lost."""
        return True

    def state(self, lost: Sequence[BrokerSession]) -> tuple[Cell, ...]:
        """What is said instead of rows, or of a row's sentence: lines with their tones; none where all is well."""
        seen = lost[0].seen if lost else None
        if seen is not None and seen.trouble is not None:
            again = max(0, int(seen.retry_at - time()))
            if not seen.as_of:
                return (*troubled(seen.trouble), (f"tried again in {again}s", "muted"))
            gone = age(time() - seen.lost_at)
            where = str(lost[0].kind) if self.console.target else f"{lost[0].target} {lost[0].kind}"
            return ((f"{where}: lost {gone} ago · retry {seen.retry} in {again}s · {seen.trouble.title}", "warn"),)
        if not self.table.lines.items:
            starting = " · ".join(f"{kind} {stage}" for kind, stage in self.console.starting.items())
            troubles = [desk.trouble for desk in self.console.desks if desk.trouble is not None]
            if troubles and not self.unread:
                return troubled(troubles[0])
            return self._awaited() or ((starting or ("reading …" if self.unread else self.empty), "muted"),)
        if not self.table.lines.count:
            hidden = len(self.table.lines.items)
            return ((f"nothing matches {self.filtered}: {hidden:,} hidden; esc clears it", "muted"),)
        return self._awaited()

    def _awaited(self) -> tuple[Cell, ...]:
        """The brokers that the list still waits for; none before it takes long."""
        late = [(desk, monotonic() - desk.since) for desk in self.console.desks if not_read(desk)]
        named = [
            f"{desk.kind if self.console.target else f'{desk.target} {desk.kind}'} is still opening, {waited:.0f} s"
            for desk, waited in late
            if waited >= LATE
        ]
        return ((" · ".join(named), "warn"),) if named else ()

    @property
    def unread(self) -> bool:
        """Whether a broker was not read yet."""
        return any(map(not_read, self.console.desks))

    def draw_facts(self) -> None:
        """The rule over the list."""
        pane = next((each for each in self.query(Pane) if each.inner is self.table), None)
        if pane is not None:
            pane.title(pane.head.name_shown, self.facts())

    @on(RowTable.Highlighted)
    def _highlighted(self, event: RowTable.Highlighted) -> None:
        if event.table is self.table:
            item: Any = event.item
            tell = self.line.tell if event.moved else self.line.tell_behind
            if item is not None:
                tell(self.sentence(item))
            self.draw_hints()

    @on(RowTable.MarksChanged)
    def _marks_changed(self, event: RowTable.MarksChanged) -> None:
        self.draw_facts()
        self.draw_hints()

    @does("read.again")
    def look_again(self) -> None:
        """Look at every open broker now, and try again those that could not be opened."""
        for desk in self.console.desks:
            self.console.bench.reopen(desk)
            if desk.watch is not None:
                desk.watch.soon()
        self.refresh_figures()

    def ask_members(self) -> None:
        """Have members of groups asked for now, where the last look left them out."""
        for desk in self.console.desks:
            if desk.watch is not None and any(group.size is not None for group in desk.watch.seen.groups):
                desk.watch.soon()

    @property
    def at_hand(self) -> RowTable[Any]:
        """The list with the focus."""
        return self.focused_table or self.table

    @property
    def exported_as(self) -> str:
        """What its rows are rows of, for the file of an export."""
        return self.crumbs()[-1].lower().replace(" ", "-")

    def copies(self, item: Item) -> dict[str, tuple[str, str]]:
        """What `y` copies of a row by its second key: what it is, and the text."""
        return {}

    @does("thing.copy")
    def copy(self) -> None:
        """Ask which part of the row to copy."""
        from mqtui.ui.screens.copy import copied

        table = self.at_hand
        item = table.current
        if item is None:
            self.line.why_not("there is nothing to copy")
            return
        row = {"y": ("row", "  ".join(filter(None, plain(table.renderer, item).values())))}
        parts = row | self.copies(item) if table is self.table else row
        self.run_worker(copied(self, parts), exclusive=True, group="line", exit_on_error=False)

    def explained(self, item: Item) -> str:
        """Where the row's figures come from; "" where they are what they say."""
        return ""

    @does("thing.explain")
    def explain(self) -> None:
        """Say where the figures of the row come from."""
        item = self.table.current
        said = "" if item is None else self.explained(item)
        self.line.tell(said or "there is no figure here to explain", "text")

    @does("thing.export")
    def export(self) -> None:
        """Write the marked rows, else all shown, into a file as they are shown."""
        from mqtui.ui.screens.export import exported, row_json

        table = self.at_hand
        rows = table.chosen() if table.lines.marks else table.lines.rows
        exporting = exported(self, self.exported_as, "row", rows, row_json(table.renderer))
        self.run_worker(exporting, exclusive=True, group="line", exit_on_error=False)

    @does("list.columns")
    def columns(self) -> None:
        """The columns that gave way instead of those that are shown; after the last the first again."""
        table = self.at_hand
        if not (table.sideways.missing or table.sideways.aside):
            self.line.why_not("all columns are shown", "text")
            return
        table.sideways.turn()
        shown = ", ".join(column.title.lower() for _, column, _ in table.fitted)
        self.line.why_not(f"columns: {shown}", "text")

    @does("thing.pin")
    def pin(self) -> None:
        """Keep the row on top, or let it go."""
        table = self.at_hand
        if table.current is not None:
            self.line.why_not("pinned: it stays on top" if table.pin() else "no longer pinned", "text")

    @does("list.filter")
    async def filter(self) -> None:
        """Ask for a filter; the list follows at every key."""
        before = self.filtered
        self.run_worker(self._ask_filter(before), exclusive=True, group="line", exit_on_error=False)

    async def _ask_filter(self, before: str) -> None:
        entered = await self.line.ask(
            "/", value=before, changed=self._filter_by, beside="enter keeps it, esc clears it"
        )
        self._filter_by(entered or "")

    def _filter_by(self, text: str) -> None:
        from mqtui.ui.navigation.filters import compiled

        try:
            wanted = compiled(text, self.table.renderer)
        except BadInput as error:
            self.line.why_not(error.title)
            return
        self.filtered = text.strip()
        self.table.only(wanted)
        self.draw_facts()
        if not self.table.lines.count:
            self.refresh_figures()

    @does("list.order")
    def order(self) -> None:
        """Order by the next column."""
        column = self.table.next_order()
        self.line.why_not(f"order: {column.title.lower() if column else 'trouble first'}", "text")
        self.draw_facts()

    @does("list.next")
    def next_trouble(self) -> None:
        """The next row that is wrong."""
        if not self.table.next_trouble(1) and not (self.table.lines.count and self._first_trouble()):
            self.line.why_not("nothing is wrong in this list", "ok")

    @does("list.previous")
    def previous_trouble(self) -> None:
        """The one before."""
        if not self.table.next_trouble(-1):
            self.line.why_not("nothing is wrong before this row", "ok")

    def _first_trouble(self) -> bool:
        first = self.table.lines.at(self.table.lines.nearest(0, 1))
        if first is None or not self.table.renderer.trouble(first):
            return False
        self.table.move_to(0)
        return True

    @does("nav.back")
    async def back(self) -> None:
        """A filter goes first, then the place."""
        if self.line.leave() or self.console.leave_coach():
            return
        if self.filtered:
            self._filter_by("")
            return
        await self.console.back()


def not_read(desk: BrokerSession) -> bool:
    """Whether a broker was not read yet, and may be read soon."""
    return desk.opening or (desk.seen is not None and not desk.seen.as_of)


def troubled(error: MqtuiError) -> tuple[Cell, ...]:
    """An error as lines: what happened, what was said, what to do."""
    said = ((f"✗ {error.title}", "danger"), (error.detail, ""), (error.hint, "accent"))
    return tuple((text, tone) for text, tone in said if text)


def named(ref: Ref, address: str, *words: str) -> dict[str, tuple[str, str]]:
    """What `y` copies of a thing with a name: that, the way to it, and the command that shows it."""
    from mqtui.ui.navigation.goto import reference

    return {
        "p": ("name", ref.name),
        "r": ("reference", reference(address, ref)),
        "c": ("command", join(words)),
    }
