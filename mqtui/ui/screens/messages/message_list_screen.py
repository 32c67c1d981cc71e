"""The base of message lists: rows, and the message under the cursor beside them (or instead, where it is narrow)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from textual import on
from textual.containers import Horizontal
from textual.events import Key
from textual.widget import Widget

from mqtui.domain.message import Message
from mqtui.domain.resource import Ref
from mqtui.services.poller import BrokerSnapshot
from mqtui.ui.actions import Action
from mqtui.ui.render.destinations.groups import GroupRenderer, GroupRow, group_lines
from mqtui.ui.render.messages.messages import MessageRenderer
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.destination_tab import TAB_STEPS, DestinationTab
from mqtui.ui.screens.list_screen import ListScreen
from mqtui.ui.screens.messages.message_copy import MessageCopier
from mqtui.ui.screens.messages.search_question import ask_search
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.message_detail import MessageDetailPane
from mqtui.ui.widgets.message_list import MessageList
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.payload_view import PayloadView
from mqtui.ui.widgets.row_table import RowTable

WAYS_OF_LOOKING = ("view.decode", "view.wrap")
"""Actions that change how the message in the detail is shown."""

NO_DETAIL = "the message is not shown in full: d shows it"


class MessageListScreen(DestinationTab, ListScreen[Message]):
    """Messages and one of them in detail. Subclasses read them, and may give `renderer`."""

    tab_name = "messages"

    DEFAULT_CSS = """
    #messages { width: 58fr; }
    #detail { width: 42fr; }
    """

    search_text = ""
    """What was searched for, and is there to be changed."""

    dims = True
    """Whether a lost connection dims the rows."""

    def __init__(self, broker_session: BrokerSession, ref: Ref) -> None:
        super().__init__()
        self.broker_session = broker_session
        self.ref = ref
        self.conventions = broker_session.conventions
        self.copier = MessageCopier(self, broker_session.address, ref)
        self.detail_open: bool | None = None
        """Whether the detail is shown; None: where there is room for it."""

        self.decoder_version = broker_session.decoder_version
        """That with which messages were drawn."""

        self.read_failed = False
        """Whether the last read failed."""

        self.full_pane = ""
        """`list` or `detail` where that pane is shown alone."""

    def renderer(self) -> MessageRenderer:
        """How messages are shown in the list."""
        return MessageRenderer(self.broker_session.kind, lambda: self.broker_session.decoder)

    @property
    def shown_brokers(self) -> Sequence[BrokerSession]:
        return (self.broker_session,)

    def body(self) -> Iterable[Widget]:
        self.table: MessageList = MessageList(self.renderer())
        self.list_pane = Pane(self.table, name=self.ref.name, id="messages")
        self.detail_pane = MessageDetailPane(self.conventions, lambda: self.broker_session.decoder, id="detail")
        self.detail_pane.add_class("beside")
        self.readers: RowTable[GroupRow] = RowTable(GroupRenderer(self.console.glyphs.bars), id="readers")
        self.around = Pane(self.readers, name="Groups")
        self.around.add_class("around")
        yield Horizontal(self.list_pane, self.detail_pane, self.around)

    def crumbs(self) -> tuple[str, ...]:
        return ("Destinations", self.ref.name)

    def on_mount(self) -> None:
        self.place_panes()
        self.table.focus()

    def refresh_figures(self) -> None:
        """Dim the rows after a lost connection; they come from reading, not from the poller."""
        if not self.is_ready:
            return
        snapshot = self.broker_session.snapshot
        if self.decoder_version != self.broker_session.decoder_version:
            self.decoder_version = self.broker_session.decoder_version
            self.table.refresh()
            self.detail_pane.draw()
        self.table.stale = self.dims and (self.read_failed or (snapshot is not None and snapshot.error is not None))
        self.draw_facts()
        if snapshot is not None and self.around.display:
            self.draw_readers(snapshot)

    def draw_readers(self, snapshot: BrokerSnapshot) -> None:
        """Draw the groups that read the destination."""
        self.readers.stale = snapshot.error is not None
        own = group_lines(self.broker_session.kind, snapshot, self.ref)
        self.readers.show(own)
        self.readers.placeholder = () if own else [[("nobody reads it", "muted")]]
        self.around.title(f"Groups of {self.ref.name}", f"{len(own):,}")

    # -- panes

    @property
    def detail_shown(self) -> bool:
        """Whether the detail is shown."""
        if self.full_pane:
            return self.full_pane == "detail"
        return not self.narrow if self.detail_open is None else self.detail_open

    @property
    def list_shown(self) -> bool:
        """Whether the list is shown."""
        if self.full_pane:
            return self.full_pane == "list"
        return not (self.narrow and self.detail_shown)

    def place_panes(self) -> None:
        """Show the panes that have room, and keep the focus on a visible one."""
        self.list_pane.display, self.detail_pane.display = self.list_shown, self.detail_shown
        self.detail_pane.set_class(self.list_shown, "beside")
        self.set_class(bool(self.full_pane), "-full")
        self.draw_hints()
        if self.list_shown and not self.detail_shown:
            self.table.focus()
        elif not self.list_shown and not isinstance(self.focused, PayloadView):
            self.detail_pane.focus_content()
        self.draw_detail()

    def on_resize(self) -> None:
        """The terminal has another size: there may be room for more panes, or fewer."""
        if self.is_mounted:
            self.place_panes()
            self.call_after_refresh(self.refresh_figures)

    def draw_detail(self) -> None:
        """Draw the message under the cursor."""
        if not self.detail_shown:
            return
        item = self.table.current
        place = str(item.position).removeprefix("delivery ") if item is not None else ""
        gone = " · gone" if self.table.is_gone else ""
        name = self.ref.name if item is None else item.resource.name
        self.detail_pane.show(item, f"{name} {place}".rstrip() + gone)

    opens_gone = True

    def show_row(self, event: RowTable.Highlighted) -> None:
        """The detail shows the message that the cursor and the prompt line are on."""
        super().show_row(event)
        if self.is_ready:
            self.draw_detail()

    @on(MessageList.Grown)
    def _grown(self, event: MessageList.Grown) -> None:
        self.draw_facts()

    @on(RowTable.Opened)
    async def _opened(self, event: RowTable.Opened) -> None:
        if event.table is self.table:
            await self.open_message(event.item)
        elif event.table is self.readers:
            await self.console.go.group(event.item)

    async def open_message(self, item: Message) -> None:
        """Open a message's detail, instead of the list where there is no room beside."""
        self.detail_open = True
        self.full_pane = ""
        self.place_panes()
        self.detail_pane.focus_content()

    # -- keys

    lacks = frozenset({"list.order", "thing.pin"})

    def hints(self) -> tuple[str, ...]:
        """Without the ways to look at a detail where none is shown."""
        return tuple(each for each in super().hints() if self.detail_shown or each not in WAYS_OF_LOOKING)

    def disabled_reason(self, action: Action) -> str | None:
        """Messages can't be edited here; a value is shown another way only where it is shown."""
        if action.id in WAYS_OF_LOOKING and (not self.detail_shown or self.table.current is None):
            return NO_DETAIL if self.table.current is not None else "there is no message to look at"
        if action.id == "thing.edit":
            return "edit: not in this version"
        if action.id == "message.publish":
            return self.console.go.why_no_write(self.broker_session.target, self.broker_session.kind, action)
        view = self.focused_view
        if view is not None and action.id not in self._doers and view.can_perform(action.id):
            return None
        return super().disabled_reason(action)

    @property
    def focused_view(self) -> PayloadView | None:
        """The payload view with the focus, if one has it."""
        return self.focused if isinstance(self.focused, PayloadView) else None

    def on_key(self, event: Key) -> None:
        self.copier.hear(event, self.table.current)

    async def _do(self, action_id: str) -> None:
        view = self.focused_view
        if view is None or action_id in self._doers or not view.perform(action_id):
            await super()._do(action_id)

    @handles("view.detail")
    def detail(self) -> None:
        """Show or hide the detail."""
        shown = self.detail_shown
        self.full_pane = ""
        self.detail_open = not shown
        self.place_panes()

    @handles("view.full")
    def toggle_full(self) -> None:
        """Show only the pane with the focus, or both."""
        self.full_pane = "" if self.full_pane else ("list" if self.table.has_focus else "detail")
        self.place_panes()

    @handles("view.wrap")
    def wrap(self) -> None:
        """Wrap the value and unfold headers, or undo it."""
        self.prompt_line.flash("wrapped" if self.detail_pane.toggle_wrap() else "not wrapped", "text")

    @handles("view.decode")
    def decode_as(self) -> None:
        """Show the value in the next form."""
        self.prompt_line.flash(f"value as {self.detail_pane.show_next_form()}", "text")

    @handles("view.time")
    def show_next_times(self) -> None:
        """Show times as local time, UTC or age."""
        self.prompt_line.flash(f"times: {self.table.messages.next_times()}", "text")
        self.table.refresh()

    @handles("read.search")
    def ask_search(self) -> None:
        """Ask what to search for at the broker, and show the hits."""
        asking = ask_search(self, self.broker_session, self.searched_refs, self.search_text)
        self.run_worker(asking, exclusive=True, group="line", exit_on_error=False)

    @property
    def searched_refs(self) -> Sequence[Ref]:
        """The destinations that a search from here looks into."""
        return (self.ref,)

    @handles("thing.copy")
    def copy_part(self) -> None:
        """Copy a part of the message under the cursor."""
        self.copier.ask_part(self.table.current)

    @handles("form.editor")
    def open_editor(self) -> None:
        """Show the value in the user's editor."""
        self.copier.open_editor(self.table.current)

    @handles("thing.export")
    def export(self) -> None:
        """Export the marked messages, else all that are shown."""
        lines = self.table.model
        messages = self.table.chosen() if lines.marks else lines.rows
        self.copier.export(messages, self.broker_session.decoder)

    @handles("message.publish")
    async def publish(self) -> None:
        """Open the form for a message to this destination."""
        await self.console.go.publish(self.broker_session, self.ref)

    @handles("nav.next_tab")
    async def next_tab(self) -> None:
        """Show the next tab of what has the focus: a message has value, headers and report, else the destination's."""
        if self.focused_view is None:
            await super().next_tab()
        else:
            self.detail_pane.show_next_tab(1)

    @handles("nav.previous_tab")
    async def previous_tab(self) -> None:
        """Show the previous tab of what has the focus."""
        if self.focused_view is None:
            await super().previous_tab()
        else:
            self.detail_pane.show_next_tab(-1)

    def action_title(self, action: Action) -> str:
        """With the focus on a message, its own tabs."""
        return (
            action.title if action.id in TAB_STEPS and self.focused_view is not None else super().action_title(action)
        )

    @handles("nav.next_item")
    def next_message(self) -> None:
        """Go to the next message and show its detail."""
        self.table.move_by(1)
        self.draw_detail()

    @handles("nav.previous_item")
    def previous_message(self) -> None:
        """Go to the previous message and show its detail."""
        self.table.move_by(-1)
        self.draw_detail()

    @handles("nav.back")
    async def back(self) -> None:
        """Close the prompt, the full pane, the detail, the filter, then the screen."""
        if self.prompt_line.cancel():
            return
        if self.full_pane:
            self.full_pane = ""
            self.place_panes()
        elif self.narrow and self.detail_shown:
            self.detail_open = None
            self.place_panes()
        elif self.focused_view is not None and self.list_shown:
            self.table.focus()
        else:
            await super().back()

    def stop_reading(self) -> bool:
        """Stop reading; what was read stays."""
        return bool(self.workers.cancel_group(self, "read"))

    def say_in_place(self, title: str, *more: str) -> None:
        """Show lines where the rows would be."""
        lines: list[list[Any]] = [[(title, "danger" if title.startswith("✗") else "")]]
        self.table.placeholder = [*lines, *([(line, "muted")] for line in more if line)]
