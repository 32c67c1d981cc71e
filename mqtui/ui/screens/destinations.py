"""View 1: all destinations of a session, trouble first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual import on
from textual.widget import Widget

from mqtui.ui.render.destinations import Destinations, Line, lines_of, sentence
from mqtui.ui.screens.listing import Listing
from mqtui.ui.screens.place import does
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable


class DestinationsPlace(Listing[Line]):
    """All destinations."""

    hinted = (
        "nav.open",
        "list.filter",
        "read.follow",
        "list.next",
        "thing.pair",
        "letters.redrive",
        "message.publish",
        "thing.purge",
    )

    def body(self) -> Iterable[Widget]:
        """One list."""
        self.table: RowTable[Line] = RowTable(Destinations(self.console.glyphs.bars))
        yield Pane(self.table, name="Destinations")

    def crumbs(self) -> tuple[str, ...]:
        """This view."""
        return ("Destinations",)

    def items(self) -> list[Line]:
        """The lines of all open brokers."""
        return [line for desk in self.console.desks if desk.seen for line in lines_of(desk.kind, desk.seen)]

    def sentence(self, item: Line) -> str:
        """What matters about the row."""
        return sentence(item)

    @does("thing.pair")
    def pair(self) -> None:
        """Dead letters and their origin."""
        item = self.table.current
        if item is None:
            return
        refs = item.letters.origins if item.letters else tuple(place.ref for place in item.dead)
        if not any(self.table.go_to((item.broker, ref)) for ref in refs):
            self.line.why_not(f"{item.destination.ref.name} has no pair")

    @on(RowTable.Opened)
    async def _opened(self, event: RowTable.Opened) -> None:
        line: Any = event.item
        await self.console.go.destination(line.broker, line.destination.ref, letters=line.letters is not None)
