"""The pending entries of a Redis group by consumer; they can be claimed and acknowledged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from functools import partial

from textual import on
from textual.containers import Horizontal
from textual.events import DescendantFocus
from textual.widget import Widget
from textual.worker import WorkType

from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import at_least, exact, pluralize
from mqtui.domain.name_quoting import command, join
from mqtui.domain.plan import Plan, StepResult
from mqtui.domain.policy import Consent
from mqtui.domain.resource import Ref
from mqtui.domain.topology import Group, Member, PendingEntry
from mqtui.services import pending
from mqtui.ui.actions import Action
from mqtui.ui.navigation.goto import reference
from mqtui.ui.render import figures
from mqtui.ui.render.broker_status import error_lines
from mqtui.ui.render.destinations.groups import GroupRow, stream_of
from mqtui.ui.render.destinations.pending import (
    ConsumerRenderer,
    PendingRenderer,
    PendingRow,
    describe_consumer,
    is_stuck,
)
from mqtui.ui.render.styled_text import preview_bytes
from mqtui.ui.render.table_model import Cell
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.list_screen import ListScreen
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable

MAX_ENTRIES = 10_000
"""Pending entries of one consumer that are read."""

MAX_PAYLOADS = 200


class PendingScreen(ListScreen[PendingRow]):
    """Consumers, with the pending entries of one beside."""

    screen_name = "Pending"

    hint_actions = (
        "list.mark",
        "list.filter",
        "thing.explain",
        "read.again",
        "list.order",
        "pending.claim",
        "pending.ack",
    )
    empty_text = "nothing pending"
    shows_members = True

    def __init__(self, broker_session: BrokerSession, line: GroupRow) -> None:
        super().__init__()
        self.broker_session = broker_session
        self.group = line
        self.entries: list[PendingRow] = []
        self.consumer = ""
        self._entries_of = ""
        """The consumer whose entries are shown."""

        self.whole = True
        self.error: MqtuiError | None = None
        """Why the entries could not be read."""

    @property
    def stream(self) -> Ref:
        """The stream that the group reads."""
        found = stream_of(self.group)
        assert found is not None
        return found

    @property
    def group_name(self) -> str:
        """The group's name without its stream."""
        return self.group.group.ref.name.rpartition("/")[2]

    @property
    def shown_brokers(self) -> Sequence[BrokerSession]:
        return (self.broker_session,)

    def body(self) -> Iterable[Widget]:
        self.consumers: RowTable[Member] = RowTable(ConsumerRenderer(), id="consumers", with_divider=False)
        self.table: RowTable[PendingRow] = RowTable(PendingRenderer(), id="pending", with_divider=False)
        self.consumers.row_changed = self._show_consumer
        self.side_pane = Pane(self.table, name="Pending", id="beside")
        self.side_pane.add_class("beside")
        yield Horizontal(Pane(self.consumers, name=f"{self.stream.name} › {self.group_name}"), self.side_pane)

    def crumbs(self) -> tuple[str, ...]:
        return ("Groups", self.stream.name, self.group_name)

    def on_mount(self) -> None:
        self._show_consumers(self.group.group)
        self.consumers.focus()
        self.ask_members()

    def items(self) -> list[PendingRow]:
        return self.entries

    def refresh_figures(self) -> None:
        """Consumers follow the poller; entries change only when they are read again."""
        snapshot = self.broker_session.snapshot
        if snapshot is not None and self.is_mounted:
            group = next((group for group in snapshot.groups if group.ref == self.group.group.ref), None)
            if group is not None:
                self._show_consumers(group)
        super().refresh_figures()

    def _show_consumers(self, group: Group) -> None:
        """Show the consumers, where the last poll asked for them; else the ones before stay."""
        if group.size is None:
            self.consumers.placeholder = ()
            self.consumers.show(group.members)
        elif group.size and not self.consumers.model.items:
            self.consumers.placeholder = (((f"reading {pluralize(group.size, 'consumer')} …", "muted"),),)

    def facts(self) -> str:
        """How many entries were read, of how many."""
        if self.is_unread or self.error is not None:
            return "not read" if self.error is not None else "reading …"
        marked = f" · {len(self.table.model.marks):,} marked" if self.table.model.marks else ""
        return f"{self.extent()}{', all read' if self.whole else ''}{marked}"

    def extent(self) -> str:
        """How many entries were read: `42`, or `10,000 of 100,000` where the consumer has more."""
        read = len(self.entries)
        if self.whole:
            return f"{read:,}"
        total = next((each.pending for each in self.consumers.model.items if each.name == self.consumer), None)
        return f"{read:,} of {exact(total) if total is not None and total > read else at_least(read + 1)}"

    def describe_row(self, item: PendingRow) -> str:
        entry = item.entry
        idle = figures.age(entry.idle / 1000, units=2)
        return f"{entry.id}: delivered {pluralize(entry.deliveries, 'time')} to {entry.consumer}, idle {idle}"

    def row_status(self, item: PendingRow) -> Cell:
        """What matters about the row with the focus: the consumer, or one of its entries."""
        member = self.consumers.current
        return super().row_status(item) if member is None or self.table.has_focus else (describe_consumer(member), "")

    def _show_consumer(self, event: RowTable.Highlighted) -> None:
        """Entries, title and prompt line are of the consumer under the cursor; of another one nothing stays."""
        member: Member | None = event.item
        if member is not None and member.name != self.consumer:
            self.consumer, self.entries, self.error = member.name, [], None
            self.side_pane.head.name_shown = f"Pending of {member.name}"
            self.table.model.marks.clear()
            self.table.replace([])
            self.read()
        if self.is_ready:
            self.draw_status()
            self._tell_of_focus()

    @on(DescendantFocus)
    def _tell_of_focus(self) -> None:
        """Say what matters about the row with the focus."""
        member, item = self.consumers.current, self.table.current
        if item is not None:
            self.tell_row(item)
        elif member is not None:
            self.prompt_line.set_status_quietly(describe_consumer(member))

    @property
    def is_unread(self) -> bool:
        """Whether the entries of the consumer are still to be read."""
        return self.error is None and self.consumer != self._entries_of

    def status_lines(self, lost: Sequence[BrokerSession]) -> tuple[Cell, ...]:
        """The usual status, or why the entries were not read."""
        if self.error is not None and not self.entries:
            return error_lines(self.error)
        return super().status_lines(lost)

    @on(RowTable.Opened, "#consumers")
    def _consumer_opened(self) -> None:
        self.go_beside(self.table)

    @handles("read.again")
    def read(self) -> None:
        """Read the entries of the consumer."""
        reading: WorkType[None] = partial(self._read, self.consumer)  # no coroutine yet: another key may come first
        self.run_worker(reading, exclusive=True, group="read", exit_on_error=False)

    async def _read(self, consumer: str) -> None:
        session = self.broker_session.session
        if session is None:
            return
        try:
            found: list[PendingEntry] = []
            async with aclosing(
                pending.read_entries(session, self.stream, self.group_name, consumer=consumer)
            ) as listed:
                async for entry in listed:
                    found.append(entry)
                    if len(found) > MAX_ENTRIES:
                        break
            whole = len(found) <= MAX_ENTRIES
            del found[MAX_ENTRIES:]
            role = session.broker.pending
            assert role is not None
            letters = await role.read_entries(self.stream, [entry.id for entry in found[:MAX_PAYLOADS]])
        except MqtuiError as error:
            if self.is_attached and consumer == self.consumer:
                self.error = error
                self.show_error(error)
                self.draw_status()
            return
        if not self.is_attached or consumer != self.consumer:
            return
        texts = [
            None if letter is None else " ".join(f"{preview_bytes(n)}={preview_bytes(v)}" for n, v in letter.fields)
            for letter in letters
        ]
        padded = texts + ["…"] * (len(found) - len(texts))
        self.entries = [PendingRow(entry, text) for entry, text in zip(found, padded, strict=True)]
        self.whole, self.error = whole, None
        (self.table.show if consumer == self._entries_of else self.table.replace)(self.entries)
        self._entries_of = consumer
        self.draw_status()
        self.draw_hints()

    # -- verbs

    def disabled_reason(self, action: Action) -> str | None:
        reason = super().disabled_reason(action)
        if reason is None and action.id in ("pending.claim", "pending.ack"):
            if not self.entries:
                return "its entries are not read yet" if self.is_unread else "nothing is pending here"
            return self.console.go.why_no_write(self.broker_session.target, self.broker_session.kind, action)
        return reason

    def action_title(self, action: Action) -> str:
        if action.id in ("pending.claim", "pending.ack") and self.entries:
            some = f"{len(self.selected_entries()):,}" if self.table.model.marks else self.extent()
            return f"{action.title} {some}"
        return super().action_title(action)

    def selected_entries(self) -> list[PendingEntry]:
        """The marked entries, else all of the consumer."""
        if self.table.model.marks:
            return [line.entry for line in self.table.chosen()]
        return [line.entry for line in self.entries]

    def copy_choices(self, item: PendingRow) -> dict[str, tuple[str, str]]:
        """Its id, the entry's reference, and the command that lists the consumer's pending entries."""
        address, entry = self.broker_session.address, str(item.entry.id)
        words = command("pending", address, self.stream, "--consumer", item.entry.consumer, also=(self.group_name,))
        return {
            "p": ("id", entry),
            "r": ("reference", reference(address, self.stream, entry)),
            "c": ("command", join(words)),
        }

    def explain_figures(self, item: PendingRow) -> str:
        """What C and A mean for the consumer."""
        return "C: the other consumer finds them in its own history · A: nobody of this group gets them again"

    @handles("pending.claim")
    def claim(self) -> None:
        """Plan to give entries to another consumer."""
        self.run_worker(self._claim(), exclusive=True, group="line", exit_on_error=False)

    async def _claim(self) -> None:
        session, found = self.broker_session.session, self.selected_entries()
        if session is None:
            return
        others = [each for each in self.consumers.model.items if each.name != self.consumer and not is_stuck(each)]
        fewest = min(others, key=lambda each: each.pending or 0, default=None)
        idle = min(entry.idle for entry in found)
        to = await self.prompt_line.ask(
            f"claim {f'{len(found):,}' if self.table.model.marks else self.extent()} for",
            value=fewest.name if fewest else "",
            beside=f"only if idle for {figures.age(idle / 1000, units=2)} and since · enter shows the plan · esc no",
        )
        if not to or not to.strip():
            self.prompt_line.set_status("nothing happened", "text")
            return
        try:
            plan = await pending.plan_claim(session, self.stream, self.group_name, to.strip(), idle, found)
        except MqtuiError as error:
            self.show_error(error)
            return
        owners = ", ".join(sorted({entry.consumer for entry in found}))
        self.console.call_later(self.console.go.claim, self.broker_session, session, plan, owners, self.read)

    @handles("pending.ack")
    def acknowledge(self) -> None:
        """Plan to acknowledge entries."""
        self.run_worker(self._acknowledge(), exclusive=True, group="line", exit_on_error=False)

    async def _acknowledge(self) -> None:
        session = self.broker_session.session
        if session is None:
            return
        try:
            plan = await pending.plan_ack(session, self.stream, self.group_name, self.selected_entries())
        except MqtuiError as error:
            self.show_error(error)
            return
        self._review(plan, typed=self.stream.name)

    def _review(self, plan: Plan, typed: str) -> None:
        session = self.broker_session.session
        assert session is not None

        async def work(consent: Consent) -> StepResult:
            return await pending.run_step(session, plan, consent)

        self.console.call_later(self.console.go.confirm_plan, self.broker_session, plan, work, self.read, typed)
