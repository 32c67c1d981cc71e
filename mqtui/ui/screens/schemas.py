"""View 8: the subjects of the brokers' schema registries, their versions, and what differs between two."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual import on
from textual.containers import Horizontal
from textual.widget import Widget

from mqtui.domain.errors import MqtuiError
from mqtui.domain.name_quoting import join
from mqtui.services.schema_registry import names_registry
from mqtui.services.schema_subjects import SubjectName, diff_versions, list_subjects, read_schema
from mqtui.ui.actions import Action
from mqtui.ui.render.schemas import SubjectRenderer, SubjectRow, change_lines, schema_lines
from mqtui.ui.render.styled_text import StyledLine
from mqtui.ui.screens.console_screen import handles
from mqtui.ui.screens.list_screen import ListScreen
from mqtui.ui.session.sessions import BrokerSession
from mqtui.ui.widgets.pane import Pane
from mqtui.ui.widgets.row_table import RowTable
from mqtui.ui.widgets.text_view import TextView

READING = "reading the schema registry …"
NO_REGISTRY = "no broker here names a schema registry: -o schema.registry=http://host:8081 of a profile does"
FACES = ("schema", "changes")


class SchemasScreen(ListScreen[SubjectRow]):
    """Subjects as rows; J and K walk the versions of the one under the cursor, `.` shows what differs."""

    screen_name = "Schemas"

    hint_actions = (
        "nav.next_item",
        "nav.next_tab",
        "view.detail",
        "list.filter",
        "list.order",
        "read.again",
        "thing.copy",
    )
    empty_text = "the schema registry has no subject"

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[SubjectRow] = []
        self.stage = READING
        self.face = FACES[0]
        self.version = 0
        """The version that is shown, by its place before the newest."""

        self._seen: dict[tuple[str, str, int, str], Sequence[StyledLine]] = {}

    def body(self) -> Iterable[Widget]:
        self.table: RowTable[SubjectRow] = RowTable(SubjectRenderer(), with_divider=False)
        self.text_view = TextView()
        self.side_pane = Pane(self.text_view, name="Schema", id="schema")
        self.side_pane.add_class("beside")
        yield Horizontal(Pane(self.table, name="Subjects"), self.side_pane)

    def crumbs(self) -> tuple[str, ...]:
        return ("Schemas",)

    def on_mount(self) -> None:
        self.read_again()

    # -- reading

    @handles("read.again")
    def read_again(self) -> None:
        """Read the registries again."""
        self._seen.clear()
        self.run_worker(self._read(), exclusive=True, group="subjects", exit_on_error=False)

    async def _read(self) -> None:
        self.stage, found, errors = READING, list[SubjectRow](), list[MqtuiError]()
        self.refresh_figures()
        asked: set[str] = set()
        for broker_session in self.console.broker_sessions:
            await broker_session.opened_or_failed.wait()
            session = broker_session.session
            url = names_registry(session.address) if session is not None else ""
            if session is None or not url or url in asked:
                continue
            asked.add(url)
            try:
                found += [SubjectRow(broker_session.address, each) for each in await list_subjects(session)]
            except MqtuiError as error:
                errors.append(error)
        if not self.is_attached:
            return
        self.rows, self.stage = found, "" if asked else NO_REGISTRY
        self.refresh_figures()
        if errors:
            self.show_error(errors[0])

    def _session_of(self, row: SubjectRow) -> BrokerSession | None:
        return next((each for each in self.console.broker_sessions if each.address == row.target), None)

    # -- showing

    def refresh_figures(self) -> None:
        """Show the subjects as they were read."""
        if not self.is_ready:
            return
        self.table.show(self.items())
        self.draw_facts()
        if not self.rows:
            self.table.placeholder = ([(self.stage or self.empty_text, "muted")],)
        elif not self.table.model.count:
            self.table.placeholder = ([(f"nothing matches {self.filter_text}; esc clears it", "muted")],)

    def items(self) -> list[SubjectRow]:
        return self.rows

    def describe_row(self, item: SubjectRow) -> str:
        """The command that shows the version; why the registry has none to show."""
        return item.subject.why if item.subject.schema is None else self.command(item)

    def command(self, item: SubjectRow) -> str:
        named = self._named(item)
        words = ("schema", "show" if self.face == FACES[0] else "diff", item.target, f"{named.subject}@{named.version}")
        return join(("mqtui", *words))

    def show_row(self, event: RowTable.Highlighted) -> None:
        """Of another subject the newest version, here and in the prompt line."""
        if event.moved:
            self.version = 0
        super().show_row(event)
        if self.is_ready:
            self.draw_version()

    def _named(self, row: SubjectRow) -> SubjectName:
        versions = row.subject.versions
        return SubjectName(row.subject.name, versions[-1 - self.version % len(versions)] if versions else "latest")

    def draw_version(self) -> None:
        """Show the version of the subject under the cursor, or what differs from the one before."""
        row = self.table.current
        if row is None:
            self.text_view.write([])
            self.side_pane.title("Schema")
            return
        named, faces = self._named(row), "  ".join(f"▸{face}" if face == self.face else f" {face}" for face in FACES)
        self.side_pane.title(f"{named.subject} v{named.version} of {len(row.subject.versions)}", faces)
        self.run_worker(self._draw(row, named), exclusive=True, group="version", exit_on_error=False)

    async def _draw(self, row: SubjectRow, named: SubjectName) -> None:
        key = (row.target, named.subject, int(named.version) if named.version != "latest" else 0, self.face)
        if key not in self._seen:
            try:
                self._seen[key] = await self._lines(row, named)
            except MqtuiError as error:
                self.text_view.write([[(f"✗ {error.title}", "danger")], [(error.detail, "")]])
                return
        if self.is_attached and self.table.current is row:
            self.text_view.write(self._seen[key])

    async def _lines(self, row: SubjectRow, named: SubjectName) -> Sequence[StyledLine]:
        broker_session = self._session_of(row)
        session = None if broker_session is None else broker_session.session
        if session is None:
            return [[("the broker is not open", "muted")]]
        if self.face == FACES[0]:
            return schema_lines(await read_schema(session, named))
        if named.version == min(row.subject.versions, default=0):
            return [[("the first version: nothing was before it", "muted")]]
        return change_lines(await diff_versions(session, named, None))

    # -- keys

    @on(RowTable.Opened)
    def _opened(self, event: RowTable.Opened) -> None:
        """Read the schema: beside the list, or in its place."""
        self.go_beside(self.text_view)

    def disabled_reason(self, action: Action) -> str | None:
        reason = super().disabled_reason(action)
        if reason is None and action.id in ("nav.next_item", "nav.previous_item") and self.table.current is None:
            return "there is no subject here"
        return reason

    @handles("nav.next_item")
    def older(self) -> None:
        """Show the version before."""
        self.version += 1
        self._show_other()

    @handles("nav.previous_item")
    def newer(self) -> None:
        """Show the version after."""
        self.version -= 1
        self._show_other()

    @handles("nav.next_tab")
    def next_face(self) -> None:
        """Show the schema, or what differs."""
        self.face = FACES[1 - FACES.index(self.face)]
        self._show_other()

    @handles("nav.previous_tab")
    def previous_face(self) -> None:
        """Show the schema, or what differs."""
        self.next_face()

    def _show_other(self) -> None:
        self.draw_version()
        if self.table.current is not None:
            self.prompt_line.set_status(self.describe_row(self.table.current))

    def copy_choices(self, item: SubjectRow) -> dict[str, tuple[str, str]]:
        """The subject's name, or the command that shows this version."""
        return {"p": ("subject", item.subject.name), "c": ("command", self.command(item))}
