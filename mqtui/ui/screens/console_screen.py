"""A place: top bar, crumbs, body, the line, hints. Every screen of the console is one, and answers actions by id."""

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
from mqtui.state.mistakes import own_mistake
from mqtui.ui import status_bar
from mqtui.ui.actions import BY_ID, Action
from mqtui.ui.navigation import global_actions
from mqtui.ui.widgets.bar import Bar, BarItem
from mqtui.ui.widgets.prompt_line import PromptLine
from mqtui.ui.widgets.row_table import RowTable

if TYPE_CHECKING:
    from mqtui.ui.console_api import ConsoleApi

FIRST_CHANGE = 2
"""Looks and CAPITALS leave the hints in turn, the last ones first; this is the rank of the first CAPITAL."""

Doer = TypeVar("Doer", bound=Callable[..., Any])
RIGHT = 3
"""The right button of a mouse."""


def handles(*action_ids: str) -> Callable[[Doer], Doer]:
    """Mark a method of a place as what does these actions there."""

    def mark(method: Doer) -> Doer:
        method.__dict__["action_ids"] = action_ids
        return method

    return mark


def error_line(error: MqtuiError) -> str:
    """An error in one line: what happened, what was said, what to do."""
    return " · ".join(part for part in (f"✗ {error.title}", error.detail, error.hint) if part)


class ConsoleScreen(Screen[None]):
    """One screen. Subclasses give `body`, `crumbs`, `hinted`, and methods marked by `handles`."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (140, "-wide")]  # noqa: RUF012 - Textual's own form
    VERTICAL_BREAKPOINTS = [(0, "-tiny"), (10, "-short"), (20, "-tall")]  # noqa: RUF012 - Textual's own form

    screen_name: ClassVar[str] = ""
    """What the help calls it; the demo's tour knows it by this name too."""

    hint_actions: ClassVar[tuple[str, ...]] = ()
    """Ids of the actions shown in the hints, in order; looks stand before CAPITALS."""

    shows_members: ClassVar[bool] = False
    """Whether members of groups are shown; brokers are not asked for them elsewhere."""

    _doers: ClassVar[dict[str, str]] = {}

    painted_at = 0.0
    """Keys typed before this moment are thrown away, on the clock of events: nobody has seen what they would answer."""

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
        """The frame."""
        yield Bar("raised", id="top")
        yield Bar(id="crumbs")
        yield Container(*self.body(), id="body")
        yield PromptLine(self.console.glyphs)
        yield Bar("raised", id="hints")

    def body(self) -> Iterable[Widget]:
        """What is between crumbs and line."""
        return ()

    def crumbs(self) -> tuple[str, ...]:
        """The way here, the last is this place."""
        return ()

    def refresh_figures(self) -> None:
        """New figures are there; called at most four times a second and only while the place is shown."""

    @property
    def console(self) -> ConsoleApi:
        """The app."""
        return cast("ConsoleApi", self.app)

    @property
    def prompt_line(self) -> PromptLine:
        """The line."""
        return self.query_one(PromptLine)

    def on_mount(self) -> None:
        """Draw the frame. Textual calls this after the same of a subclass, which therefore does not call it."""
        for bar in self.query(Bar):
            bar.glyphs = self.console.glyphs
        for table in self.query(RowTable):
            table.glyphs = self.console.glyphs
        self.draw_frame()
        self.refresh_figures()

    def on_screen_resume(self) -> None:
        """Shown again: figures may be others."""
        if not self.is_ready:
            return
        self.draw_frame()
        self.refresh_figures()
        self.draw_toasts()

    @property
    def is_ready(self) -> bool:
        """Whether the frame is there to be drawn on: not before it is mounted, nor while it is taken down."""
        return self.is_mounted and bool(self.query("#said"))

    async def wait_until_loaded(self) -> None:
        """Wait until what it shows first is there: what is said then stays."""

    def ignore_keys_until_painted(self) -> None:
        """Something is about to be shown that a key agrees to: throw keys away until it is painted."""
        self.painted_at = inf
        self.call_after_refresh(self._painted)

    def _painted(self) -> None:
        self.painted_at = monotonic()

    def draw_frame(self) -> None:
        """Top bar, crumbs and hints."""
        if not self.is_ready or not self.query("#top"):
            return
        self.prompt_line.tour_hint = self.console.tour.line(self.tour_step)
        self.query_one("#top", Bar).left, self.query_one("#top", Bar).right = status_bar.top_bar(self.console)
        way = self.crumbs()
        crumbs = [BarItem(" " + " › ".join(way[:-1]) + " › ", "muted")] if len(way) > 1 else [BarItem(" ")]
        bar = self.query_one("#crumbs", Bar)
        bar.left = (*crumbs, BarItem(way[-1] if way else "", "text", bold=True))
        bar.right = status_bar.views(self.console)
        self.draw_hints()

    def draw_toasts(self) -> None:
        """What happened elsewhere, in the corner for a while."""
        if self.is_mounted:
            self.console.toasts.draw(self)

    def draw_hints(self) -> None:
        """The keys of this place; dim where they can't be pressed now."""
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
        """Ids of the actions shown in the hints now."""
        return self.hint_actions

    def action_title(self, action: Action) -> str:
        """The action's word in the hints; a place may say more (`redrive 12 marked`)."""
        return action.title

    @property
    def tour_step(self) -> str:
        """What the coach knows this place by; "" while it has nothing to say."""
        return self.screen_name

    # -- what it does

    @handles("view.detail")
    def detail(self) -> None:
        """Where there is room for one pane only: the detail instead of the list, and back."""
        self.toggle_class("-detail")
        shown = self.query(".beside" if self.has_class("-detail") else "Pane")
        for widget in shown.first().query("*"):
            if widget.can_focus:
                widget.focus()
                return

    def disabled_reason(self, action: Action) -> str | None:
        """Why the action can't be done here and now; None where it can."""
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
        """Whether the action has to do with this place, possible now or not."""
        if action.id in self._doers or action.id in self.hint_actions or action.id in self.console.global_action_ids:
            return True
        table = self.focused_table
        return table is not None and table.can_perform(action.id)

    @property
    def own_actions(self) -> tuple[str, ...]:
        """Ids of the actions it does by methods of its own."""
        return tuple(self._doers)

    @property
    def focused_table(self) -> RowTable[Any] | None:
        """The list with the focus, else the first."""
        if isinstance(self.focused, RowTable):
            return self.focused
        return next(iter(self.query(RowTable)), None)

    async def perform(self, action_id: str) -> None:
        """Do an action, or say why not. A place that is not there to be seen yet does none of its own."""
        if not self.is_ready:
            if action_id in self.console.global_action_ids:
                await self.console.run_global_action(action_id)
            return
        reason = self.disabled_reason(BY_ID[action_id])
        if reason is not None:
            self.prompt_line.flash(reason)
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
        """Ctrl+c copies what was dragged over; where nothing was, it does what else it does."""
        selected = self.get_selected_text()
        if selected is None:
            raise SkipAction
        self.console.copy(selected, "the selection")

    def stop_reading(self) -> bool:
        """Stop what is being read; whether something was."""
        return False

    def show_error(self, error: MqtuiError) -> None:
        """An error in its own place: what happened and what to do."""
        self.prompt_line.flash(error_line(error), "danger")

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Work that failed without a word says one."""
        error = event.worker.error
        if event.state is WorkerState.ERROR and error is not None:
            self.show_error(error if isinstance(error, MqtuiError) else own_mistake(error))

    async def on_click(self, event: events.Click) -> None:
        """The right button opens the menu of the row it is on."""
        if event.button == RIGHT:
            event.stop()
            await self.perform("app.menu")

    @on(Bar.Pressed)
    async def _pressed(self, event: Bar.Pressed) -> None:
        event.stop()
        await self.perform(event.action)
