"""A search at the broker: hits as they come, its figures in the title; esc stops it, and r goes on from there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime
from typing import ClassVar

from mqtui.domain.errors import MqtuiError
from mqtui.domain.message import Message
from mqtui.domain.policy import Consent
from mqtui.domain.resource import ParsedName, Ref, parse_name
from mqtui.services import browse
from mqtui.services.search.places import DEPTH, SearchPlace, find_places
from mqtui.services.search.query_text import QueryText, parse_query
from mqtui.services.search.search import Search
from mqtui.ui.actions import Action
from mqtui.ui.render.messages.messages import MessageRenderer, describe_message, describe_readers
from mqtui.ui.render.messages.search import FoundMessageRenderer, bar_line, price_question, search_facts, title_of
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.messages.message_list_screen import MessageListScreen
from mqtui.ui.session.sessions import BrokerSession

TICK = 0.25
"""Seconds between two paints of the figures."""


class SearchScreen(MessageListScreen):
    """The hits of one query in some destinations of one broker. Queues are read once their price is answered."""

    screen_name = "Search"
    tab_name = "search"

    hint_actions: ClassVar[tuple[str, ...]] = (
        "nav.open",
        "nav.back",
        "read.again",
        "read.search",
        "list.filter",
        "view.detail",
        "view.decode",
        "thing.copy",
        "thing.export",
    )

    def __init__(self, broker_session: BrokerSession, refs: Sequence[Ref], text: str) -> None:
        super().__init__(broker_session, refs[0])
        self.refs = refs
        self.search_text = text
        self.asked: QueryText = parse_query(text, datetime.now().astimezone())
        self.search: Search | None = None
        """The search that runs, or ran last."""

        self.places: Sequence[SearchPlace] = ()
        """Where it looks, once that is known."""

        self.offer: Sequence[SearchPlace] = ()
        """The queues whose price is asked; none where nothing is asked."""

        self.is_searching = False

    def crumbs(self) -> tuple[str, ...]:
        where = self.ref.name if len(self.names) == 1 else f"{len(self.names):,} places"
        return ("Destinations", where, f"search {self.search_text}")

    def renderer(self) -> MessageRenderer:
        several = len(self.refs) > 1 or bool(self.asked.places)
        session = self.broker_session
        return FoundMessageRenderer(session.kind, lambda: session.decoder, self.asked.query, with_places=several)

    @property
    def names(self) -> Sequence[str]:
        """The names of the destinations, as typed until they are found."""
        return [place.ref.name for place in self.places] or self.asked.places or [ref.name for ref in self.refs]

    @property
    def searched_refs(self) -> Sequence[Ref]:
        return self.refs

    def on_mount(self) -> None:
        """Begin to search."""
        self.set_interval(TICK, self._tick, name="search")
        self.run_worker(self._prepare(), exclusive=True, group="read", exit_on_error=False)

    # -- searching

    async def _prepare(self) -> None:
        session = self.broker_session.session
        if session is None:
            self.say_in_place("✗ the broker is not open", "press 0 for another profile")
            return
        names = [parse_name(name) for name in self.asked.places] or [
            ParsedName(ref.name, ref.kind) for ref in self.refs
        ]
        try:
            self.places, left_out = await find_places(session, names, self.asked.query, DEPTH)
        except MqtuiError as error:
            self._fail(error)
            return
        self.search = Search(session, self.asked.query, self.places, limit=self.asked.limit)
        self.search.progress.notes += left_out
        if lending := [place for place in self.places if place.peek is not None]:
            self._ask_price(lending)
            return
        await self._run(Consent())

    def _ask_price(self, places: Sequence[SearchPlace]) -> None:
        """Show what reading the queues costs; enter accepts it."""
        session = self.broker_session.session
        if session is None:
            return
        for place in places:
            if place.peek is not None and (refused := browse.why_no_peek(session.policy, place.peek.price)):
                self.say_in_place(f"✗ {place.ref.name}: {refused}")
                return
        self.offer = places
        question = price_question(places)
        self.say_in_place(*question)
        self.prompt_line.set_status(question[-1], "price")
        self.ignore_keys_until_painted()
        self.draw_facts()

    async def _run(self, consent: Consent) -> None:
        """Search until the end, the limit, or a key; the hits stay."""
        search, table = self.search, self.table
        if search is None:
            return
        self.is_searching, self.read_failed = True, False
        if not table.model.items:
            table.begin_loading(end_in_sight=False)
            self.say_in_place(f"searching {', '.join(self.names[:3])} …", "esc stops")
        self.draw_facts()
        try:
            async with aclosing(search.hits(consent)) as batches:
                async for batch in batches:
                    await table.take(batch)
            await table.settle()
        except MqtuiError as error:
            self._fail(error)
        finally:
            self.is_searching = table.is_loading = False
            await self._take_found(search)
        if self.is_attached and not self.read_failed:
            self._say_end(search)

    async def _take_found(self, search: Search) -> None:
        """What was found until it stopped stays."""
        if not self.is_attached:
            return
        if found := search.give_waiting():
            await self.table.take(found)
        self.table.flush()
        if self.table.cursor < 0 and self.table.model.count:
            self.table.move_to(0)
        self.draw_facts()
        self.draw_hints()

    def _say_end(self, search: Search) -> None:
        if search.errors and len(search.errors) == len(self.places):
            self._fail(search.errors[0][1])
            return
        if not self.table.model.items:
            notes = [*search.progress.notes, *search.progress.reasons()]
            self.say_in_place("nothing found", *notes, "s searches for something else")
        elif search.errors:
            self.prompt_line.flash(" · ".join(f"✗ {ref}: {error.title}" for ref, error in search.errors))
        elif not search.is_complete:
            self.prompt_line.flash(f"{self.asked.limit:,} hits: r goes on from there", "text")
        elif search.progress.notes:
            self.prompt_line.flash(f"not searched: {' · '.join(search.progress.notes)}")

    def _fail(self, error: MqtuiError) -> None:
        if not self.is_attached:
            return
        self.read_failed = True
        if self.table.model.items:
            self.show_error(error)
        else:
            self.say_in_place(f"✗ {error.title}", error.detail, error.hint, "s searches for something else")
        self.draw_facts()

    def stop_reading(self) -> bool:
        """Stop the search; what was found stays, and r goes on."""
        if not self.is_searching or not super().stop_reading():
            return False
        self.prompt_line.flash("stopped: hits stay, r goes on from there", "text")
        return True

    def describe_row(self, item: Message) -> str:
        return describe_message(item, describe_readers(self.broker_session.snapshot, item.resource, item))

    # -- keys

    @handles("read.again")
    def go_on(self) -> None:
        """Go on where the search stopped."""
        search = self.search
        if search is None or self.is_searching or self.offer:
            return
        if search.is_complete:
            self.prompt_line.flash("all of it is searched: s searches for something else", "text")
            return
        self.search = search.rest(self.asked.limit)
        self.run_worker(self._run(Consent()), exclusive=True, group="read", exit_on_error=False)

    @handles("nav.open")
    def open_hit(self) -> None:
        """Accept the price; without a question open the message."""
        if not self.offer:
            self.table.open_current()
            return
        self.offer = ()
        self.run_worker(self._run(Consent(spend=True)), exclusive=True, group="read", exit_on_error=False)

    @handles("nav.back")
    async def back(self) -> None:
        """Close the prompt, then stop the search, then the steps of each list of messages."""
        if self.prompt_line.is_asking or not self.stop_reading():
            await super().back()

    def disabled_reason(self, action: Action) -> str | None:
        if action.id == "read.again" and self.search is not None and self.search.is_complete:
            return "all of it is searched: s searches for something else"
        return super().disabled_reason(action)

    def action_title(self, action: Action) -> str:
        if action.id == "read.again":
            return "go on"
        if action.id == "nav.back" and self.is_searching:
            return f"stop, keep {len(self.table.model.items):,}"
        return super().action_title(action)

    # -- showing

    def _tick(self) -> None:
        if self.is_searching:
            self.draw_facts()
            if self.search is not None:
                self.prompt_line.set_status_quietly(bar_line(self.search.progress))

    def draw_facts(self) -> None:
        """Draw the pane's title: what was found, and how far the search is."""
        if not self.is_mounted:
            return
        found = self.search.progress.found if self.search is not None else 0
        self.list_pane.title(title_of(found, self.names), self.facts())

    def facts(self) -> str:
        parts: Sequence[str] = ()
        if self.search is not None:
            parts = search_facts(self.search.progress, is_running=self.is_searching)
        lines = self.table.model
        if self.filter_text:
            parts = [*parts, f"{lines.count:,} of {len(lines.items):,} shown"]
        if lines.marks:
            parts = [*parts, f"{len(lines.marks):,} marked"]
        return " · ".join(parts)
