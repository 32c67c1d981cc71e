"""What the broker says of one destination: partitions, settings, policy, bindings, consumers, groups, memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.widget import Widget

from mqtui.domain.errors import MqtuiError
from mqtui.domain.resource import Ref
from mqtui.domain.topology import Property
from mqtui.ui.render.broker_status import error_lines
from mqtui.ui.render.destinations.groups import GroupRow, describe_group, group_lines
from mqtui.ui.render.destinations.properties import PropertyRenderer, describe_property, shown_value
from mqtui.ui.render.table_model import Cell
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.destination_tab import DestinationTab
from mqtui.ui.screens.list_screen import ListScreen, resource_copy_choices
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable

READERS = ("group", "consumer")
"""Parts that an adapter lists readers in; where it lists none, the last poll's are shown."""


class PropertiesScreen(DestinationTab, ListScreen[Property]):
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
        "nav.back",
    )
    own_order = "as the broker groups them"

    def __init__(self, broker_session: BrokerSession, ref: Ref) -> None:
        super().__init__()
        self.broker_session = broker_session
        self.ref = ref
        self.properties: Sequence[Property] | None = None
        self.error: MqtuiError | None = None

    def body(self) -> Iterable[Widget]:
        self.renderer = PropertyRenderer()
        self.table: RowTable[Property] = RowTable(self.renderer)
        yield Pane(self.table, name=f"{self.ref.kind} {self.ref.name}")

    def crumbs(self) -> tuple[str, ...]:
        return ("Destinations", self.ref.name)

    def on_mount(self) -> None:
        """Ask the broker."""
        self.read()

    @handles("read.again")
    def read(self) -> None:
        """Ask the broker again."""
        self.run_worker(self._read(), exclusive=True, group="read", exit_on_error=False)

    async def _read(self) -> None:
        session = self.broker_session.session
        if session is None:
            self.prompt_line.set_status("the broker is not open", "warn")
            return
        try:
            found, self.error = await session.broker.catalog.list_properties(self.ref), None
        except MqtuiError as error:
            self.error = error
            if self.properties is not None:
                self.show_error(error)
        else:
            self.properties = found
        if self.is_attached:
            self.refresh_figures()

    def refresh_figures(self) -> None:
        """Show what is known, in columns as wide as that."""
        self.renderer.fit(self.items())
        super().refresh_figures()

    def items(self) -> list[Property]:
        """What the broker said, and the groups of the last poll where it was not asked for readers."""
        found = list(self.properties or ())
        snapshot = self.broker_session.snapshot
        if self.properties is None or snapshot is None or any(each.part in READERS for each in found):
            return found
        groups = group_lines(self.broker_session.kind, snapshot, self.ref)
        return [*found, *map(_group_line, groups)]

    @property
    def is_unread(self) -> bool:
        """Whether the broker has not answered yet."""
        return self.properties is None and self.error is None

    def status_lines(self, lost: Sequence[BrokerSession]) -> tuple[Cell, ...]:
        if self.error is not None and self.properties is None:
            return error_lines(self.error)
        return super().status_lines(lost)

    def describe_row(self, item: Property) -> str:
        return describe_property(item)

    def copy_choices(self, item: Property) -> dict[str, tuple[str, str]]:
        """Its value, its name, and the reference of the destination."""
        name = resource_copy_choices(self.ref, self.broker_session.address)
        return {"y": ("value", shown_value(item)), "k": ("name", item.name), "r": name["r"]}

    def stop_reading(self) -> bool:
        """Stop asking."""
        return bool(self.workers.cancel_group(self, "read"))


def _group_line(line: GroupRow) -> Property:
    """A group of the last poll, in its own words without its name."""
    name = line.group.ref.name
    return Property("group", name, describe_group(line).removeprefix(name).removeprefix(":").strip(), "last poll")
