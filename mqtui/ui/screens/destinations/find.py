"""One text in every place of all open brokers: hits in order of time, the message's way, and what was not looked at."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from datetime import datetime

from textual import on
from textual.containers import Vertical
from textual.widget import Widget

from mqtui.domain.capability import Verb
from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import Delivery
from mqtui.domain.policy import Consent
from mqtui.domain.redrive import Selection
from mqtui.services.find.find import Find
from mqtui.services.find.hit import Hit
from mqtui.services.find.priced import PriceQuestion
from mqtui.services.find.read_by import add_readers
from mqtui.services.find.request import parse_request
from mqtui.services.find.way import Station, StationKind, find_way
from mqtui.services.redrive.request import RedriveRequest
from mqtui.ui.actions import Action
from mqtui.ui.render.find import HitRenderer, find_facts, price_words, title_of, way_styled
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.dead_letters.letter_selection import redrive_request_for
from mqtui.ui.screens.destinations.find_question import ask_find
from mqtui.ui.screens.list_screen import ListScreen
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_model import SortOrder
from mqtui.ui.widgets.row_table import RowTable
from mqtui.ui.widgets.text_view import TextView

TICK = 0.25
"""Seconds between two paints of the figures."""


class FindScreen(ListScreen[Station]):
    """The hits of one text. Queues that lend their messages are read once their price is answered."""

    screen_name = "Find"

    hint_actions = (
        "nav.open",
        "nav.back",
        "read.again",
        "list.filter",
        "read.search",
        "thing.copy",
        "thing.export",
        "letters.redrive",
    )
    DEFAULT_CSS = """
    FindScreen #hits { height: 1fr; }
    FindScreen #way { height: 1fr; }
    """
    own_order = "in order of time"
    opens_gone = True

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.request = parse_request(text, datetime.now().astimezone())
        self.find: Find | None = None
        self.hits: list[Hit] = []
        self.way: list[Station] = []
        self.question: PriceQuestion | None = None
        """The price that is asked; None where nothing is asked."""

        self.is_searching = False

    def body(self) -> Iterable[Widget]:
        self.table: RowTable[Station] = RowTable(HitRenderer())
        self.table.model.order = SortOrder("time")
        self.pane = Pane(self.table, name=title_of(self.request), id="hits")
        self.way_view = TextView()
        self.way_pane = Pane(self.way_view, name="Its way", id="way")
        yield Vertical(self.pane, self.way_pane)

    def crumbs(self) -> tuple[str, ...]:
        return ("Destinations", f"find {self.text}")

    def on_mount(self) -> None:
        """Begin to look."""
        self.table.focus()
        self.way_view.glyphs = self.console.glyphs
        self.set_interval(TICK, self._tick, name="find")
        self._start()

    # -- looking

    @property
    def shown_brokers(self) -> Sequence[BrokerSession]:
        return list(self.console.sessions.broker_sessions.values())

    def _start(self) -> None:
        sessions = [each.session for each in self.shown_brokers if each.session is not None]
        self.hits, self.way, self.question = [], [], None
        self.find = Find(sessions, self.request)
        self._read(self.find.hits())

    def _read(self, hits: AsyncGenerator[list[Hit]]) -> None:
        self.run_worker(self._take(hits), exclusive=True, group="read", exit_on_error=False)

    async def _take(self, hits: AsyncGenerator[list[Hit]]) -> None:
        self.is_searching = True
        self.draw_hints()
        try:
            async with aclosing(hits):
                async for batch in hits:
                    self.hits += batch
                    self._show_hits()
        except MqtuiError as error:
            if self.is_attached:
                self.show_error(error)
        finally:
            self.is_searching = False
            if self.is_attached:
                self._show_hits()
                self._say_rest()
        self.hits = await add_readers(self.hits)
        self._show_hits()
        if self.is_attached:
            self._say_rest()

    def _show_hits(self) -> None:
        if not self.is_attached:
            return
        self.way = find_way(self.hits)
        self.refresh_figures()
        self.way_view.write(self._way_lines())
        if self.table.cursor < 0 and self.table.model.count:
            self.table.move_to(0)
        self.draw_hints()

    def items(self) -> list[Station]:
        return self.way

    def _say_rest(self) -> None:
        """Say what was not looked at, below the way; queues that wait for their price on the prompt line."""
        find = self.find
        if find is None:
            return
        lines: list[StyledLine] = []
        if find.queues:
            depth = self.request.queue_depth
            queues = f"{len(find.queues):,} queues" if len(find.queues) > 1 else find.queues[0].ref.name
            lines.append([(f" · {queues}: a look takes messages out; r asks what {depth:,} of each cost", "price")])
        notes = [f"✗ {each.target} {each.kind}: {self._why_closed(each)}" for each in self._unopened()]
        notes += find.coverage.notes(self.request)
        lines += [[(f" {note}", "warn" if note.startswith("✗") else "muted")] for note in notes]
        head: list[StyledLine] = [[("", "")], [(" Not looked at", "muted")]] if lines else []
        self.way_view.write([*self._way_lines(), *head, *lines])
        self.draw_facts()
        self.draw_hints()

    def _way_lines(self) -> list[StyledLine]:
        return way_styled(self.way, with_readers=not self.narrow)

    def _unopened(self) -> list[BrokerSession]:
        return [each for each in self.shown_brokers if each.session is None]

    def _why_closed(self, broker_session: BrokerSession) -> str:
        return broker_session.error.title if broker_session.error is not None else "not open"

    # -- keys

    @handles("read.again")
    def go_on(self) -> None:
        """Ask the price of the queues that were not looked at; without any look again."""
        if self.is_searching or self.question is not None or self.find is None:
            return
        if not self.find.queues:
            self._start()
            return
        self.run_worker(self._ask_price(self.find), exclusive=True, group="read", exit_on_error=False)

    async def _ask_price(self, find: Find) -> None:
        question = await find.price()
        if not self.is_attached:
            return
        if not question.requests:
            self.prompt_line.flash("no queue may be read: its way says why")
            self._say_rest()
            return
        self.question = question
        self.way_view.write([*self._way_lines(), [(f" price: {question.text}", "price")]])
        self.prompt_line.set_status(price_words(question), "price")
        self.ignore_keys_until_painted()
        self.draw_hints()

    @handles("nav.open")
    async def open_hit(self) -> None:
        """Accept the price; without a question open the message: a dead letter as such, else among its neighbours."""
        question, find = self.question, self.find
        if question is not None and find is not None:
            self.question = None
            self.prompt_line.set_status("")
            self._read(find.queue_hits(question, Consent(spend=True)))
            return
        self.table.open_current()

    @on(RowTable.Opened)
    async def _opened(self, event: RowTable.Opened) -> None:
        station: Station = event.item
        broker_session = self._session_of(station.hit)
        if broker_session is None:
            return
        message = station.hit.message
        if station.kind is StationKind.DEAD or isinstance(message.position, Delivery):
            await self.console.go.letter(broker_session, message.resource, (message,), 0)
        else:
            await self.console.go.messages_around(broker_session, message.resource, message.position)

    def _session_of(self, hit: Hit) -> BrokerSession | None:
        return next((each for each in self.shown_brokers if each.session is hit.session), None)

    @handles("nav.back")
    async def back(self) -> None:
        """Decline the price, then stop looking, then go back."""
        if self.prompt_line.cancel():
            return
        if self.question is not None:
            if self.find is not None:
                self.find.queues = [queue for queue, _ in self.question.requests]
            self.question = None
            self.prompt_line.set_status("")
            self._say_rest()
        elif not self.stop_reading():
            await super().back()

    def stop_reading(self) -> bool:
        """Stop looking; hits stay."""
        if not self.is_searching:
            return False
        self.workers.cancel_group(self, "read")
        self.prompt_line.flash("stopped: hits stay, r looks again", "text")
        return True

    @handles("read.search")
    def ask_find(self) -> None:
        """Ask for another text."""
        self.run_worker(ask_find(self, self.text), exclusive=True, group="line", exit_on_error=False)

    @handles("letters.redrive")
    async def redrive(self) -> None:
        """Plan a redrive of the dead letter; of a queue, where one can't be picked, of all of its cause."""
        station = self.table.current
        broker_session = None if station is None else self._session_of(station.hit)
        if station is None or station.letter is None or broker_session is None:
            return
        message = station.hit.message
        request = redrive_request_for(Verb.REDRIVE, message.resource, [message])
        if isinstance(message.position, Delivery):
            request = RedriveRequest(Verb.REDRIVE, message.resource, Selection(cause=station.letter.cause))
        await self.console.go.review(broker_session.target, broker_session.kind, request)

    def disabled_reason(self, action: Action) -> str | None:
        """R needs a dead letter under the cursor, and the right to write there."""
        reason = super().disabled_reason(action)
        if reason is not None or action.id != "letters.redrive":
            return reason
        station = self.table.current
        broker_session = None if station is None else self._session_of(station.hit)
        if station is None or station.letter is None or broker_session is None:
            return "redrive: the row is no dead letter"
        return self.console.go.why_no_write(broker_session.target, broker_session.kind, action)

    def action_title(self, action: Action) -> str:
        match action.id:
            case "read.again" if self.find is not None and self.find.queues:
                return "read queues"
            case "nav.open" if self.question is not None:
                return "read the queues"
            case "nav.back" if self.question is not None:
                return "no"
            case "nav.back" if self.is_searching:
                return f"stop, keep {len(self.hits):,}"
            case "read.search":
                return "find"
            case "letters.redrive":
                is_lent = self.table.current is not None and self.table.current.hit.message.envelope is not None
                return "redrive its cause" if is_lent else "redrive this one"
        return super().action_title(action)

    # -- showing

    def describe_row(self, item: Station) -> str:
        hit = item.hit
        return f"{hit.place} {hit.message.position}: {item.what} · {hit.read_by}"

    def _tick(self) -> None:
        if self.is_searching:
            self.draw_facts()

    def draw_facts(self) -> None:
        if self.is_mounted:
            self.pane.title(title_of(self.request), self.facts())

    def facts(self) -> str:
        if self.find is None:
            return ""
        facts = find_facts(self.find.coverage, self.request.place_depth, is_running=self.is_searching)
        lines = self.table.model
        return f"{facts} · {lines.count:,} of {len(lines.items):,} shown" if self.filter_text else facts

    def broker_errors(self) -> list[list[tuple[str, str]]]:  # type: ignore[override]
        """What is closed is told below the way."""
        return []

    def status_lines(self, lost: Sequence[BrokerSession]) -> tuple[tuple[str, str], ...]:
        if self.table.model.count or self.find is None:
            return ()
        if self.is_searching:
            return (("looking …", "muted"), ("esc stops", "muted"))
        if self.table.model.items:
            return super().status_lines(lost)
        return (("nothing found", ""), ("s looks for something else", "muted"))
