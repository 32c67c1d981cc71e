"""The partitions of a topic: leader, replicas, offsets, size; and which of them a key goes to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.widget import Widget

from mqtui.domain.capability import Verb
from mqtui.domain.name_quoting import command
from mqtui.domain.partitioner import partition_for
from mqtui.domain.placement import PartitionStatus
from mqtui.domain.resource import name_bytes
from mqtui.services.placement import list_partitions
from mqtui.services.session import Session
from mqtui.ui.actions import Action
from mqtui.ui.render.destinations.partitions import (
    PartitionStatusRenderer,
    describe_key,
    describe_partition_status,
)
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.destinations import change_prompts
from mqtui.ui.screens.destinations.read_tab import ReadTab
from mqtui.ui.screens.list_screen import resource_copy_choices
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable

NEEDS = {"thing.create": Verb.ALTER, "thing.purge": Verb.PURGE}
"""What a change here is called on the command line."""


class PartitionsScreen(ReadTab[PartitionStatus]):
    """Partitions as rows; `s` goes to the one that a key is sent to."""

    screen_name = "Partitions"
    tab_name = "partitions"
    own_order = "order partition"

    hint_actions = (
        "nav.next_tab",
        "read.search",
        "list.filter",
        "list.order",
        "list.next",
        "read.again",
        "thing.copy",
        "thing.create",
        "thing.purge",
        "nav.back",
    )

    def body(self) -> Iterable[Widget]:
        self.table: RowTable[PartitionStatus] = RowTable(PartitionStatusRenderer())
        yield Pane(self.table, name=f"partitions of {self.ref.name}")

    async def ask(self, session: Session) -> Sequence[PartitionStatus]:
        return await list_partitions(session.broker, self.ref)

    def describe_row(self, item: PartitionStatus) -> str:
        return describe_partition_status(item, self.answer or ())

    def action_title(self, action: Action) -> str:
        titles = {"read.search": "find a key", "thing.create": "add partitions"}
        return titles.get(action.id) or super().action_title(action)

    def disabled_reason(self, action: Action) -> str | None:
        if action.id == "read.search" and not self.answer:
            return "the partitions are not known"
        reason = super().disabled_reason(action)
        if reason is None and action.id in NEEDS:
            return self.console.go.why_no_write(
                self.broker_session.target, self.broker_session.kind, action._replace(needs=NEEDS[action.id])
            )
        return reason

    @handles("thing.create")
    def add_partitions(self) -> None:
        """Ask how many partitions there are to be, and plan it."""
        asking = change_prompts.ask_partitions(self, self.broker_session, self.ref, len(self.answer or ()))
        self.run_worker(asking, exclusive=True, group="line", exit_on_error=False)

    @handles("thing.purge")
    def purge(self) -> None:
        """Ask up to where records of the partition under the cursor are deleted, and plan it."""
        item = self.table.chosen_one
        if item is not None:
            asking = change_prompts.ask_purge(self, self.broker_session, self.ref, item.number)
            self.run_worker(asking, exclusive=True, group="line", exit_on_error=False)

    @handles("read.search")
    def ask_key(self) -> None:
        """Ask for a key, and go to the partition that Java's partitioner picks for it."""
        self.run_worker(self._ask_key(), exclusive=True, group="line", exit_on_error=False)

    async def _ask_key(self) -> None:
        entered = await self.prompt_line.ask("key", beside="where producers send it, by their partitioner")
        partitions = len(self.answer or ())
        if entered is None or not partitions:
            return
        key = name_bytes(entered)
        self.table.go_to(partition_for(key, partitions))
        self.prompt_line.flash(f"{entered or 'the empty key'}: {describe_key(key, partitions)}", "text")

    def copy_choices(self, item: PartitionStatus) -> dict[str, tuple[str, str]]:
        """The reference of the topic, and the command that prints its partitions."""
        address = self.broker_session.address
        return resource_copy_choices(self.ref, address, *command("partitions", address, self.ref))
