"""The dead letters of one destination grouped by cause, with a sample letter beside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from time import time

from textual import on
from textual.containers import Horizontal
from textual.widget import Widget

from mqtui.brokers.port import Batch
from mqtui.domain.capability import Verb
from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import pluralize
from mqtui.domain.name_quoting import command
from mqtui.domain.policy import Consent
from mqtui.domain.read_range import PeekCost, ReadRange
from mqtui.domain.redrive import Selection
from mqtui.services.browse import PeekRequest, extent_notes, plan_peek, why_no_peek
from mqtui.services.cause_samples import CauseReport, read_letters
from mqtui.services.deadletters import DeadLetterDestination as DeadLetterDestination
from mqtui.services.origins import remember_routes
from mqtui.services.redrive.planning.scan import read_unhandled
from mqtui.services.redrive.request import RedriveRequest
from mqtui.ui.actions import Action
from mqtui.ui.render.dead_letters.causes import CauseRenderer, CauseRow, by_minute
from mqtui.ui.render.dead_letters.letter_preview import sample_lines
from mqtui.ui.render.messages.peek import price_lines, price_words
from mqtui.ui.render.table_model import Cell
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.destination_tab import DestinationTab
from mqtui.ui.screens.list_screen import ListScreen, resource_copy_choices
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable
from mqtui.ui.widgets.text_view import TextView

SAMPLE_KEYS = ("nav.next_item", "nav.previous_item", "view.wrap")
"""Actions that change which letter of a cause is shown, and how."""

READING = "reading …"
NOT_READ = "not read"
NOTHING_SPENT = "not read: nothing was spent; r asks again"


class CausesScreen(DestinationTab, ListScreen[CauseRow]):
    """Causes as rows; J and K walk through samples of the one under the cursor."""

    screen_name = "Causes"
    tab_name = "causes"

    hint_actions = (
        "nav.open",
        "view.detail",
        "nav.next_item",
        "list.filter",
        "nav.next_tab",
        "read.again",
        "thing.pair",
        "view.wrap",
        "list.order",
        "letters.redrive",
        "thing.delete",
    )

    def __init__(self, broker_session: BrokerSession, destination: DeadLetterDestination) -> None:
        super().__init__()
        self.broker_session = broker_session
        self.letters = destination
        self.ref = destination.ref
        self.report = CauseReport(broker_session.conventions)
        self.sample = 0
        self._sample_count = 0
        """How many letters the cause had when its sample was drawn."""

        self.decoder_version = broker_session.decoder_version
        """That with which the sample was drawn."""

        self.empty_text = ""
        self.stage = READING
        """Shown until all letters are read: `reading …` or `not read`."""

        self.notes: tuple[str, ...] = ()
        """Which letters can't be read now, and why."""

        self.tasks_at_read = (0, 0)
        """How many runs had worked on these letters, and had ended, when they were read."""

        self.folded = True
        self.price: PeekCost | None = None
        self.unread_lines: tuple[Cell, ...] = ()
        """What stands where the causes would, until they are read: the price, or why it is refused."""

    @property
    def shown_brokers(self) -> Sequence[BrokerSession]:
        return (self.broker_session,)

    def body(self) -> Iterable[Widget]:
        self.table: RowTable[CauseRow] = RowTable(CauseRenderer(self.console.glyphs.bars), with_divider=False)
        self.text_view = TextView()
        self.side_pane = Pane(self.text_view, name="Sample", id="sample")
        self.side_pane.add_class("beside")
        yield Horizontal(Pane(self.table, name=f"Causes of {self.ref.name}"), self.side_pane)

    def crumbs(self) -> tuple[str, ...]:
        return ("Dead letters", self.ref.name)

    def on_mount(self) -> None:
        """Read the letters, or show what that costs."""
        self.text_view.glyphs = self.console.glyphs
        self.read()

    # -- reading

    @handles("read.again")
    def read(self) -> None:
        """Read the letters again."""
        self.run_worker(self._read(), exclusive=True, group="read", exit_on_error=False)

    async def _read(self) -> None:
        session = self.broker_session.session
        if session is None:
            self.stage = NOT_READ
            self.prompt_line.set_status("the broker is not open", "warn")
            return
        self.stage = READING
        self.tasks_at_read = self.console.sessions.task_counts(self.ref)
        self.draw_facts()
        try:
            source = await session.broker.snapshot(self.ref)
            count = max(1, int(source.count.number or 0))
            self.price = await session.broker.reader.peek_cost(self.ref, count)
            report = CauseReport(await self.broker_session.settle_origin(self.ref))
            if not self.price.lends:
                extent = await session.broker.reader.extent(self.ref)
                self.notes = tuple(note.partition(":")[0] for note in extent_notes(extent))
                await self._read_into(report, read_unhandled(session.broker, source))
            elif not await self._read_after_consent(report, count):
                self.draw_facts()
                self.refresh_figures()
                return
            else:
                await remember_routes(session, source, report.routes, report.causes())
            self.report, self.empty_text, self.stage, self.unread_lines = report, "no letters here", "", ()
        except MqtuiError as error:
            self.stage = NOT_READ
            self.show_error(error)
        if self.is_attached:
            self.refresh_figures()
            if not self.stage and self.table.current is not None:
                self.tell_row(self.table.current)

    async def _read_after_consent(self, report: CauseReport, count: int) -> bool:
        """Read a queue's letters after its peek cost was accepted; False where it was not."""
        session, price = self.broker_session.session, self.price
        assert session is not None and price is not None
        self.stage = NOT_READ
        self.draw_facts()
        refusal = why_no_peek(session.policy, price)
        if refusal:
            self.unread_lines = ((f"✗ {refusal}", "danger"), (price.text, "price"), ("nothing was spent", "muted"))
            self.prompt_line.flash(f"✗ {refusal}", "danger")
            return False
        consumers = None if self.letters.readers is None else len(self.letters.readers)
        reading, buttons = f"all {count:,}, to count them by cause", f"[ Read all {count:,} ] enter  [ Cancel ] esc"
        self.table.cover = price_lines(price, reading, buttons, consumers)
        self.remove_class("-detail")
        self.refresh_figures()
        self.ignore_keys_until_painted()
        try:
            beside = f"enter reads all {count:,} · esc no"
            answer = await self.prompt_line.ask(price_words(price), beside=beside, pastes=False)
        finally:
            self.table.cover = ()
        if answer is None:
            self.unread_lines = ((NOTHING_SPENT, "price"),)
            self.prompt_line.set_status(NOTHING_SPENT, "price")
            return False
        self.stage = READING
        plan = plan_peek(session, PeekRequest(self.ref, count, ReadRange(), price))
        async with session.guard.writing(plan, Consent(spend=True)) as writer:
            await self._read_into(report, writer.peek_unacked(self.ref, count))
        return True

    async def _read_into(self, report: CauseReport, batches: AsyncIterator[Batch]) -> None:
        await read_letters(batches, report, self._progress, decoder=self.broker_session.decoder)

    def _progress(self, report: CauseReport) -> None:
        if not self.table.model.items:
            self.report = report
        if self.is_attached:
            self.draw_facts()
            self.prompt_line.set_status(f"reading {self.ref.name}: {pluralize(report.letters, 'letter')}")

    # -- showing

    @property
    def is_outdated(self) -> bool:
        """Whether a run has worked on these letters since they were read."""
        return self.console.sessions.task_counts(self.ref) != self.tasks_at_read

    def refresh_figures(self) -> None:
        """Show the causes; where a run has worked on them and reading is free, read them again first."""
        if self.is_ready and self.is_outdated and not self.stage and self.price is not None and not self.price.lends:
            self.read()
        super().refresh_figures()
        decoded_anew = self.decoder_version != self.broker_session.decoder_version
        self.decoder_version = self.broker_session.decoder_version
        if decoded_anew or self._sample_count != self._count_under_cursor:
            self.draw_sample()
        if self.is_outdated and self.table.current is not None and not self.stage:
            self.prompt_line.set_status_quietly(self.describe_row(self.table.current))

    def items(self) -> list[CauseRow]:
        now = time()
        return [
            CauseRow(
                cause,
                by_minute(self.report.samples[cause.id].per_minute, now) if cause.id in self.report.samples else (),
            )
            for cause in self.report.causes()
        ]

    def status_lines(self, lost: Sequence[BrokerSession]) -> tuple[Cell, ...]:
        """Until the letters are read: what that costs, or why it is refused."""
        broken = bool(lost) and lost[0].snapshot is not None and lost[0].snapshot.error is not None
        return (
            super().status_lines(lost)
            if broken or self.table.model.items
            else (self.unread_lines or super().status_lines(lost))
        )

    def facts(self) -> str:
        """Number of letters and causes, once all are read."""
        if self.stage == READING and self.report.letters:
            return f"{READING} {self.report.letters:,} so far"
        if self.stage:
            return self.stage
        lends = self.price is not None and self.price.lends
        parts = [f"{self.report.letters:,}", pluralize(len(self.report.causes()), "cause")]
        if lends:
            return " · ".join([*parts, "outdated" if self.is_outdated else "shown from memory"])
        return " · ".join([*parts, *self.notes])

    def describe_row(self, item: CauseRow) -> str:
        """What all letters of the cause have in common."""
        if self.is_outdated and self.price is not None and self.price.lends:
            return "counted before the last run: r reads again, at its price"
        alike = self.report.describe_common(item.cause.id)
        return f"all {item.cause.count:,}: {alike}" if alike else f"cause {item.cause.id}"

    def show_row(self, event: RowTable.Highlighted) -> None:
        """The sample is of the cause that the cursor and the prompt line are on."""
        super().show_row(event)
        if self.is_ready:
            self.sample = 0
            self.draw_sample()

    @property
    def _count_under_cursor(self) -> int:
        item = self.table.current
        return 0 if item is None else item.cause.count

    def draw_sample(self) -> None:
        """Show a letter of the cause under the cursor."""
        self._sample_count = self._count_under_cursor
        item = self.table.current
        case = self.report.samples.get(item.cause.id) if item is not None else None
        if item is None or case is None or not case.letters:
            if not self.prompt_line.is_asking:
                gone = self.table.is_gone
                self.text_view.write([[(f"this row {self.table.why_gone}", "muted")]] if gone else [])
                self.side_pane.title("Sample · gone" if gone else "Sample")
            return
        self.sample %= len(case.letters)
        letter, death = case.letters[self.sample], case.deaths[self.sample]
        self.side_pane.title(f"Sample, {self.sample + 1} of {item.cause.count:,}", "J K")
        self.text_view.write(sample_lines(letter, death, self.broker_session.decoder, folded=self.folded))

    @handles("nav.next_item")
    def next_sample(self) -> None:
        """Show the next sample."""
        self.sample += 1
        self.draw_sample()

    @handles("nav.previous_item")
    def previous_sample(self) -> None:
        """Show the previous sample."""
        self.sample -= 1
        self.draw_sample()

    @handles("view.wrap")
    def fold(self) -> None:
        """Fold or unfold library frames of the stack trace."""
        self.folded = not self.folded
        self.draw_sample()

    # -- verbs

    def hints(self) -> tuple[str, ...]:
        """Where there is no room for the sample beside, first the key that shows it."""
        left_out = () if self.narrow else ("view.detail",)
        return tuple(each for each in super().hints() if each not in (left_out if self.beside_shown else SAMPLE_KEYS))

    def disabled_reason(self, action: Action) -> str | None:
        reason = super().disabled_reason(action)
        if reason is None and action.id in SAMPLE_KEYS and not self.beside_shown:
            return "no sample is shown: d shows it"
        if reason is None and action.id in ("letters.redrive", "thing.delete"):
            if self.table.current is None:
                return "there are no letters here"
            if 1 < len(self.table.model.marks) < len(self.table.model.items):
                return "one cause at a time, or all of them"
            return self.console.go.why_no_write(self.broker_session.target, self.broker_session.kind, action)
        return reason

    def action_title(self, action: Action) -> str:
        if action.id == "view.detail":
            return "causes" if self.has_class("-detail") else "sample"
        if action.id == "thing.delete":
            return "discard"
        if action.id == "letters.redrive" and self.table.current is not None:
            return f"redrive these {sum(line.cause.count for line in self.table.chosen()):,}"
        return super().action_title(action)

    @handles("letters.redrive")
    async def redrive(self) -> None:
        """Plan a redrive of this cause."""
        await self._review(Verb.REDRIVE)

    @handles("thing.delete")
    async def discard(self) -> None:
        """Plan a discard of this cause."""
        await self._review(Verb.DISCARD)

    async def _review(self, verb: Verb) -> None:
        chosen = self.table.chosen()
        every = len(chosen) == len(self.table.model.items)
        selection = Selection() if every else Selection(cause=chosen[0].cause.id)
        await self.console.go.review(
            self.broker_session.target, self.broker_session.kind, RedriveRequest(verb, self.ref, selection)
        )

    @handles("thing.pair")
    async def pair(self) -> None:
        """Show the messages of the letters' origin."""
        item = self.table.current
        case = self.report.samples.get(item.cause.id) if item is not None else None
        origins = [death.origin.ref for death in case.deaths if death.origin is not None] if case is not None else []
        if origins := [*origins, *self.letters.origins]:
            await self.console.go.destination(
                self.broker_session.kind, origins[0], letters=False, target=self.broker_session.target
            )
        else:
            self.prompt_line.flash("nothing says where these letters came from")

    def copy_choices(self, item: CauseRow) -> dict[str, tuple[str, str]]:
        """The cause, its id, the reference of the destination, and a dry-run command."""
        address, cause = self.broker_session.address, item.cause
        words = command("redrive", address, self.ref, "--cause", cause.id, "--dry-run")
        return {
            **resource_copy_choices(self.ref, address, *words),
            "y": ("cause", cause.text),
            "p": ("cause id", cause.id),
        }

    @on(RowTable.Opened)
    async def _opened(self, event: RowTable.Opened) -> None:
        case = self.report.samples.get(event.item.cause.id)
        if case is not None:
            await self.console.go.case(self.broker_session, self.letters, event.item.cause, case)
