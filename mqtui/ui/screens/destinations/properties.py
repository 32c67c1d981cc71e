"""What the broker says of one destination: partitions, settings, policy, bindings, consumers, groups, memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.widget import Widget

from mqtui.domain.capability import Verb
from mqtui.domain.name_quoting import command
from mqtui.domain.topology import Property
from mqtui.services.session import Session
from mqtui.ui.actions import Action
from mqtui.ui.render.destinations.groups import GroupRow, describe_group, group_lines
from mqtui.ui.render.destinations.properties import PropertyRenderer, describe_property, shown_value
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.destinations import change_prompts
from mqtui.ui.screens.destinations.read_tab import ReadTab
from mqtui.ui.screens.list_screen import resource_copy_choices
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable

SETTINGS = ("config",)
"""Parts whose lines are settings that can be set."""

READERS = ("group", "consumer")
"""Parts that an adapter lists readers in; where it lists none, the last poll's are shown."""


class PropertiesScreen(ReadTab[Property]):
    """Properties as rows. They are asked for when it is opened, and by `r`."""

    screen_name = "Describe"
    tab_name = "describe"

    hint_actions = (
        "nav.next_tab",
        "list.filter",
        "list.order",
        "list.next",
        "read.again",
        "thing.copy",
        "thing.edit",
        "nav.back",
    )

    def body(self) -> Iterable[Widget]:
        self.renderer = PropertyRenderer()
        self.table: RowTable[Property] = RowTable(self.renderer)
        yield Pane(self.table, name=f"{self.ref.kind} {self.ref.name}")

    async def ask(self, session: Session) -> Sequence[Property]:
        return await session.broker.catalog.list_properties(self.ref)

    def refresh_figures(self) -> None:
        """Show what is known, in columns as wide as that."""
        self.renderer.fit(self.items())
        super().refresh_figures()

    def items(self) -> list[Property]:
        """What the broker said, and the groups of the last poll where it was not asked for readers."""
        found = super().items()
        snapshot = self.broker_session.snapshot
        if self.answer is None or snapshot is None or any(each.part in READERS for each in found):
            return found
        groups = group_lines(self.broker_session.kind, snapshot, self.ref)
        return [*found, *map(_group_line, groups)]

    def describe_row(self, item: Property) -> str:
        return describe_property(item)

    def disabled_reason(self, action: Action) -> str | None:
        """Only settings can be set, where the broker has any."""
        reason, item = super().disabled_reason(action), self.table.current
        if reason is None and action.id == "thing.edit":
            if item is None or item.part not in SETTINGS:
                return "settings of a topic can be set: /of:config shows them"
            return self.console.go.why_no_write(
                self.broker_session.target, self.broker_session.kind, action._replace(needs=Verb.ALTER)
            )
        return reason

    def action_title(self, action: Action) -> str:
        return "set" if action.id == "thing.edit" else super().action_title(action)

    @handles("thing.edit")
    def set_setting(self) -> None:
        """Ask for the value of the setting under the cursor, and plan it."""
        item = self.table.current
        if item is not None:
            asking = change_prompts.ask_setting(self, self.broker_session, self.ref, item)
            self.run_worker(asking, exclusive=True, group="line", exit_on_error=False)

    def copy_choices(self, item: Property) -> dict[str, tuple[str, str]]:
        """Its value, its name, the reference of the destination, and the command that prints all this."""
        address = self.broker_session.address
        name = resource_copy_choices(self.ref, address, *command("describe", address, self.ref))
        return {"y": ("value", shown_value(item)), "k": ("name", item.name), "r": name["r"], "c": name["c"]}


def _group_line(line: GroupRow) -> Property:
    """A group of the last poll, in its own words without its name."""
    name = line.group.ref.name
    return Property("group", name, describe_group(line).removeprefix(name).removeprefix(":").strip(), "last poll")
