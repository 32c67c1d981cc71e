"""View 2: consumer groups with their lag, and the partitions of one beside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from time import time

from textual import on
from textual.containers import Horizontal
from textual.events import DescendantFocus
from textual.widget import Widget

from mqtui.brokers.registry import traits_of
from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import pluralize
from mqtui.domain.name_quoting import command
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.services.offsets.request import parse_offsets_request
from mqtui.services.unread_age import NOTHING_READ, FirstUnreads, read_first_unread, retention_words
from mqtui.ui.actions import Action
from mqtui.ui.render import figure_help
from mqtui.ui.render.destinations.group_partitions import PartitionRenderer, describe_partition, part_lines
from mqtui.ui.render.destinations.groups import (
    GroupRenderer,
    GroupRow,
    describe_group,
    group_slices,
)
from mqtui.ui.render.table_model import Cell
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.list_screen import resource_copy_choices
from mqtui.ui.screens.live_list_screen import LiveListScreen
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable

OFFSETS_HINT = "oldest newest 118203 -15m shift:-10 group:NAME · skip:1 or skip:1 to DLQ · delete"


class GroupsScreen(LiveListScreen[GroupRow]):
    """Groups as rows; enter goes to the partitions and there to what is read next, on Redis to the pending entries."""

    screen_name = "Groups"

    hint_actions = ("nav.open", "list.filter", "list.next", "thing.pair", "list.order", "offsets.reset")
    empty_text = "no consumer groups"
    shows_members = True
    _parts_of: Ref | None = None
    """The group whose partitions are shown."""

    def body(self) -> Iterable[Widget]:
        """Groups, and the partitions of the one under the cursor."""
        self.first_unread: dict[tuple[BrokerKind, Ref], FirstUnreads] = {}
        """The first unread messages of the group that was opened last, as they were read then."""

        self.renderer = GroupRenderer(self.console.glyphs.bars)
        self.table: RowTable[GroupRow] = RowTable(self.renderer, id="groups")
        self.parts = RowTable(PartitionRenderer(), id="parts", with_divider=False)
        self.side_pane = Pane(self.parts, name="Partitions", id="beside")
        self.side_pane.add_class("beside")
        yield Horizontal(Pane(self.table, name="Groups"), self.side_pane)

    def on_mount(self) -> None:
        self.parts.row_changed = lambda event: self._tell_of_focus()
        self.table.focus()
        self.ask_members()

    def crumbs(self) -> tuple[str, ...]:
        return ("Groups",)

    def slices(self) -> Iterator[Sequence[GroupRow]]:
        for broker_session in self.console.broker_sessions:
            if broker_session.snapshot:
                yield from group_slices(broker_session.kind, broker_session.snapshot)

    def refresh_figures(self) -> None:
        """Show the figures, with the broker of each row where there are several."""
        self.renderer.fit([each.kind for each in self.console.broker_sessions])
        super().refresh_figures()

    def status_lines(self, lost: Sequence[BrokerSession]) -> tuple[Cell, ...]:
        """The usual status, and where the user may not see groups."""
        hidden = [
            missing
            for broker_session in self.console.broker_sessions
            if broker_session.snapshot
            for missing in broker_session.snapshot.partial
        ]
        if hidden and not lost and not self.table.model.items:
            return (f"ø {hidden[0]}", "muted"), ("which groups there are is not known", "muted")
        return super().status_lines(lost)

    def describe_row(self, item: GroupRow) -> str:
        return describe_group(item)

    def explain_figures(self, item: GroupRow) -> str:
        """How it goes by the polls, the rule of that word, and where its lag comes from."""
        snapshot = self.console.sessions.broker_sessions[self.console.target, item.broker].snapshot
        return "" if snapshot is None else figure_help.explain_group(item, snapshot, time())

    def copy_choices(self, item: GroupRow) -> dict[str, tuple[str, str]]:
        """Its name, its reference, and the command that shows its lag."""
        ref, address = item.group.ref, self.console.sessions.broker_sessions[self.console.target, item.broker].address
        return resource_copy_choices(ref, address, *command("lag", address, ref))

    def is_stale(self, item: GroupRow, lost: Sequence[BrokerSession]) -> bool:
        return any(broker_session.kind is item.broker for broker_session in lost)

    def draw_status(self) -> None:
        """Draw the partitions after the groups."""
        super().draw_status()
        self.draw_parts()

    def show_row(self, event: RowTable.Highlighted) -> None:
        """The partitions are of the group that the cursor and the prompt line are on."""
        super().show_row(event)
        if self.is_ready:
            self.draw_parts()

    def row_status(self, item: GroupRow) -> Cell:
        """What matters about the row with the focus: the group, or one of its partitions."""
        part = self.parts.current if self.parts.has_focus else None
        return super().row_status(item) if part is None else (describe_partition(part), "")

    @on(DescendantFocus)
    def _tell_of_focus(self) -> None:
        """Say what matters about the row with the focus."""
        item = self.table.current
        if self.is_ready and item is not None:
            self.tell_row(item)

    def draw_parts(self) -> None:
        """Draw the partitions of the group under the cursor."""
        item = self.table.current
        if item is None:
            self.parts.replace([])
            return
        snapshot = self.console.sessions.broker_sessions[self.console.target, item.broker].snapshot
        firsts = self.first_unread.get((item.broker, item.group.ref), NOTHING_READ)
        rows = [] if snapshot is None else part_lines(item, snapshot.lag_history, firsts, time())
        (self.parts.show if item.group.ref == self._parts_of else self.parts.replace)(rows)
        self._parts_of = item.group.ref
        reads = ", ".join(ref.name for ref in item.group.reads)
        name, gone = item.group.ref.name.rpartition("/")[2], " · gone" if self.table.is_gone else ""
        soon = retention_words(firsts, item.movement.eta, time())
        facts = (soon, pluralize(item.group.member_count, "member"), item.group.type)
        self.side_pane.title(f"{name} on {reads}{gone}", " · ".join(filter(None, facts)))

    @handles("thing.pair")
    async def pair(self) -> None:
        """Show the messages that the group reads."""
        item = self.table.current
        if item is None or not item.group.reads:
            self.prompt_line.flash("it reads nothing")
            return
        await self.console.go.destination(item.broker, item.group.reads[0], letters=False)

    def disabled_reason(self, action: Action) -> str | None:
        """O needs a group whose broker keeps offsets, and may be written to."""
        reason = super().disabled_reason(action)
        if reason is None and action.id == "offsets.reset":
            item = self.table.current
            if item is None:
                return "there is no group here"
            if traits_of(item.broker).lends:
                return "a queue has no offsets: what was acknowledged is gone from it"
            return self.console.go.why_no_write(self.console.target, item.broker, action)
        return reason

    @handles("offsets.reset")
    def set_offsets(self) -> None:
        """Ask where the group is to stand, and plan it."""
        self.run_worker(self._set_offsets(), exclusive=True, group="line", exit_on_error=False)

    async def _set_offsets(self) -> None:
        item = self.table.current
        broker_session = None if item is None else self.console.go.broker_session(self.console.target, item.broker)
        if item is None or broker_session is None:
            return
        part = self.parts.current.part if self.focused is self.parts and self.parts.current is not None else None
        reads = item.group.reads if part is None else (part.resource,)
        if len(reads) != 1:
            self.prompt_line.flash("it reads several: tab goes to its partitions, O is for one of them then")
            return
        where = reads[0].name if part is None else f"{reads[0].name}, partition {part.partition}"
        typed = await self.prompt_line.ask(f"{item.group.ref.name} on {where}: read on from", beside=OFFSETS_HINT)
        if not typed or not typed.strip():
            self.prompt_line.set_status("nothing happened", "text")
            return
        try:
            request = parse_offsets_request(
                typed, item.group.ref, reads[0], None if part is None else part.partition, datetime.now().astimezone()
            )
        except MqtuiError as error:
            self.show_error(error)
            return
        self.console.call_later(self.console.go.offsets, broker_session, request)

    @on(RowTable.Opened, "#groups")
    async def _opened(self, event: RowTable.Opened) -> None:
        line: GroupRow = event.item
        if traits_of(line.broker).groups.have_pending:
            await self.console.go.pending(line)
            return
        self.go_beside(self.parts)
        self.run_worker(self._read_first_unread(line), exclusive=True, group="ages", exit_on_error=False)

    async def _read_first_unread(self, line: GroupRow) -> None:
        """Read the first unread messages of the group that was opened: how old they are, when they are deleted."""
        broker_session = self.console.go.broker_session(self.console.target, line.broker)
        if broker_session is None or broker_session.session is None or line.lag is None:
            return
        with suppress(MqtuiError):  # the ages by the polls stay
            found = await read_first_unread(broker_session.session, line.lag)
            self.first_unread = {(line.broker, line.group.ref): found}
        if self.is_ready:
            self.draw_parts()

    @on(RowTable.Opened, "#parts")
    async def _opened_part(self, event: RowTable.Opened) -> None:
        """Show what the group reads next, with its neighbours; where nothing waits, the newest."""
        item, part = self.table.current, event.item.part
        if item is None:
            return
        broker_session = self.console.go.broker_session(self.console.target, item.broker)
        if broker_session is not None and item.lag is not None and part.committed.isdecimal() and part.lag.number:
            await self.console.go.stuck_record(broker_session, item.lag, part)
        else:
            await self.console.go.destination(item.broker, part.resource, letters=False)
