"""Peeking at a queue: its cost is shown and accepted first; the messages are requeued and shown from memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime

from textual.widget import Widget

from mqtui.domain.deadletter import describe
from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import unknown
from mqtui.domain.message import Message
from mqtui.domain.policy import Consent
from mqtui.domain.read_range import PeekCost
from mqtui.domain.resource import ParsedName, Ref
from mqtui.domain.topology import Destination
from mqtui.services import browse
from mqtui.services.browse import PeekRequest
from mqtui.ui.actions import Action
from mqtui.ui.navigation.navigator import NO_TAIL
from mqtui.ui.render.messages.peek import (
    DEFAULT_COUNT,
    PeekedMessageRenderer,
    facts,
    price_lines,
    price_words,
    refusal_lines,
)
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.messages.message_list_screen import MessageListScreen
from mqtui.ui.session.sessions import BrokerSession

NOT_ASKED = PeekCost(lends=True, spends=False, limit=unknown("not asked"), left=unknown("not asked"), text="")


class PeekScreen(MessageListScreen):
    """Messages of a queue. Nothing is read before the cost is accepted."""

    screen_name = "Peek"

    hint_actions = (
        "nav.open",
        "list.all",
        "nav.back",
        "read.again",
        "list.filter",
        "view.detail",
        "nav.next_tab",
        "view.decode",
        "thing.copy",
        "message.publish",
    )

    dims = False  # what is shown is in memory

    def __init__(self, broker_session: BrokerSession, ref: Ref) -> None:
        super().__init__(broker_session, ref)
        self.row: Destination | None = None
        self.offer: PeekRequest | None = None
        """The peek whose cost is asked; None where nothing is asked."""

        self.read_at = ""
        self.is_reading = False
        """Whether messages are unacked now."""

        self._peeked = PeekedMessageRenderer(NOT_ASKED, lambda: self.broker_session.decoder)

    def renderer(self) -> PeekedMessageRenderer:
        return self._peeked

    def body(self) -> Iterable[Widget]:
        """List and detail; only the list until there is a message."""
        yield from super().body()
        self.full_pane = "list"

    def on_mount(self) -> None:
        """Ask for the cost of a peek, which is free."""
        self.ask_price()

    # -- the price

    @handles("read.again")
    def ask_price(self) -> None:
        """Determine the cost of a peek, and show it."""
        self.run_worker(self._ask_price(), exclusive=True, group="price", exit_on_error=False)

    async def _ask_price(self) -> None:
        session = self.broker_session.session
        if session is None:
            self.say_in_place("✗ the broker is not open")
            return
        name = ParsedName(self.ref.name, self.ref.kind)
        try:
            offer = await browse.prepare_peek(session, name, DEFAULT_COUNT, None, None)
            row = await session.broker.catalog.describe(self.ref)
        except MqtuiError as error:
            self.say_in_place(f"✗ {error.title}", error.detail, error.hint, "r asks again")
            return
        if self.is_attached:
            self.offer, self.row = offer, row
            self.draw_price()

    def draw_price(self) -> None:
        """Show the cost and the keys that answer, or why the queue can't be read."""
        refusal, offer = self.refusal(), self.offer
        if offer is not None and refusal:
            if not self.table.model.items:
                self.table.placeholder = refusal_lines(offer.price, refusal)
            self.offer = None
            self.prompt_line.set_status(refusal, "danger")
        elif offer is not None:
            few, consumers = min(DEFAULT_COUNT, self.ready), self.row.facts.get("consumers") if self.row else None
            reading = f"{few}, or all {self.ready:,}" if few < self.ready else f"all {self.ready:,}"
            buttons = f"[ Read {few} ] enter   [ Read all {self.ready:,} ] a   [ Cancel ] esc"
            self.cover_list(price_lines(offer.price, reading, buttons, consumers))
            answers = f"enter reads {few} · a all {self.ready:,} · esc no"
            self.prompt_line.set_status(f"{price_words(offer.price)} · {answers}", "price")
            self.ignore_keys_until_painted()
        self.draw_facts()
        self.draw_hints()

    def cover_list(self, lines: Sequence[StyledLine] = ()) -> None:
        """Show lines in place of the messages, and nothing beside; without lines the messages again."""
        self.table.cover = lines
        self.full_pane = "list" if lines or not self.table.model.items else ""
        self.place_panes()

    @property
    def ready(self) -> int:
        """How many messages are ready."""
        return int(self.row.backlog.number or 0) if self.row is not None else 0

    def refusal(self) -> str:
        """Why the queue can't be read at all; "" where it can."""
        session, offer = self.broker_session.session, self.offer
        if session is None or offer is None:
            return ""
        if refused := browse.why_no_peek(session.policy, offer.price):
            return f"✗ {refused}"
        return "" if self.ready else f"{self.ref.name} is empty: nothing can be read"

    # -- the look

    @handles("nav.open")
    def read_few(self) -> None:
        """Accept the cost and read a few; without a question open the message."""
        if self.offer is not None:
            self.read_unacked(DEFAULT_COUNT)
        else:
            self.table.open_current()

    @handles("list.all")
    def read_all(self) -> None:
        """Accept the cost and read all; without a question mark all."""
        if self.offer is not None:
            self.read_unacked(self.ready)
        else:
            self.table.mark_all()

    def read_unacked(self, count: int) -> None:
        """Read so many messages at the cost that was shown."""
        offer, self.offer = self.offer, None
        if offer is not None:
            look = replace(offer, count=count)
            self.run_worker(self._read(look), exclusive=True, group="read", exit_on_error=False)

    async def _read(self, look: PeekRequest) -> None:
        session, table = self.broker_session.session, self.table
        if session is None:
            return
        self._peeked = PeekedMessageRenderer(look.price, lambda: self.broker_session.decoder)
        table.render_as(self._peeked)
        table.begin()
        table.model.marks.clear()
        table.cover, self.full_pane, self.is_reading = (), "", True
        self.place_panes()
        self.prompt_line.set_status("reading one by one; ctrl+c stops and requeues what was delivered", "price")
        self.draw_hints()
        try:
            async with aclosing(browse.peek(session, look, Consent(spend=True))) as batches:
                async for batch in batches:
                    await table.take(batch)
        except MqtuiError as error:
            self._failed(error)
            return
        finally:
            self.is_reading = False
            self.read_at = datetime.now().astimezone().strftime("%H:%M:%S")
        if not self.is_attached:
            return
        await table.settle()
        self._finished(look)

    def _failed(self, error: MqtuiError) -> None:
        if not self.is_attached:
            return
        if self.table.model.items:
            self.show_error(error)
        else:
            self.full_pane = "list"
            self.place_panes()
            self.say_in_place(f"✗ {error.title}", error.detail, error.hint, "r asks again")

    def _finished(self, look: PeekRequest) -> None:
        table = self.table
        if not table.model.items:
            self.say_in_place(f"{self.ref.name} was empty: nothing was read", "r asks again")
        table.move_to(0)
        self.draw_facts()
        self.draw_hints()
        if 0 < len(table.model.items) < min(look.count, self.ready):
            self.prompt_line.flash("it stopped where a message may be requeued only once more", "price")

    def stop_reading(self) -> bool:
        if not super().stop_reading():
            return False
        self.prompt_line.flash("stopped: what was delivered is requeued", "price")
        return True

    # -- showing

    def facts(self) -> str:
        """Facts of the queue, or when it was read."""
        parts = [] if self.row is None else [facts(self.row, self._shown_price, self.broker_session.snapshot)]
        lines = self.table.model
        if self.is_reading:
            parts.append(f"{len(lines.items):,} unacked now")
        elif lines.items:
            parts = [f"{len(lines.items):,} read {self.read_at}, shown from memory"]
        if self.filter_text:
            parts.append(f"{lines.count:,} of {len(lines.items):,} shown")
        if lines.marks:
            parts.append(f"{len(lines.marks):,} marked")
        return " · ".join(parts)

    @property
    def _shown_price(self) -> PeekCost:
        return self.offer.price if self.offer is not None else self._peeked.price

    def describe_row(self, item: Message) -> str:
        """Why it failed, and what the peek did to it."""
        death = describe(item, self.conventions)
        cause = f"{death.text} · " if death.convention else ""
        return cause + self._peeked.describe_peek(item)

    async def open_message(self, item: Message) -> None:
        """Show a dead letter on its own screen, any other message in the detail; both from memory."""
        if not describe(item, self.conventions).convention:
            await super().open_message(item)
            return
        shown = [each for each in self.table.model.shown if isinstance(each, Message)]
        await self.console.go.letter(self.broker_session, self.ref, shown, self.table.cursor)

    # -- keys

    def disabled_reason(self, action: Action) -> str | None:
        """A queue can't be followed, and its letters are redriven by cause."""
        if action.id == "read.follow":
            return NO_TAIL
        if action.id == "letters.redrive":
            return "a queue's letters are redriven by cause: 3, then enter on this queue"
        return super().disabled_reason(action)

    def action_title(self, action: Action) -> str:
        """While the cost is asked, what each key answers."""
        if self.offer is not None:
            match action.id:
                case "nav.open":
                    return f"read {min(DEFAULT_COUNT, self.ready)}"
                case "list.all":
                    return f"read all {self.ready:,}"
                case "nav.back":
                    return "no"
        if action.id == "read.again":
            return "again: asks again"
        return super().action_title(action)

    @handles("nav.back")
    async def back(self) -> None:
        """Decline the cost where it is asked, else as in every list."""
        if self.offer is not None and self.table.model.items and not self.prompt_line.is_asking:
            self.offer = None
            self.cover_list()
            self.prompt_line.set_status("not read again: nothing was spent", "text")
            self.draw_facts()
            self.draw_hints()
            return
        if self.full_pane == "list":
            self.full_pane = ""
        await super().back()
