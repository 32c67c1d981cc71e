"""The console: wiring only. Places do the work, the workbench holds what is open."""

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
from mqtui.domain.errors import MqtuiError
from mqtui.domain.policy import Policy
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.presence import any_profile
from mqtui.state.log import log_file
from mqtui.state.mistakes import own_mistake
from mqtui.state.paths import config_dir
from mqtui.ui import keymap, theme
from mqtui.ui.glyphs import Glyphs, wanted
from mqtui.ui.hangup import terminal_is_gone
from mqtui.ui.key_queue import KeyQueue
from mqtui.ui.navigation import global_actions
from mqtui.ui.navigation.history import ScreenHistory
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
"""The same while what is shown is a first look: names, then figures, then letters."""

TICK = 0.5
"""Seconds between two looks for new figures: no screen-wide tick is faster than 4 Hz."""


class Console(App[None], inherit_bindings=False):
    """The whole console. `start` is what it opens with: `(target, resource)`, or nothing for home."""

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
        supply: DemoBrokers | None = None,
        demo: Callable[[], DemoBrokers] | None = None,
    ) -> None:
        self.themes = theme.load()
        super().__init__()
        for each in self.themes.known.values():
            self.register_theme(each.textual())
        self.habits = SavedUiState(self)
        self.set_reactive(Console.theme, self.habits.theme)
        self.stylesheet.set_variables(self.get_css_variables())
        self.start = start
        self.supply = supply
        self.demo = demo
        self.starting: dict[str, str] = {}
        """What brokers that are not up yet are doing."""

        self.glyphs = Glyphs(wanted(asked=ascii_only))
        self.set_class(self.glyphs.ascii_only, "-ascii")
        draw_scrollbars(ascii_only=self.glyphs.ascii_only)
        self.keymap = keymap.load(config_dir() / "keymap.toml")
        self.bench = SessionRegistry(self.figures_changed, self._shows_members, adapters)
        self.trail = ScreenHistory(self)
        self.toasts = Toasts(self)
        self.coach = DemoTour()
        self.target = ""
        """The target whose session is shown; "" at home."""

        self.garbage = GcScheduler()
        self.ended_by: MqtuiError | None = None
        """The mistake of ours that ended the console, once it has ended."""

        self.key_queue = KeyQueue(self, super().on_event)
        self._fresh = False
        self._drawn = 0.0
        """When rows were drawn; an empty list makes no row wait."""

        self._hurries = False
        self._ways: dict[str, Callable[[], Any]] = {}

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The tokens, before a theme is chosen."""
        return self.themes.known[theme.DEFAULT].textual().variables

    # -- life

    def _fatal_error(self) -> None:
        """Textual's end by an exception. Its own traceback prints local variables, and so what messages hold."""
        if self._exception is not None:
            self.ended_by = own_mistake(self._exception)
        self._close_messages_no_wait()

    def on_mount(self) -> None:
        """Keys, the first place."""
        self.set_keymap(self.keymap.changed)
        for note in (*self.themes.notes, *self.keymap.notes):
            self.bench.note(note, "warn")
        if (log := log_file()) is not None:
            self.bench.note(f"the log is {log}")
        self.set_interval(TICK, self._tick, name="figures")
        self._ways = global_actions.ways(self)
        self.call_later(self._ways["start"])

    async def on_unmount(self) -> None:
        """Give everything back."""
        await self.bench.close()
        self.garbage.stop()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """What fails without a place of its own is said in the one that is shown."""
        if self.place is not None:
            self.place.on_worker_state_changed(event)

    @property
    def place(self) -> ConsoleScreen | None:
        """The place that is shown; None before the first and after the last."""
        return self.screen if self.screen_stack and isinstance(self.screen, ConsoleScreen) else None

    def _shows_members(self) -> bool:
        """Whether the place that is shown has members of groups in it."""
        return self.place is not None and self.place.shows_members

    def figures_changed(self) -> None:
        """There are new figures, or others to come."""
        self._fresh = True
        if monotonic() - self._drawn > TICK:
            self.call_next(self._tick)
        elif not self._hurries and not all(desk.looked for desk in self.desks):
            self._hurries = True
            self.set_timer(FIRST_TICK, self._tick)

    def _tick(self) -> None:
        place, self._hurries = self.place, False
        lost = any(desk.seen is not None and desk.seen.trouble is not None for desk in self.desks)
        if (self._fresh or lost) and place is not None and place.stands:
            shown = any(desk.seen is not None and desk.seen.destinations for desk in self.desks)
            self._fresh, self._drawn = False, monotonic() if shown else 0.0
            place.refresh_figures()
            place.draw_frame()
        self.garbage.turn()
        if terminal_is_gone():
            self.exit()

    async def on_event(self, event: events.Event) -> None:
        """What is typed is taken one by one: a key may change what has the focus, and what the next one means."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self.garbage.touched()
            LOOP_YIELDER.note_key_press()
            await self.key_queue.take(event)
        else:
            await super().on_event(event)

    async def on_key_queue_answered(self, event: KeyQueue.Answered) -> None:
        """The key before was answered."""
        event.stop()
        await self.key_queue.answered()

    # -- what is shown

    @property
    def desks(self) -> list[BrokerSession]:
        """The open brokers of the session that is shown; at home all of them."""
        return self.bench.of(self.target) if self.target else list(self.bench.desks.values())

    @property
    def policy(self) -> Policy | None:
        """What the shown profile allows; None at home or before it is open."""
        for desk in self.desks:
            if self.target and desk.session is not None:
                return desk.session.policy
        return None

    # -- going

    @cached_property
    def go(self) -> Navigator:
        """The ways into places that need something."""
        from mqtui.ui.navigation.navigator import Navigator

        return Navigator(self)

    async def home(self) -> None:
        """All profiles, or the first steps where there is none."""
        self.target = ""
        await self.show(global_actions.place("home" if any_profile() else "start")())

    async def enter(self, target: str, kinds: Iterable[BrokerKind], url: str = "") -> None:
        """The session of a target; each broker opens by itself. `url` is what is opened, where it is not the target."""
        self.bench.open(target, kinds, url)
        self.target = target
        self.habits.use(target)
        await self.show(global_actions.place("nav.view_1")())

    async def enter_target(self, target: str) -> None:
        """The session of a profile or a URL; `target` is then its name, without a secret."""
        from mqtui.profiles.resolve import resolve

        resolved = await run_in_thread("secret", partial(resolve, target))
        kinds = [address.kind for address in resolved.addresses]
        if resolved.profile is None:
            await self.enter(resolved.shown, kinds, target)
        else:
            await self.enter(target, kinds)

    async def show(self, place: ConsoleScreen) -> None:
        """Go to a place; the one before is kept as it is."""
        await self.trail.forward(place)

    async def instead(self, place: ConsoleScreen) -> None:
        """Go to a place that takes the place of this one: back leads past it."""
        await self.switch_screen(place)

    async def back(self) -> None:
        """One step back; at the top it says so."""
        if not self.trail.back():
            self.say_in_line("this is home; q quits", "text")

    def leave_coach(self) -> bool:
        """Send the coach away; whether it was there."""
        if not self.coach.leave():
            return False
        if self.place is not None:
            self.place.draw_frame()
            self.place.refresh_figures()
        return True

    def say_in_line(self, text: str, tone: str = "warn") -> None:
        """Answer a key in the line of the place that is shown."""
        if self.place is not None and self.place.stands:
            self.place.line.why_not(text, tone)

    def copy(self, text: str, what: str) -> None:
        """Copy, and say which way it went."""
        from mqtui.ui import clipboard

        copying = clipboard.told(text, what, self.copy_to_clipboard, self.say_in_line)
        self.run_worker(copying, exclusive=True, group="copy", exit_on_error=False)

    # -- actions that work everywhere

    @property
    def everywhere(self) -> frozenset[str]:
        """Ids of actions that need no place of their own."""
        return frozenset(self._ways)

    async def action_do(self, action_id: str) -> None:
        """Do an action of the place that is shown."""
        screen: Screen[Any] = self.screen
        perform = getattr(screen, "perform", None)
        if perform is not None:
            await perform(action_id)

    async def do_everywhere(self, action_id: str) -> None:
        """Do an action that works everywhere."""
        outcome = self._ways[action_id]()
        if isawaitable(outcome):
            await _awaited(outcome)

    async def action_stop_reading(self) -> None:
        """Ctrl+c: stop what is being read, never the console."""
        if self.place is not None and not self.place.stop_reading():
            self.place.line.why_not("q quits")


async def _awaited(outcome: Awaitable[object]) -> None:
    await outcome
