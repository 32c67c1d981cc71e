"""View 3: every destination with dead letters, over all open brokers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from time import time

from textual import on
from textual.widget import Widget

from mqtui.brokers.registry import traits_of
from mqtui.domain.capability import Verb
from mqtui.domain.figure import pluralize
from mqtui.domain.name_quoting import command
from mqtui.domain.redrive import Selection
from mqtui.services.redrive.request import RedriveRequest
from mqtui.ui.actions import Action
from mqtui.ui.render import figure_help
from mqtui.ui.render.dead_letters.overview import DeadLetterRenderer, DeadLetterRow, describe_dead_letters
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.list_screen import resource_copy_choices
from mqtui.ui.screens.live_list_screen import LiveListScreen
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable

VERBS = {"letters.redrive": "redrive", "thing.delete": "discard"}
"""What is done to all letters of a destination, by action."""


class DeadLetterOverviewScreen(LiveListScreen[DeadLetterRow]):
    """Dead-letter destinations as rows."""

    screen_name = "Radar"

    hint_actions = (
        "nav.open",
        "list.filter",
        "thing.pair",
        "list.order",
        "view.detail",
        "letters.redrive",
        "thing.delete",
    )
    empty_text = "no dead letters anywhere: every open broker is watched"

    def body(self) -> Iterable[Widget]:
        self.renderer = DeadLetterRenderer(self.console.glyphs.bars)
        self.table: RowTable[DeadLetterRow] = RowTable(self.renderer, with_divider=False)
        yield Pane(self.table, name="Dead letters")

    def crumbs(self) -> tuple[str, ...]:
        return ("Dead letters",)

    def slices(self) -> Iterator[Sequence[DeadLetterRow]]:
        yield from map(_lines, self.console.broker_sessions)

    def refresh_figures(self) -> None:
        """Show the figures, with the broker of each row where there are several."""
        self.renderer.fit([each.kind for each in self.console.broker_sessions])
        super().refresh_figures()

    def facts(self) -> str:
        """How many retry stages are left out, and how many destinations nobody looked into."""
        snapshots = [
            broker_session.snapshot
            for broker_session in self.console.broker_sessions
            if broker_session.snapshot is not None
        ]
        stages = sum(len(each.retry_stages) for each in snapshots)
        unknown = sum(each.unclassified for each in snapshots)
        parts = [super().facts(), pluralize(stages, "retry stage") if stages else ""]
        parts.append(f"▲ {unknown:,} not looked into" if unknown else "")
        return " · ".join(filter(None, parts))

    def describe_row(self, item: DeadLetterRow) -> str:
        return describe_dead_letters(item)

    def explain_figures(self, item: DeadLetterRow) -> str:
        snapshot = self.console.sessions.broker_sessions[item.target, item.broker].snapshot
        return "" if snapshot is None else figure_help.explain_letters(item.destination, snapshot, time())

    def copy_choices(self, item: DeadLetterRow) -> dict[str, tuple[str, str]]:
        """Its name, its reference, and the command that shows its causes."""
        address = self.console.sessions.broker_sessions[item.target, item.broker].address
        return resource_copy_choices(item.destination.ref, address, *command("dlq", address, item.destination.ref))

    def is_stale(self, item: DeadLetterRow, lost: Sequence[BrokerSession]) -> bool:
        return any(
            (broker_session.target, broker_session.kind) == (item.target, item.broker) for broker_session in lost
        )

    def disabled_reason(self, action: Action) -> str | None:
        reason = super().disabled_reason(action)
        if reason is None and action.id in VERBS:
            item = self.table.chosen_one
            if item is None and self.table.model.marks:
                return "one destination at a time"
            if item is None or not item.destination.letters.number:
                return "there are no letters here"
            return self.console.go.why_no_write(item.target, item.broker, action)
        return reason

    @on(RowTable.Opened)
    async def _opened(self, event: RowTable.Opened) -> None:
        await self.console.go.letters(event.item.target, event.item.broker, event.item.destination)

    def action_title(self, action: Action) -> str:
        item = self.table.chosen_one
        if action.id in VERBS and item is not None:
            return f"{VERBS[action.id]} all {item.destination.letters}"
        return "describe" if action.id == "view.detail" else super().action_title(action)

    @handles("view.detail")
    async def describe(self) -> None:
        """Show what the broker says of the row."""
        item = self.table.current
        broker_session = None if item is None else self.console.go.broker_session(item.target, item.broker)
        if item is not None and broker_session is not None:
            await self.console.go.properties(broker_session, item.destination.ref)

    @handles("letters.redrive")
    async def redrive(self) -> None:
        """Plan a redrive of all letters here."""
        await self._review(Verb.REDRIVE)

    @handles("thing.delete")
    async def discard(self) -> None:
        """Plan a discard of all letters here."""
        await self._review(Verb.DISCARD)

    async def _review(self, verb: Verb) -> None:
        item = self.table.chosen_one
        if item is not None:
            request = RedriveRequest(verb, item.destination.ref, Selection())
            await self.console.go.review(item.target, item.broker, request)

    @handles("thing.pair")
    async def pair(self) -> None:
        """Show the messages of the letters' origin."""
        item = self.table.current
        if item is None or not item.destination.origins:
            self.prompt_line.flash("nothing says where these letters came from")
            return
        await self.console.go.destination(item.broker, item.destination.origins[0], letters=False, target=item.target)


def _lines(broker_session: BrokerSession) -> list[DeadLetterRow]:
    snapshot = broker_session.snapshot
    if snapshot is None:
        return []
    lines = []
    for destination in snapshot.dead_letters:
        values = snapshot.trend(destination.ref, "letters").values(300)
        known = [value for value in values if value is not None]
        arrived = known[-1] - known[0] if len(known) > 1 else None
        lends = traits_of(broker_session.kind).lends
        lines.append(
            DeadLetterRow(broker_session.target, broker_session.kind, destination, tuple(values[-15:]), arrived, lends)
        )
    return lines
