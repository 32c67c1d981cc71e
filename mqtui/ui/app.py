"""The console as a Textual app; it only connects screens, sessions, navigation and keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import cached_property, partial
from inspect import isawaitable
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.worker import Worker

from mqtui.brokers.blocking import run_in_thread
from mqtui.brokers.loop_yield import LOOP_YIELDER
from mqtui.brokers.request_log import REQUEST_HISTORY
from mqtui.domain.errors import MqtuiError
from mqtui.domain.policy import Policy
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.profiles_file import has_profiles
from mqtui.state.crash_report import report_crash
from mqtui.state.log import log_file
from mqtui.state.paths import config_dir
from mqtui.ui import keymap, theme
from mqtui.ui.glyphs import Glyphs, needs_ascii
from mqtui.ui.hangup import terminal_is_gone
from mqtui.ui.key_queue import KeyQueue
from mqtui.ui.navigation import global_actions
from mqtui.ui.navigation.history import ScreenHistory
from mqtui.ui.navigation.screen_classes import screen_class
from mqtui.ui.render.broker_status import is_not_read
from mqtui.ui.screens.console_screen import ConsoleScreen
from mqtui.ui.screens.overlays.toasts import Toasts
from mqtui.ui.session.demo_tour import DemoTour
from mqtui.ui.session.gc_scheduler import GcScheduler
from mqtui.ui.session.sessions import BrokerSession, SessionRegistry
from mqtui.ui.session.ui_state import SavedUiState
from mqtui.ui.widgets.scrollbar import draw_scrollbars

if TYPE_CHECKING:
    from mqtui.brokers.port import Connect
    from mqtui.ui.navigation.navigator import Navigator
    from mqtui.ui.session.demo_brokers import DemoBrokers

FIRST_TICK = 0.25
"""The same while brokers are polled for the first time: names come first, then figures, then letters."""

TICK = 0.5
"""Seconds between two redraws of figures: nothing redraws the whole screen more than 4 times a second."""


class Console(App[None], inherit_bindings=False):
    """The console. `start` is the (target, resource) to open; both are "" for home."""

    CSS_PATH = "styles/console.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *keymap.default().bindings(),
        Binding("ctrl+q", "do('app.quit')", show=False, priority=True, id="app.quit_always"),
        Binding("ctrl+c", "stop_reading", show=False, id="app.stop_reading"),
    ]

    def __init__(
        self,
        start: tuple[str, str] = ("", ""),
        *,
        adapters: Connect | None = None,
        ascii_only: bool = False,
        demo_brokers: DemoBrokers | None = None,
        demo: Callable[[], DemoBrokers] | None = None,
    ) -> None:
        self.themes = theme.load()
        super().__init__()
        for each in self.themes.known.values():
            self.register_theme(each.textual())
        self.sessions = SessionRegistry(self.figures_changed, self._shows_members, adapters)
        self.ui_state = SavedUiState(self, self.themes.known, self.sessions.notify)
        self.set_reactive(Console.theme, self.ui_state.theme)
        self.stylesheet.set_variables(self.get_css_variables())
        self.start = start
        self.demo_brokers = demo_brokers
        self.demo = demo
        self.broker_startup: dict[str, str] = {}
        """Start-up stages of brokers that are not up yet, by kind."""

        self.glyphs = Glyphs(needs_ascii(asked=ascii_only))
        self.set_class(self.glyphs.ascii_only, "-ascii")
        draw_scrollbars(ascii_only=self.glyphs.ascii_only)
        self.keymap = keymap.load(config_dir() / "keymap.toml")
        self.history = ScreenHistory(self)
        self.toasts = Toasts(self, self.sessions.notify)
        self.tour = DemoTour()
        self.target = ""
        """The target whose session is shown; "" at home."""

        self.gc_scheduler = GcScheduler()
        self.ended_by: MqtuiError | None = None
        """The internal error that ended the console, if one did."""

        self.key_queue = KeyQueue(self, super().on_event)
        self._fresh = False
        self._drawn = 0.0
        """When rows were drawn last; 0 while there were none."""

        self._hurries = False
        self._global_actions: dict[str, Callable[[], Any]] = {}

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The colours, before a theme is chosen."""
        return self.themes.known[theme.DEFAULT].textual().variables

    # -- life

    def _fatal_error(self) -> None:
        """End after an exception. Textual's own report prints local variables, and so the content of messages."""
        if self._exception is not None:
            self.ended_by = report_crash(self._exception)
        self._close_messages_no_wait()

    def on_mount(self) -> None:
        """Set the keys, and show the first screen."""
        REQUEST_HISTORY.start()
        self.set_keymap(self.keymap.user_bindings)
        for note in (*self.themes.notes, *self.keymap.notes):
            self.sessions.notify(note, "warn")
        if (log := log_file()) is not None:
            self.sessions.notify(f"the log is {log}")
        self.set_interval(TICK, self._tick, name="figures")
        self._global_actions = global_actions.global_actions(self)
        self.call_later(self._global_actions["start"])

    async def on_unmount(self) -> None:
        await self.sessions.close()
        self.gc_scheduler.stop()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A failed worker of the app itself is reported on the screen that is shown."""
        if self.current_screen is not None:
            self.current_screen.on_worker_state_changed(event)

    @property
    def current_screen(self) -> ConsoleScreen | None:
        """The screen that is shown; None before the first, after the last, and under an overlay."""
        return self.screen if self.screen_stack and isinstance(self.screen, ConsoleScreen) else None

    def _shows_members(self) -> bool:
        """Whether the screen that is shown needs the members of groups."""
        return self.current_screen is not None and self.current_screen.shows_members

    def figures_changed(self) -> None:
        """Called by pollers: there are new figures."""
        self._fresh = True
        since_drawn = monotonic() - self._drawn
        if since_drawn > TICK:
            self.call_next(self._tick)
        elif not self._hurries and not all(broker_session.has_figures for broker_session in self.broker_sessions):
            self._hurries = True
            if since_drawn < FIRST_TICK:
                self.set_timer(FIRST_TICK - since_drawn, self._tick)
            else:
                self.call_next(self._tick)

    def _tick(self) -> None:
        screen, self._hurries = self.current_screen, False
        lost = any(
            broker_session.snapshot is not None and broker_session.snapshot.error is not None
            for broker_session in self.broker_sessions
        )
        if (self._fresh or lost) and screen is not None and screen.is_ready:
            shown = any(
                broker_session.snapshot is not None and broker_session.snapshot.destinations
                for broker_session in self.broker_sessions
            )
            self._fresh, self._drawn = False, monotonic() if shown else 0.0
            screen.refresh_figures()
            screen.draw_frame()
        elif screen is not None and screen.is_ready and any(map(is_not_read, self.broker_sessions)):
            screen.show_waiting()
        if self.sessions.running_tasks:
            self.gc_scheduler.on_activity()
        self.gc_scheduler.on_tick()
        if terminal_is_gone():
            self.exit()

    async def on_event(self, event: events.Event) -> None:
        """Keys are answered one by one: a key may move the focus, and so change what the next one means."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self.gc_scheduler.on_activity()
            LOOP_YIELDER.note_key_press()
            await self.key_queue.take(event)
        else:
            await super().on_event(event)

    async def on_key_queue_answered(self, event: KeyQueue.Answered) -> None:
        """The key that was sent on is answered: take the next."""
        event.stop()
        await self.key_queue.on_answered()

    # -- what is shown

    @property
    def broker_sessions(self) -> list[BrokerSession]:
        """The brokers of the session that is shown; at home all of them."""
        return self.sessions.for_target(self.target) if self.target else list(self.sessions.broker_sessions.values())

    @property
    def policy(self) -> Policy | None:
        """The policy of the session that is shown; None at home, or before a broker is open."""
        for broker_session in self.broker_sessions:
            if self.target and broker_session.session is not None:
                return broker_session.session.policy
        return None

    # -- going

    @cached_property
    def go(self) -> Navigator:
        """What shows other screens."""
        from mqtui.ui.navigation.navigator import Navigator

        return Navigator(self)

    async def home(self) -> None:
        """Show all profiles, or the first steps where there is none."""
        self.target = ""
        await self.show(screen_class("home" if has_profiles() or self.sessions.broker_sessions else "start")())

    async def open_session(self, target: str, kinds: Iterable[BrokerKind], url: str = "") -> None:
        """Show the session of a target, whose brokers open in the background. `url` is opened instead of the target."""
        self.sessions.open(target, kinds, url)
        self.target = target
        self.ui_state.use(target)
        await self.show(screen_class("nav.view_1")())

    async def open_target(self, target: str) -> None:
        """Show the session of a profile or a URL; a secret in the URL is taken out of the target's name."""
        from mqtui.profiles.resolve import resolve_target

        resolved = await run_in_thread("secret", partial(resolve_target, target))
        kinds = [address.kind for address in resolved.addresses]
        if resolved.profile is None:
            await self.open_session(resolved.shown, kinds, target)
        else:
            await self.open_session(target, kinds)

    async def show(self, screen: Screen[Any]) -> None:
        """Go to a screen; the one before is kept as it is."""
        await self.history.forward(screen)

    async def replace_screen(self, screen: Screen[Any]) -> None:
        """Go to a screen instead of this one: back leads past it."""
        await self.switch_screen(screen)

    async def back(self) -> None:
        """Go one screen back; at home it says how to quit."""
        if not self.history.back():
            self.flash("this is home; q quits", "text")

    def dismiss_tour(self) -> bool:
        """Hide the hints of the demo; whether they were shown."""
        if not self.tour.hide():
            return False
        if self.current_screen is not None:
            self.current_screen.draw_frame()
            self.current_screen.refresh_figures()
        return True

    def flash(self, text: str, tone: str = "warn") -> None:
        """Answer a key in the prompt line, for a few seconds."""
        if self.current_screen is not None and self.current_screen.is_ready:
            self.current_screen.prompt_line.flash(text, tone)

    def copy(self, text: str, what: str) -> None:
        """Copy a text and say how; `what` names it in the answer."""
        from mqtui.ui import clipboard

        copying = clipboard.copy_and_report(text, what, self.copy_to_clipboard, self.flash)
        self.run_worker(copying, exclusive=True, group="copy", exit_on_error=False)

    # -- actions that work everywhere

    @property
    def global_action_ids(self) -> frozenset[str]:
        """Ids of the actions that every screen has."""
        return frozenset(self._global_actions)

    async def action_do(self, action_id: str) -> None:
        """Do an action of the screen that is shown, if the key was meant for what is on it."""
        screen: Screen[Any] = self.screen
        perform = getattr(screen, "perform", None)
        if isinstance(screen, ConsoleScreen) and not screen.takes_key(action_id, self.key_queue.typed_at):
            return
        if perform is not None:
            await perform(action_id)

    async def run_global_action(self, action_id: str) -> None:
        """Do a global action."""
        outcome = self._global_actions[action_id]()
        if isawaitable(outcome):
            await _awaited(outcome)

    async def action_stop_reading(self) -> None:
        """Ctrl+c: stop reading; it never ends the console."""
        if self.current_screen is not None and not self.current_screen.stop_reading():
            self.current_screen.prompt_line.flash("q quits")


async def _awaited(outcome: Awaitable[object]) -> None:
    await outcome
