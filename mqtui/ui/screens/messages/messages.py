"""Messages of a topic or stream: the newest at first, then following the end."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from mqtui.domain.errors import BrokerTrouble, CannotConnect, MqtuiError
from mqtui.domain.message import Message, Offset
from mqtui.domain.read_range import At, Edge, Since, StartPoint
from mqtui.domain.resource import Ref
from mqtui.ui.actions import Action
from mqtui.ui.navigation.navigator import Start
from mqtui.ui.render.messages.messages import describe_message, describe_readers
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.messages.message_list_screen import MessageListScreen
from mqtui.ui.screens.messages.message_source import MessageSource
from mqtui.ui.session.sessions import BrokerSession

SHOW_READING_AFTER = 0.15
"""Seconds after which `reading …` is shown."""

RETRIES = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds between tries to follow again after the link was lost."""

CONTEXT_OFFSETS = 20
"""Offsets shown before the requested one."""


class MessagesScreen(MessageListScreen):
    """Messages of a destination that is free to read. With a `position` it starts there instead of at the newest."""

    screen_name = "Messages"

    hint_actions: ClassVar[tuple[str, ...]] = (
        "nav.open",
        "list.filter",
        "read.follow",
        "read.search",
        "view.detail",
        "read.hold",
        "nav.next_tab",
        "message.publish",
        "view.decode",
        "view.wrap",
        "thing.copy",
        "thing.export",
    )

    def __init__(self, broker_session: BrokerSession, ref: Ref, position: Start | None = None) -> None:
        super().__init__(broker_session, ref)
        self.follows = position is Edge.NEWEST
        """Whether to follow the end after the first read."""

        self.start = position if isinstance(position, Edge | Since) and not self.follows else None
        self.position = None if isinstance(position, Edge | Since) else position
        self.source: MessageSource | None = None
        self.is_reading = False
        self._read_under_way = object()
        """The read that began last: one that was cancelled ends later."""

    def on_mount(self) -> None:
        """Read the newest, or around the position."""
        if self.broker_session.session is not None:
            start: StartPoint | None = self.start
            if self.position is not None:
                position = self.position
                if isinstance(position, Offset):
                    position = Offset(position.partition, max(0, position.offset - CONTEXT_OFFSETS))
                start = At(position)
            self.source = MessageSource(self.broker_session.session, self.ref, start)
        self.read()

    # -- reading

    @handles("read.again")
    def read(self) -> None:
        """Read again; the cursor keeps its message."""
        self.table.following = False
        self.run_worker(self._read(), exclusive=True, group="read", exit_on_error=False)

    async def _read(self) -> None:
        reading, table = self.source, self.table
        if reading is None:
            self.say_in_place("✗ the broker is not open", "press 0 for another profile")
            return
        late = self.set_timer(SHOW_READING_AFTER, self._say_reading, name="late")
        self.is_reading, self._read_under_way = True, (this := object())
        try:
            if table.model.items and table.cursor >= 0:
                await table.show_anew([message async for batch in reading.read() for message in batch])
            else:
                table.begin_loading(end_in_sight=self.position is None)
                async for batch in reading.read():
                    await table.take(batch)
                await table.settle()
        except MqtuiError as error:
            self.fail(error)
            return
        finally:
            late.stop()
            if self._read_under_way is this:
                self.is_reading = table.is_loading = False
        if self.is_attached:
            self._finished()

    def _say_reading(self) -> None:
        if self.is_reading and not self.table.model.items:
            self.say_in_place(f"reading {self.ref.name} …", "ctrl+c stops")

    def _finished(self) -> None:
        self.read_failed = False
        self.refresh_figures()
        if not self.table.model.items:
            why = self.source.why_nothing if self.source is not None else "the broker is not open"
            self.say_in_place(why, "t follows what arrives")
        self._choose_row()
        self.draw_facts()
        self.draw_hints()
        if self.follows:
            self.follows = False
            self.call_later(self.follow)

    def _choose_row(self) -> None:
        """Where no key chose a row during the first reading: the one that was asked for, else the last."""
        table = self.table
        if table.cursor >= 0 or not table.model.count:
            return
        if self.position is None:
            table.move_to_end()
        elif not table.go_to(self.position):
            table.move_to(0)
            self.prompt_line.flash(f"{self.position} is not there: this is what follows it")

    def fail(self, error: MqtuiError) -> None:
        """Show an error; messages that were read stay, dimmed."""
        if not self.is_attached:
            return
        self.read_failed = True
        self.refresh_figures()
        if self.table.model.items:
            self._choose_row()
            self.show_error(error)
        else:
            self.say_in_place(f"✗ {error.title}", error.detail, error.hint, "r reads again")

    # -- following

    @handles("read.follow")
    def follow(self) -> None:
        """Follow the end, or stop following."""
        if self.table.following:
            self.stop_reading()
        else:
            self.run_worker(self._follow(), exclusive=True, group="read", exit_on_error=False)

    async def _follow(self) -> None:
        reading, table = self.source, self.table
        if reading is None:
            return
        if reading.start is not None:
            reading.start, self.position = None, None
            table.begin()
            await self._read()
        table.following = True
        table.hold(still=False)
        self.draw_hints()
        tries = 0
        try:
            while True:
                try:
                    async for batch in reading.follow():
                        tries, self.read_failed = 0, False
                        await table.take(batch)
                except (BrokerTrouble, CannotConnect) as error:
                    pause = RETRIES[min(tries, len(RETRIES) - 1)]
                    tries += 1
                    self.read_failed = True
                    self.refresh_figures()
                    self.prompt_line.set_status(f"lost: {error.title} · try {tries} in {pause:.0f}s", "warn")
                    await asyncio.sleep(pause)
        except MqtuiError as error:
            self.fail(error)
        finally:
            table.following = table.held = False
            if self.is_attached:
                self.draw_facts()
                self.draw_hints()

    @handles("read.hold")
    def hold(self) -> None:
        """Pause following, or go on."""
        self.table.hold(still=not self.table.held)

    def stop_reading(self) -> bool:
        """Stop following or reading; what is there stays."""
        if not super().stop_reading():
            return False
        self.table.following = self.table.held = self.table.is_loading = False
        self._choose_row()
        self.prompt_line.flash("stopped: what was read stays", "text")
        self.draw_facts()
        return True

    @handles("nav.top")
    def top(self) -> None:
        """Go to the first row; on the first row, read older messages."""
        view = self.focused_view
        if view is not None:
            view.perform("nav.top")
            return
        reading = self.source
        loaded = len(self.table.model.items)
        if (
            reading is not None
            and self.table.cursor <= 0 < (reading.total_count.number or 0) - loaded
            and reading.more()
        ):
            self.prompt_line.flash(f"reading the newest {reading.count:,}", "text")
            self.read()
            return
        self.table.move_to(0)

    # -- showing

    def facts(self) -> str:
        """How much was read, followed, filtered and marked."""
        table, lines = self.table, self.table.model
        parts: list[str] = []
        if table.following:
            parts.append(f"held · {table.below:,} new below, G goes on" if table.held else "▼ following")
            parts.append(f"ring 64 MiB, {lines.dropped:,} dropped")
        elif self.source is not None and lines.items:
            there = self.source.total_count
            all_read = there.known and len(lines.items) >= (there.number or 0)
            what = "from there on" if self.source.start is not None else "newest"
            parts.append(f"{len(lines.items):,}" if all_read else f"{what} {len(lines.items):,} of {there}")
        if self.source is not None:
            parts += [note.partition(":")[0] for note in self.source.notes]
        if self.filter_text:
            parts.append(f"{lines.count:,} of {len(lines.items):,} shown")
        if lines.marks:
            hidden = len(lines.marks - set(lines.positions))
            parts.append(f"{len(lines.marks):,} marked" + (f", {hidden:,} not shown" if hidden else ""))
        return " · ".join(parts)

    def describe_row(self, item: Message) -> str:
        return describe_message(item, describe_readers(self.broker_session.snapshot, self.ref, item))

    # -- keys

    def disabled_reason(self, action: Action) -> str | None:
        if action.id == "read.hold" and not self.table.following:
            return "nothing is followed: t follows the end"
        if action.id == "thing.pair":
            return f"{self.ref.name} holds no dead letters: its messages have no pair"
        return super().disabled_reason(action)

    def action_title(self, action: Action) -> str:
        if action.id == "read.hold":
            return "go on" if self.table.held else "hold"
        if action.id == "read.follow":
            return "stop" if self.table.following else "follow"
        return super().action_title(action)
