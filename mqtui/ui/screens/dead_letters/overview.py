"""View 3: every place that holds dead letters, over all that is open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from time import time

from textual import on
from textual.widget import Widget

from mqtui.domain.capability import Verb
from mqtui.domain.figure import pluralize
from mqtui.domain.redrive import Selection
from mqtui.domain.resource import BrokerKind
from mqtui.domain.spelling import command
from mqtui.services.redrive.request import RedriveRequest
from mqtui.ui.actions import Action
from mqtui.ui.render import figure_help
from mqtui.ui.render.dead_letters.overview import DeadLetterRenderer, DeadLetterRow, sentence
from mqtui.ui.screens.console_screen import does
from mqtui.ui.screens.list_screen import named
from mqtui.ui.screens.live_list_screen import LiveListScreen
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable


class DeadLetterOverviewScreen(LiveListScreen[DeadLetterRow]):
    """All places."""

    screen_name = "Radar"

    hinted = ("nav.open", "list.filter", "thing.pair", "list.order", "letters.redrive", "thing.delete", "thing.purge")
    empty = "no dead letters anywhere: every open broker is watched"

    def body(self) -> Iterable[Widget]:
        """One list."""
        self.table: RowTable[DeadLetterRow] = RowTable(DeadLetterRenderer(self.console.glyphs.bars), parted=False)
        yield Pane(self.table, name="Dead letters")

    def crumbs(self) -> tuple[str, ...]:
        """This view."""
        return ("Dead letters",)

    def slices(self) -> Iterator[Sequence[DeadLetterRow]]:
        """The places of all open brokers."""
        yield from map(_lines, self.console.desks)

    def facts(self) -> str:
        """How much is not shown: retry stages, and places nobody looked into."""
        seen = [desk.seen for desk in self.console.desks if desk.seen is not None]
        stages = sum(len(each.stages) for each in seen)
        unknown = sum(each.not_looked_into for each in seen)
        parts = [super().facts(), pluralize(stages, "retry stage") if stages else ""]
        parts.append(f"▲ {unknown:,} not looked into" if unknown else "")
        return " · ".join(filter(None, parts))

    def sentence(self, item: DeadLetterRow) -> str:
        """What matters about the place."""
        return sentence(item)

    def explained(self, item: DeadLetterRow) -> str:
        """Where its letters come from."""
        seen = self.console.bench.desks[item.target, item.broker].seen
        return "" if seen is None else figure_help.letters(item.place, seen, time())

    def copies(self, item: DeadLetterRow) -> dict[str, tuple[str, str]]:
        """Its name, the way to it, and the command that shows its causes."""
        address = self.console.bench.desks[item.target, item.broker].address
        return named(item.place.ref, address, *command("dlq", address, item.place.ref))

    def is_stale(self, item: DeadLetterRow, lost: Sequence[BrokerSession]) -> bool:
        """Whether its broker is lost."""
        return any((desk.target, desk.kind) == (item.target, item.broker) for desk in lost)

    def obstacle(self, action: Action) -> str | None:
        """A CAPITAL needs letters and leave."""
        reason = super().obstacle(action)
        if reason is None and action.id in ("letters.redrive", "thing.delete"):
            item = self.table.current
            if item is None or not item.place.letters.number:
                return "there are no letters here"
            return self.console.go.why_no_write(item.target, item.broker, action)
        return reason

    @on(RowTable.Opened)
    async def _opened(self, event: RowTable.Opened) -> None:
        await self.console.go.letters(event.item.target, event.item.broker, event.item.place)

    @does("letters.redrive")
    async def redrive(self) -> None:
        """Plan a redrive of all letters here."""
        await self._review(Verb.REDRIVE)

    @does("thing.delete")
    async def discard(self) -> None:
        """Plan a discard of all letters here."""
        await self._review(Verb.DISCARD)

    async def _review(self, verb: Verb) -> None:
        item = self.table.current
        if item is not None:
            order = RedriveRequest(verb, item.place.ref, Selection())
            await self.console.go.review(item.target, item.broker, order)

    @does("thing.pair")
    async def pair(self) -> None:
        """The origin of these letters."""
        item = self.table.current
        if item is None or not item.place.origins:
            self.line.why_not("nothing says where these letters came from")
            return
        await self.console.go.destination(item.broker, item.place.origins[0], letters=False, target=item.target)


def _lines(desk: BrokerSession) -> list[DeadLetterRow]:
    seen = desk.seen
    if seen is None:
        return []
    lines = []
    for place in seen.places:
        values = seen.trend(place.ref, "letters").values(300)
        known = [value for value in values if value is not None]
        arrived = known[-1] - known[0] if len(known) > 1 else None
        lends = desk.kind is BrokerKind.RABBITMQ
        lines.append(DeadLetterRow(desk.target, desk.kind, place, tuple(values[-15:]), arrived, lends))
    return lines
