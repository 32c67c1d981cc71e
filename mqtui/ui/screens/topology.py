"""View 4: the nodes of the open brokers with disk, memory and what they keep."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget

from mqtui.domain.errors import MqtuiError
from mqtui.domain.name_quoting import join
from mqtui.services.placement import list_nodes
from mqtui.ui.render.nodes import NodeRenderer, NodeRow, describe_node
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.list_screen import ListScreen
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable


class TopologyScreen(ListScreen[NodeRow]):
    """Nodes as rows. They are asked for when it is opened, and by `r`."""

    screen_name = "Topology"

    hint_actions = ("list.filter", "list.order", "list.next", "read.again", "thing.explain", "thing.copy")
    empty_text = "no broker here tells of its nodes"

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[NodeRow] = []
        self.notes: list[str] = []
        self.is_asking = True

    def body(self) -> Iterable[Widget]:
        self.table: RowTable[NodeRow] = RowTable(NodeRenderer())
        yield Pane(self.table, name="Nodes")

    def crumbs(self) -> tuple[str, ...]:
        return ("Topology",)

    def on_mount(self) -> None:
        self.refresh_all()

    @handles("read.again")
    def refresh_all(self) -> None:
        """Ask the brokers again."""
        self.run_worker(self._read(), exclusive=True, group="nodes", exit_on_error=False)

    async def _read(self) -> None:
        """Ask one broker after the other; what one can't tell costs only its rows."""
        self.is_asking, found, notes = True, list[NodeRow](), list[str]()
        for broker_session in self.console.broker_sessions:
            await broker_session.opened_or_failed.wait()
            session = broker_session.session
            if session is None:
                continue
            try:
                nodes = await list_nodes(session.broker)
            except MqtuiError as error:
                notes.append(f"{broker_session.kind}: {error.title}")
                continue
            found += [NodeRow(broker_session.address, broker_session.kind, node) for node in nodes]
            notes += [f"{broker_session.kind}: {each}" for each in nodes.missing]
            self.rows = found
            self.refresh_figures()
        self.is_asking, self.rows, self.notes = False, found, notes
        self.refresh_figures()
        if notes and self.is_attached:
            self.prompt_line.flash(" · ".join(notes), "warn")

    @property
    def is_unread(self) -> bool:
        """Whether a broker has not answered yet."""
        return self.is_asking

    def items(self) -> list[NodeRow]:
        return self.rows

    def describe_row(self, item: NodeRow) -> str:
        return describe_node(item)

    def copy_choices(self, item: NodeRow) -> dict[str, tuple[str, str]]:
        """Its address, and the command that prints the nodes."""
        return {"p": ("address", item.node.address), "c": ("command", join(("mqtui", "topology", item.target)))}
