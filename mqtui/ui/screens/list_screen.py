"""The base of screens that are one list: filter, order, marks, copy, export, and the list's status."""

from __future__ import annotations

from collections.abc import Sequence
from time import time
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from textual import on

from mqtui.domain.name_quoting import join
from mqtui.domain.resource import Ref
from mqtui.ui.actions import BY_ID, Action
from mqtui.ui.render.broker_status import (
    broker_error_lines,
    error_lines,
    error_of,
    is_not_read,
    name_of,
    slow_openings,
)
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.render.table_model import Cell, row_as_text
from mqtui.ui.screens.console_screen import ConsoleScreen, handles
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable

if TYPE_CHECKING:
    from mqtui.ui.screens.copy import CopyChoices

Item = TypeVar("Item")

FILTER_HINT = "enter keeps it, esc clears it"


class ListScreen(ConsoleScreen, Generic[Item]):
    """Subclasses make `table` in `body`, and give `items` and `describe_row`."""

    table: RowTable[Item]
    empty_text: str = "nothing here"
    """Shown where there are no rows at all."""

    own_order = "order trouble"
    """The order of the rows where none was chosen, in a few words."""

    uncounted_rows = 0
    """Rows that are no item of the list; a filter never matches them."""

    filter_text = ""
    """The filter's text; "" for none."""

    _told: Cell = ("", "")
    """What was said last of the row under the cursor: other figures of it are said in its place."""

    _in_state = False
    """Whether the prompt line shows the list's status instead of a row's description."""

    def on_mount(self) -> None:
        self.table.row_changed = self.show_row

    def items(self) -> list[Item]:
        """The rows, from what is known now."""
        return []

    def describe_row(self, item: Item) -> str:
        """What matters about a row, in one sentence for the prompt line."""
        return ""

    def row_status(self, item: Item) -> Cell:
        """The prompt line's text and tone for the row under the cursor; of one that vanished first that."""
        if self.table.is_gone:
            return f"this row {self.table.why_gone}. As seen last: {self.describe_row(item)}", "warn"
        return self.describe_row(item), ""

    def facts(self) -> str:
        """Order, counts and missing parts, shown on the right of the pane's title."""
        shown, there = self.table.model.count, max(0, len(self.table.model.items) - self.uncounted_rows)
        if not there and (self.is_unread or any(map(error_of, self.shown_brokers))):
            return ""
        parts = [self.order_fact]
        parts.append(f"{shown:,} of {there:,}" if self.filter_text else f"{there:,}")
        if self.table.model.marks:
            hidden = self.table.model.marks - self.table.model.positions.keys()
            marked = f"{len(self.table.model.marks):,} marked"
            parts.append(f"{marked}, {len(hidden):,} not shown" if hidden else marked)
        parts += [
            f"reading {broker_session.kind} …"
            for broker_session in self.shown_brokers
            if there and is_not_read(broker_session) and error_of(broker_session) is None
        ]
        parts += [
            f"ø {missing.partition(':')[0]}"
            for broker_session in self.console.broker_sessions
            if broker_session.snapshot
            for missing in broker_session.snapshot.partial[:1]
        ]
        return " · ".join(dict.fromkeys(parts))

    def refresh_figures(self) -> None:
        """Show what is known now; after a lost connection the last known figures, dimmed."""
        if not self.is_ready:
            return
        self.table.show(self.items())
        self.draw_status()

    @property
    def shown_brokers(self) -> Sequence[BrokerSession]:
        """The brokers whose rows it shows."""
        return self.console.broker_sessions

    def draw_status(self) -> None:
        """Draw what depends on the rows: stale ones, brokers with an error, the pane's title, the list's status."""
        lost = [each for each in self.shown_brokers if each.snapshot is not None and each.snapshot.error is not None]
        self.table.stale = bool(lost)
        self.table.stale_row = lambda item: self.is_stale(item, lost)
        self.table.show_notices(self.broker_errors())
        self.draw_facts()
        self._draw_state(lost)

    def broker_errors(self) -> list[StyledLine]:
        """A row for each broker that can't be used. The only one of an empty list is told of in its middle instead."""
        brokers = self.shown_brokers
        if len(brokers) == 1 and not self.table.model.items:
            return []
        with_target = not self.console.target
        return [line for each in brokers for line in broker_error_lines(each, name_of(each, with_target=with_target))]

    def _draw_state(self, lost: Sequence[BrokerSession]) -> None:
        """Show the list's status: in its middle where it has no rows, else in the prompt line."""
        state, item = self.status_lines(lost), self.table.current
        self.table.placeholder = () if self.table.model.count else [(line,) for line in state]
        if state and self.table.model.count:
            self.prompt_line.set_status_quietly(*state[0])
        elif item is not None and (self._in_state or self.table.is_gone or self.prompt_line.status == self._told):
            self.tell_row(item)
        elif state and not self._in_state:
            self.prompt_line.set_status_quietly("")
        self._in_state = bool(state)

    def is_stale(self, item: Item, lost: Sequence[BrokerSession]) -> bool:
        """Whether a row is of one of the brokers whose connection is lost."""
        return True

    def status_lines(self, lost: Sequence[BrokerSession]) -> tuple[Cell, ...]:
        """The list's status as lines with tones: loading, empty, filtered, failed; none where all is well."""
        slow = slow_openings(self.shown_brokers, with_target=not self.console.target)
        if self.table.model.count:
            return slow
        if self.table.model.items:
            hidden = len(self.table.model.items)
            return ((f"nothing matches {self.filter_text}: {hidden:,} hidden; esc clears it", "muted"),)
        failed = [each for each in self.shown_brokers if error_of(each) is not None]
        if failed and len(self.shown_brokers) == 1:
            return self._only_broker_failed(failed[0])
        starting = " · ".join(f"{kind} {stage}" for kind, stage in self.console.broker_startup.items())
        if slow or starting or self.is_unread:
            return slow or ((starting or "reading …", "muted"),)
        return (("what is there is not known" if failed else self.empty_text, "muted"),)

    def _only_broker_failed(self, broker_session: BrokerSession) -> tuple[Cell, ...]:
        error, snapshot = error_of(broker_session), broker_session.snapshot
        assert error is not None
        if snapshot is None or broker_session.error is not None:
            return error_lines(error)
        return (*error_lines(error), (f"tried again in {max(0, int(snapshot.retry_at - time()))}s", "muted"))

    @property
    def is_unread(self) -> bool:
        """Whether a broker is still to be read for the first time."""
        return any(is_not_read(each) and error_of(each) is None for each in self.shown_brokers)

    def draw_facts(self) -> None:
        """Draw the pane's title."""
        pane = next((each for each in self.table.ancestors if isinstance(each, Pane)), None)
        if pane is not None:
            pane.title(pane.head.name_shown, self.facts(), self.order_fact)

    def show_row(self, event: RowTable.Highlighted) -> None:
        """Show what is said of the row under the cursor; an answer to a key stays until the cursor is moved."""
        if not self.is_ready:
            return
        item = self.table.current
        if item is not None and event.moved:
            self._told = self.row_status(item)
            self.prompt_line.set_status(*self._told)
        elif item is not None:
            self.tell_row(item)
        self.draw_hints()

    def tell_row(self, item: Item) -> None:
        """Say what matters about the row under the cursor; an answer to a key stays for its time."""
        self._told = self.row_status(item)
        self.prompt_line.set_status_quietly(*self._told)

    opens_gone = False
    """Whether a row that vanished can be opened: what it shows is in memory."""

    def disabled_reason(self, action: Action) -> str | None:
        """What acts on a row needs one that is there; rows in the broker's order are neither ordered nor pinned."""
        table = self.focused if isinstance(self.focused, RowTable) else self.table
        if action.id in ("list.order", "thing.pin") and not table.can_order:
            return "messages stand in the order they lie in"
        if action.id in ("thing.pin", "thing.explain") and table.current is None:
            return f"{action.title}: there is no row"
        opens = action.id == "nav.open" and not self.opens_gone
        acts = opens or action.id == "thing.pin" or (action.changes and action.acts_on_row)
        if table.is_gone and acts and (not table.model.marks or action.id == "thing.pin"):
            return f"{action.title}: the row {table.why_gone}"
        return super().disabled_reason(action)

    @on(RowTable.MarksChanged)
    def _marks_changed(self, event: RowTable.MarksChanged) -> None:
        self.draw_facts()
        self.draw_hints()

    @handles("read.again")
    def refresh_all(self) -> None:
        """Poll every open broker now, and try again to open those that failed."""
        for broker_session in self.console.broker_sessions:
            self.console.sessions.reopen(broker_session)
            if broker_session.poller is not None:
                broker_session.poller.poll_now()
        self.refresh_figures()

    def ask_members(self) -> None:
        """Poll again where the last poll left out the members of groups."""
        for broker_session in self.console.broker_sessions:
            if broker_session.poller is not None and any(
                group.size is not None for group in broker_session.poller.snapshot.groups
            ):
                broker_session.poller.poll_now()

    def takes_key(self, action_id: str, typed_at: float | None) -> bool:
        """A key is for the row that stood under the cursor when it was typed, not for one that came there since."""
        if not super().takes_key(action_id, typed_at):
            return False
        table = self.focused_table
        if typed_at is None or not self.is_ready or table is None or not BY_ID[action_id].acts_on_row:
            return True
        if table.is_row_seen(typed_at):
            return True
        self.prompt_line.flash(f"the row is another one now: press {self.console.keymap.shown(action_id)} again")
        self.ignore_keys_until_painted()  # they were typed for what did not open
        return False

    @property
    def active_table(self) -> RowTable[Any]:
        """The list with the focus, else the main one."""
        return self.focused_table or self.table

    @property
    def export_name(self) -> str:
        """A name for the file of an export."""
        return self.crumbs()[-1].lower().replace(" ", "-")

    def copy_choices(self, item: Item) -> CopyChoices:
        """What `y` and a second key copy of a row: name and text, by that key."""
        return {}

    @handles("thing.copy")
    def copy(self) -> None:
        """Ask which part of the row to copy."""
        from mqtui.ui.screens.copy import copy_choice

        table = self.active_table
        item = table.current
        if item is None:
            self.prompt_line.flash("there is nothing to copy")
            return
        parts: CopyChoices = {"y": ("row", "  ".join(filter(None, row_as_text(table.renderer, item).values())))}
        if table is self.table:
            parts = {**parts, **self.copy_choices(item)}
        self.run_worker(copy_choice(self, parts), exclusive=True, group="line", exit_on_error=False)

    def explain_figures(self, item: Item) -> str:
        """How the row's figures were determined; "" where there is nothing to explain."""
        return ""

    @handles("thing.explain")
    async def explain(self) -> None:
        """Say where the figures of the row come from, column by column."""
        table = self.active_table
        item = self.table.current if table is self.table else None
        await self.console.go.figures(table, "" if item is None else self.explain_figures(item))

    @handles("thing.export")
    def export(self) -> None:
        """Export the marked rows, else all that are shown."""
        from mqtui.ui.screens.export import export_rows, row_json

        table = self.active_table
        rows = table.chosen() if table.model.marks else table.model.rows
        exporting = export_rows(self, self.export_name, "row", rows, row_json(table.renderer))
        self.run_worker(exporting, exclusive=True, group="line", exit_on_error=False)

    @handles("list.columns")
    def columns(self) -> None:
        """Show the columns that had no room instead of the others; after the last, the first again."""
        table = self.active_table
        if not (table.column_window.missing or table.column_window.aside):
            self.prompt_line.flash("all columns are shown", "text")
            return
        table.column_window.turn()
        shown = ", ".join(column.title.lower() for _, column, _ in table.fitted)
        self.prompt_line.flash(f"columns: {shown}", "text")

    @handles("thing.pin")
    def pin(self) -> None:
        """Pin the row to the top of the list, or unpin it."""
        pinned = self.active_table.pin()
        self.prompt_line.flash("pinned: it stays on top" if pinned else "no longer pinned", "text")

    @handles("list.filter")
    async def filter(self) -> None:
        """Ask for a filter, which is applied at every key."""
        before = self.filter_text
        self.run_worker(self._ask_filter(before), exclusive=True, group="line", exit_on_error=False)

    async def _ask_filter(self, before: str) -> None:
        entered = await self.prompt_line.ask(
            "/", value=before, changed=self._filter_by, beside=FILTER_HINT, accepts=self._filter_by
        )
        if entered is None:
            self._filter_by("")

    def _filter_by(self, text: str) -> bool:
        """Apply a filter; False where it has a mistake, which is said beside it and hides nothing."""
        from mqtui.ui.navigation.filters import compile_filter, unknown_columns

        found = compile_filter(text, self.table.renderer)
        hint = found.mistake or unknown_columns(text, self.table.renderer) or FILTER_HINT
        self.prompt_line.set_hint(hint, "warn" if found.mistake else "")
        if found.text != self.filter_text:
            self.filter_text = found.text
            self.table.only(found.test)
        return not found.mistake

    @property
    def order_fact(self) -> str:
        """The order of the rows in a few words."""
        column = self.table.model.order_column
        return self.own_order if column is None else f"order {column.title.lower()} {self.table.model.order.arrow}"

    @handles("list.order")
    async def order(self) -> None:
        """Offer the columns to order by."""
        table = self.active_table
        await self.console.go.order(table, self.own_order if table is self.table else "as it comes")

    @on(RowTable.Arranged)
    def _arranged(self) -> None:
        self.draw_facts()
        if self.filter_text and not self.table.model.count:
            self.refresh_figures()

    @handles("list.next")
    def next_trouble(self) -> None:
        """Go to the next row with a problem."""
        if not self.table.next_trouble(1) and not (self.table.model.count and self._first_trouble()):
            self.prompt_line.flash("nothing is wrong in this list", "ok")

    @handles("list.previous")
    def previous_trouble(self) -> None:
        """Go to the previous row with a problem."""
        if not self.table.next_trouble(-1):
            self.prompt_line.flash("nothing is wrong before this row", "ok")

    def _first_trouble(self) -> bool:
        first = self.table.model.at(self.table.model.nearest(0, 1))
        if first is None or not self.table.renderer.severity(first):
            return False
        self.table.move_to(0)
        return True

    @handles("nav.back")
    async def back(self) -> None:
        """Close the prompt, then what stands in the list's place, then the filter, then the screen."""
        if self.prompt_line.cancel() or self.console.dismiss_tour():
            return
        if self.narrow and self.has_class("-detail"):
            self.detail()
            return
        if self.filter_text:
            self._filter_by("")
            return
        await self.console.back()


def resource_copy_choices(ref: Ref, address: str, *words: str) -> dict[str, tuple[str, str]]:
    """`copy_choices` of a resource: its name, its reference, and the command that shows it."""
    from mqtui.ui.navigation.goto import reference

    return {
        "p": ("name", ref.name),
        "r": ("reference", reference(address, ref)),
        "c": ("command", join(words)),
    }
