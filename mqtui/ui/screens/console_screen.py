"""The base of all screens: top bar, breadcrumbs, body, prompt line and hints; actions are dispatched by id."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from inspect import isawaitable
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual import events, on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import Worker, WorkerState

from mqtui.domain.errors import MqtuiError
from mqtui.state.crash_report import report_crash
from mqtui.ui import status_bar
from mqtui.ui.actions import BY_ID, Action
from mqtui.ui.navigation import global_actions
from mqtui.ui.widgets.bar import Bar, BarItem
from mqtui.ui.widgets.prompt_line import PromptLine
from mqtui.ui.widgets.row_table import RowTable

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi

FIRST_CHANGE = 2
"""Where there is little room, hints leave alternately from both groups; the priority of the first one that changes."""

NARROW = 100
"""Terminal columns below which there is room for one pane."""

KEYS_BESIDE_QUESTION = ("nav.back", "app.quit", "app.suspend")
"""Actions whose keys work while a question is open: none of them is text."""

MOVES = ("nav.down", "nav.up", "nav.page_down", "nav.page_up")
"""What arrows do to the list while a filter is typed."""

Doer = TypeVar("Doer", bound=Callable[..., Any])
RIGHT = 3
"""The right button of a mouse."""


def handles(*action_ids: str) -> Callable[[Doer], Doer]:
    """Mark a method of a screen as the handler of these actions."""

    def mark(method: Doer) -> Doer:
        method.__dict__["action_ids"] = action_ids
        return method

    return mark


def error_line(error: MqtuiError) -> str:
    """An error on one line: title, detail, hint."""
    return " · ".join(part for part in (f"✗ {error.title}", error.detail, error.hint) if part)


class ConsoleScreen(Screen[None]):
    """One screen. Subclasses give `body`, `crumbs`, `hint_actions`, and methods marked by `handles`."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-normal"), (140, "-wide")]  # noqa: RUF012 - Textual's own form
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (10, "-short"), (20, "-tall")]  # noqa: RUF012 - Textual's own form

    screen_name: ClassVar[str] = ""
    """The screen's name in the help's title, and for the demo's tour."""

    tab_name: ClassVar[str] = ""
    """Which of its tabs it is."""

    hint_actions: ClassVar[tuple[str, ...]] = ()
    """Ids of the actions that the hints show, in order; those that change something come last."""

    lacks: ClassVar[frozenset[str]] = frozenset()
    """Ids of inherited actions that this screen has not: they are in neither hints nor help."""

    shows_members: ClassVar[bool] = False
    """Whether members of groups are shown; pollers ask for them only then."""

    _doers: ClassVar[dict[str, str]] = {}

    painted_at = 0.0
    """Keys typed before this time (monotonic seconds) are dropped: nobody had seen what they would answer."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._doers = {}
        for kind in reversed(cls.__mro__):
            for name, member in vars(kind).items():
                for action_id in getattr(member, "action_ids", ()):
                    if action_id not in BY_ID:
                        raise ValueError(f"{cls.__name__}.{name} does {action_id}, which is no action")
                    cls._doers[action_id] = name

    # -- what it shows

    def compose(self) -> ComposeResult:
        """Lay out the frame around the body."""
        yield Bar("raised", id="top")
        yield Bar(id="crumbs")
        yield Container(*self.body(), id="body")
        yield PromptLine(self.console.glyphs)
        yield Bar("raised", id="hints")

    def body(self) -> Iterable[Widget]:
        """The widgets between breadcrumbs and prompt line."""
        return ()

    def crumbs(self) -> tuple[str, ...]:
        """The breadcrumbs; the last one is this screen."""
        return ()

    def tabs(self) -> tuple[str, ...]:
        """The names of the tabs of what it shows, in their order; none where it is the only one."""
        return ()

    def refresh_figures(self) -> None:
        """Show new figures; called at most four times a second, and only while the screen is shown."""

    def show_waiting(self) -> None:
        """Show how long is waited for brokers that are opening; called once a second while one is."""

    @property
    def console(self) -> ConsoleApi:
        return cast("ConsoleApi", self.app)

    @property
    def prompt_line(self) -> PromptLine:
        return self.query_one(PromptLine)

    def on_mount(self) -> None:
        """Draw the frame. Textual calls it after `on_mount` of a subclass, which must not call it itself."""
        for bar in self.query(Bar):
            bar.glyphs = self.console.glyphs
        for table in self.query(RowTable):
            table.glyphs = self.console.glyphs
        self.draw_frame()
        self.refresh_figures()

    def on_screen_resume(self) -> None:
        """The screen is shown again: figures may have changed."""
        if not self.is_ready:
            return
        self.draw_frame()
        self.refresh_figures()
        self.draw_toasts()

    @property
    def is_ready(self) -> bool:
        """Whether the frame is mounted: it is not at first, nor while the screen is being removed.

        Every key asks it several times: Textual remembers what `query_one` found, and `query` searches the whole tree.
        """
        if not self.is_mounted:
            return False
        said = self.query_one_optional("#said")
        return (said is not None and said.is_attached) or bool(self.query("#said"))

    async def wait_until_loaded(self) -> None:
        """Wait until the first content is loaded: a message set after that is not replaced by it."""

    def ignore_keys_until_painted(self) -> None:
        """Call it before a plan or a question is shown: keys are dropped until it is painted."""
        self.painted_at = inf
        self.call_after_refresh(self._painted)

    def _painted(self) -> None:
        self.painted_at = monotonic()

    def draw_frame(self) -> None:
        """Draw top bar, breadcrumbs and hints."""
        if not self.is_ready or self.query_one_optional("#top") is None:
            return
        self.prompt_line.tour_hint = self.console.tour.hint(self.tour_step)
        self.query_one("#top", Bar).left, self.query_one("#top", Bar).right = status_bar.top_bar(self.console)
        way = self.crumbs()
        crumbs = [BarItem(f" {' › '.join(way[:-1])} ›", "muted")] if len(way) > 1 else []
        bar = self.query_one("#crumbs", Bar)
        bar.left = (*crumbs, BarItem(f" {way[-1]}" if way else "", "text", bold=True, shrinks=True))
        bar.right = status_bar.tabs_and_views(self.console, self.tabs(), self.tab_name)
        self.draw_hints()

    def on_resize(self) -> None:
        """The terminal has another size: what can be done may be something else."""
        if self.is_ready and self.query_one_optional("#hints") is not None:
            self.draw_hints()

    def draw_toasts(self) -> None:
        """Show toasts in the corner."""
        if self.is_mounted:
            self.console.toasts.draw(self)

    def draw_hints(self) -> None:
        """Draw the keys of this screen; dim where they are disabled now."""
        looks: list[BarItem] = []
        changes: list[BarItem] = []
        for action_id in self.hints():
            action = BY_ID[action_id]
            key = self.console.keymap.shown(action_id)
            dim = self.disabled_reason(action) is not None
            pieces = changes if action.changes else looks
            tone = "muted" if dim else ("warn" if action.changes else "accent")
            rank = len(pieces) + (FIRST_CHANGE if action.changes else 1)
            pieces.append(BarItem(f" {key}", tone, rank, action_id, bold=not dim))
            pieces.append(BarItem(f" {self.action_title(action)} ", "muted", rank, action_id))
        tail = (BarItem(" m", "accent", 90, "app.menu"), BarItem(" menu ", "muted", 90, "app.menu"))
        keys = (BarItem(" ?", "accent", 0, "app.help"), BarItem(" keys ", "muted", 0, "app.help"))
        parting = (BarItem(" │", "rule", FIRST_CHANGE),) if changes else ()
        self.query_one("#hints", Bar).left = (*looks, *parting, *changes, *tail)
        self.query_one("#hints", Bar).right = keys

    def hints(self) -> tuple[str, ...]:
        """Ids of the actions that the hints show now."""
        return self.hint_actions

    def action_title(self, action: Action) -> str:
        """The action's title in hints and menus; a screen may be more specific (`redrive 12 marked`)."""
        return action.title

    @property
    def tour_step(self) -> str:
        """The step of the demo's tour that belongs here, by name; "" while there is none."""
        return self.screen_name

    # -- what it does

    @property
    def narrow(self) -> bool:
        """Whether there is room for one pane only."""
        return self.size.width < NARROW

    @property
    def beside_shown(self) -> bool:
        """Whether the pane beside is shown; where there is room for one pane only, it takes the list's place."""
        return not self.narrow or self.has_class("-detail")

    def go_beside(self, widget: Widget) -> None:
        """Focus a widget of the pane beside, which takes the list's place where there is no room for both."""
        self.set_class(self.narrow, "-detail")
        widget.focus()
        self.draw_hints()

    @handles("view.detail")
    def detail(self) -> None:
        """Where there is room for one pane only: toggle between list and detail."""
        self.toggle_class("-detail")
        shown = self.query(".beside" if self.has_class("-detail") else "Pane")
        for widget in shown.first().query("*"):
            if widget.can_focus:
                widget.focus()
                break
        self.draw_hints()

    def disabled_reason(self, action: Action) -> str | None:
        """Why an action is disabled now; None where it is enabled."""
        if action.later:
            return f"{action.title}: {action.later}"
        if action.id == "view.detail" and getattr(type(self), self._doers[action.id]) is ConsoleScreen.detail:
            return None if self.query(".beside") else "there is no detail here"
        if action.id in self._doers:
            return None
        if action.id in self.console.global_action_ids:
            return global_actions.disabled_reason(self.console, action.id)
        table = self.focused_table
        if table is not None and table.can_perform(action.id):
            return None
        return f"{self.console.keymap.shown(action.id)} does nothing here: it works on {action.where}"

    def concerns(self, action: Action) -> bool:
        """Whether an action belongs to this screen, enabled or not."""
        if action.later or action.id in self.lacks:
            return False
        if action.id in self._doers or action.id in self.hint_actions or action.id in self.console.global_action_ids:
            return True
        table = self.focused_table
        return table is not None and table.can_perform(action.id)

    @property
    def own_actions(self) -> tuple[str, ...]:
        """Ids of the actions that methods of this screen handle."""
        return tuple(self._doers)

    @property
    def focused_table(self) -> RowTable[Any] | None:
        """The list with the focus, else the first."""
        if isinstance(self.focused, RowTable):
            return self.focused
        return next(iter(self.query(RowTable)), None)

    def takes_key(self, action_id: str, typed_at: float | None) -> bool:
        """Whether a key may do this action now; where not, it says so. `typed_at` is in monotonic seconds.

        While a question is open its field has the keys, and the list only those that move the cursor.
        """
        if not self.is_ready or not self.prompt_line.is_asking:
            return True
        self.prompt_line.take_focus()
        return action_id in (*KEYS_BESIDE_QUESTION, *(MOVES if self.prompt_line.filters_as_typed else ()))

    async def perform(self, action_id: str) -> None:
        """Do an action, or say why it is disabled. A screen that is not ready does global actions only."""
        if not self.is_ready:
            if action_id in self.console.global_action_ids:
                await self.console.run_global_action(action_id)
            return
        reason = self.disabled_reason(BY_ID[action_id])
        if reason is not None:
            self.prompt_line.flash(reason)
            self.ignore_keys_until_painted()  # they were typed for what did not open
            return
        try:
            await self._do(action_id)
        except MqtuiError as error:
            self.show_error(error)

    async def _do(self, action_id: str) -> None:
        name = self._doers.get(action_id)
        if name is not None:
            outcome = getattr(self, name)()
            if isawaitable(outcome):
                await cast("Awaitable[object]", outcome)
            return
        table = self.focused_table
        if table is not None and table.perform(action_id):
            return
        await self.console.run_global_action(action_id)

    def action_copy_text(self) -> None:
        """Ctrl+c copies the selected text; without a selection it is handled as usual."""
        selected = self.get_selected_text()
        if selected is None:
            raise SkipAction
        self.console.copy(selected, "the selection")

    def stop_reading(self) -> bool:
        """Stop reading; whether something was being read."""
        return False

    def show_error(self, error: MqtuiError) -> None:
        """Show an error in the prompt line."""
        self.prompt_line.flash(error_line(error), "danger")

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Report a worker that failed without reporting its error itself."""
        error = event.worker.error
        if event.state is WorkerState.ERROR and error is not None:
            self.show_error(error if isinstance(error, MqtuiError) else report_crash(error))

    async def on_click(self, event: events.Click) -> None:
        """The right button opens the menu of the row it is on."""
        if event.button == RIGHT:
            event.stop()
            await self.perform("app.menu")

    @on(Bar.Pressed)
    async def _pressed(self, event: Bar.Pressed) -> None:
        event.stop()
        await self.perform(event.action)
