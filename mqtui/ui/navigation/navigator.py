"""Showing a screen with something in it: the only way from one screen to another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from mqtui.domain.errors import NotFound
from mqtui.domain.message import Position
from mqtui.domain.read_range import Edge, Since
from mqtui.domain.resource import BrokerKind, Kind, Ref, parse_name
from mqtui.ui.navigation.destination_tabs import CAUSES, MESSAGES, PARTITIONS, tab_names
from mqtui.ui.navigation.screen_classes import load, screen_class

if TYPE_CHECKING:
    from textual.screen import Screen

    from mqtui.domain.cause import Cause
    from mqtui.domain.message import Message
    from mqtui.domain.plan import Plan, StepResult
    from mqtui.domain.policy import Consent
    from mqtui.domain.topology import GroupLag, PartitionLag
    from mqtui.profiles.model import Profile
    from mqtui.services.cause_samples import CauseSamples
    from mqtui.services.deadletters import DeadLetterDestination
    from mqtui.services.destinations.change import AsksForChange
    from mqtui.services.offsets.request import OffsetsRequest
    from mqtui.services.redrive.request import RedriveRequest
    from mqtui.services.session import Session
    from mqtui.ui.actions import Action
    from mqtui.ui.navigation.history import ScreenHistory
    from mqtui.ui.profile_draft import ProfileDraft
    from mqtui.ui.render.destinations.groups import GroupRow
    from mqtui.ui.session.run_task import RunTask
    from mqtui.ui.session.sessions import BackgroundTask, BrokerSession, SessionRegistry
    from mqtui.ui.widgets.row_table import RowTable

Start: TypeAlias = Position | Edge | Since
"""Where messages are shown from: around a position, the oldest, from a time on; from the newest on, following."""

AUDIT_TABS = ("audit", "requests")
"""The tabs of view 6."""

NO_TAIL = "a queue can't be followed: each message goes to one reader"


class ListedScreen(Protocol):
    """A screen with a list, as far as the navigator moves its cursor."""

    @property
    def focused_table(self) -> RowTable[Any] | None:
        """The list with the focus, else the first."""


class NavigatorHost(Protocol):
    """The console, as far as the navigator uses it."""

    target: str

    @property
    def sessions(self) -> SessionRegistry:
        """Open brokers and tasks under way."""

    @property
    def current_screen(self) -> ListedScreen | None:
        """The screen that is shown."""

    @property
    def history(self) -> ScreenHistory:
        """The screens on the stack."""

    async def show(self, screen: Screen[None]) -> None:
        """Go to a screen."""

    async def replace_screen(self, screen: Screen[None]) -> None:
        """Go to a screen instead of the one that is shown."""

    async def run_global_action(self, action_id: str) -> None:
        """Do an action that works everywhere."""

    def flash(self, text: str) -> None:
        """Answer a key for a while."""

    def call_later(self, callback: Callable[..., Any], *args: Any) -> bool:
        """Call it when what is under way is done."""

    def run_worker(self, work: Coroutine[Any, Any, None], *, exit_on_error: bool) -> object:
        """Do work beside the loop's other work."""


class Navigator:
    """Shows screens by what they are about: `console.go.review(...)`. It alone knows their classes."""

    def __init__(self, console: NavigatorHost) -> None:
        self._console = console

    async def _show(self, name: str, *about: Any, **options: Any) -> None:
        await self._console.show(screen_class(name)(*about, **options))

    def broker_session(self, target: str, broker: BrokerKind) -> BrokerSession | None:
        """The open broker of a target ("" is the one that is shown); None where it is closed, which is said."""
        broker_session = self._console.sessions.broker_sessions.get((target or self._console.target, broker))
        if broker_session is None or broker_session.session is None:
            self._console.flash(f"{broker} is not open")
            return None
        return broker_session

    # -- destinations and messages

    async def destination(self, broker: BrokerKind, ref: Ref, *, letters: bool, target: str = "") -> None:
        """The messages of a destination; with `letters` the causes of its dead letters, where it holds some."""
        broker_session = self.broker_session(target, broker)
        if broker_session is None or broker_session.snapshot is None:
            return
        destination = next(
            (destination for destination in broker_session.snapshot.dead_letters if destination.ref == ref), None
        )
        if letters and destination is not None:
            await self.letters(broker_session.target, broker, destination)
            return
        await self.messages(broker_session, ref)

    async def properties(self, broker_session: BrokerSession, ref: Ref) -> None:
        """What the broker says of a destination."""
        await self._show("properties", broker_session, ref)

    def tabs(self, broker_session: BrokerSession, ref: Ref) -> tuple[str, ...]:
        """The names of a destination's tabs, in their order."""
        return tab_names(broker_session, ref)

    async def tab(self, broker_session: BrokerSession, ref: Ref, name: str) -> None:
        """A tab of a destination: its causes, its messages or its description; one that is open is as it was left."""
        if not name:
            self._console.flash(f"{ref.name} has no other tab")
        elif await self._console.history.to_kept(lambda screen: _is_tab(screen, broker_session, ref, name)):
            return
        elif name == CAUSES:
            await self.destination(broker_session.kind, ref, letters=True, target=broker_session.target)
        elif name == MESSAGES:
            await self.messages(broker_session, ref)
        elif name == PARTITIONS:
            await self._show("partitions", broker_session, ref)
        else:
            await self.properties(broker_session, ref)

    async def messages(self, broker_session: BrokerSession, ref: Ref, start: Start | None = None) -> None:
        """The messages of a destination; of a queue, which is peeked at, the cost of that first."""
        if broker_session.session is None:
            return
        if ref.kind is Kind.EXCHANGE:
            self._console.flash(f"{ref.name} is an exchange: it keeps no messages")
        elif await _lends(broker_session, ref):
            await self._show("peek", broker_session, ref)
        elif broker_session.snapshot is not None and any(
            destination.ref == ref for destination in broker_session.snapshot.dead_letters
        ):
            await self._show("dead_letters", broker_session, ref, start)
        else:
            await self._show("messages", broker_session, ref, start)

    async def search(self, broker_session: BrokerSession, refs: Sequence[Ref], text: str) -> None:
        """What a search finds in some destinations of one broker; of queues, which are peeked at, their cost first."""
        await self._show("search", broker_session, refs, text)

    async def find(self, text: str) -> None:
        """Where a text is, in every place of all open brokers."""
        await self._show("find", text)

    async def messages_around(self, broker_session: BrokerSession, ref: Ref, position: Position) -> None:
        """The messages around a position that is known to be there."""
        await self._show("messages", broker_session, ref, position)

    async def stuck_record(self, broker_session: BrokerSession, lag: GroupLag, part: PartitionLag) -> None:
        """The message that a group reads next in a partition, with its neighbours and what keeps the group there."""
        await self._show("stuck_record", broker_session, lag, part)

    async def follow(self, broker_session: BrokerSession, ref: Ref) -> None:
        """The messages of a destination, following its end; of a queue the reason why it can't be followed."""
        if broker_session.session is not None and await _lends(broker_session, ref):
            self._console.flash(NO_TAIL)
            return
        await self.messages(broker_session, ref, Edge.NEWEST)

    async def resource_by_name(self, target: str, resource: str) -> None:
        """A resource by its name, as the command line takes it; letters by cause where it holds dead ones.

        Raises:
            NotFound: no open broker has it.
        """
        from mqtui.services.browse import find_destination

        wanted = parse_name(resource)
        missing = NotFound(f"No {resource!r} on {target}")
        for broker_session in self._console.sessions.for_target(target):
            await broker_session.opened_or_failed.wait()
            if broker_session.session is None or broker_session.poller is None:
                continue
            try:
                found = await find_destination(broker_session.session.broker, wanted)
            except NotFound as error:
                missing = error
                continue
            await self._open_found(broker_session, found.ref)
            return
        raise missing

    async def _open_found(self, broker_session: BrokerSession, ref: Ref) -> None:
        """Show a resource that was asked for; it is looked at by itself, while the list of all is still on its way.

        Whether a queue holds dead letters shows in the settings of the others: for a queue, wait for the first poll.
        """
        if broker_session.session is None or broker_session.poller is None:
            return
        if ref.kind is Kind.QUEUE:
            self._console.sessions.first_resource_shown.set()
            await broker_session.poller.first_poll_done.wait()
        if not broker_session.has_figures:
            from mqtui.services.deadletters import find_dead_letter_destination

            destination = await find_dead_letter_destination(broker_session.session, broker_session.conventions, ref)
            if destination is not None:
                await self.letters(broker_session.target, broker_session.kind, destination)
            else:
                await self.messages(broker_session, ref)
            return
        await self.destination(broker_session.kind, ref, letters=True, target=broker_session.target)

    async def publish(self, broker_session: BrokerSession, ref: Ref) -> None:
        """A form for one message."""
        await self._show("publish", broker_session, ref)

    async def change(self, broker_session: BrokerSession, name: str, ask: AsksForChange) -> None:
        """The plan of a change of a destination itself."""
        await self._show("change", broker_session, name, ask)

    # -- groups

    async def group(self, line: GroupRow) -> None:
        """A group among the others, with its partitions beside."""
        await self._console.run_global_action("nav.view_2")
        screen = self._console.current_screen
        if screen is not None and screen.focused_table is not None:
            screen.focused_table.go_to((line.broker, line.group.ref))

    async def pending(self, line: GroupRow, target: str = "") -> None:
        """Consumers and pending entries of a Redis group."""
        broker_session = self.broker_session(target, line.broker)
        if broker_session is not None:
            await self._show("pending", broker_session, line)

    async def claim(
        self, broker_session: BrokerSession, session: Session, plan: Plan, owners: str, after: Callable[[], object]
    ) -> None:
        """The plan that gives pending entries to another consumer. `after` is called when it was carried out."""
        await self._show("claim", broker_session, session, plan, owners, after=after)

    # -- dead letters

    async def letters(self, target: str, broker: BrokerKind, destination: DeadLetterDestination) -> None:
        """The dead letters of a destination by cause."""
        broker_session = self.broker_session(target, broker)
        if broker_session is not None:
            await self._show("causes", broker_session, destination)

    async def case(
        self, broker_session: BrokerSession, destination: DeadLetterDestination, cause: Cause, case: CauseSamples
    ) -> None:
        """The letters of one cause, the first of them open."""
        if case.letters:
            await self.letter(broker_session, destination.ref, tuple(case.letters), 0, cause.count)

    async def letter(
        self, broker_session: BrokerSession, ref: Ref, letters: Sequence[Message], at: int, total: int = 0
    ) -> None:
        """One of some letters that are in memory. `total` is how many there are where not all of them are."""
        await self._show("dead_letter", broker_session, ref, letters, at, total)

    # -- plans

    async def review(self, target: str, broker: BrokerKind, request: RedriveRequest) -> None:
        """The plan of a redrive or a discard."""
        broker_session = self.broker_session(target, broker)
        if broker_session is not None:
            await self._show("review", broker_session, request)

    async def redrive_options(
        self,
        broker_session: BrokerSession,
        request: RedriveRequest,
        allowed: Collection[str],
        taken: Callable[[RedriveRequest, frozenset[str]], None],
    ) -> None:
        """A form for the options of a redrive. `taken` gets the new request and the risks that are allowed."""
        await self._show("redrive_options", broker_session, request, allowed, taken)

    async def confirm_plan(
        self,
        broker_session: BrokerSession,
        plan: Plan,
        work: Callable[[Consent], Awaitable[StepResult]],
        after: Callable[[], object],
        typed: str = "",
    ) -> None:
        """A plan of one step; enter does the `work`. `typed` is a name to be typed first, on every profile."""
        await self._show("confirm_plan", broker_session, plan, work, after=after, typed=typed)

    async def put_back(self, broker_session: BrokerSession, run: str) -> None:
        """The plan that puts the letters or the offsets of a run back."""
        await load("destinations.offsets", "open_put_back")(self._console, broker_session, run)

    async def offsets(self, broker_session: BrokerSession, request: OffsetsRequest) -> None:
        """The plan of what is asked of a group's offsets."""
        await self._show("offsets", broker_session, request.group, load("destinations.offsets", "planner_of")(request))

    # -- runs

    def start_run(self, broker_session: BrokerSession, task: RunTask) -> None:
        """Start a run, and show it instead of its review: later, since the review's own worker ends with it."""
        self.track(task)
        self._console.call_later(self._show_instead, "run", broker_session, task)

    async def _show_instead(self, name: str, *about: Any) -> None:
        await self._console.replace_screen(screen_class(name)(*about))

    def track(self, task: BackgroundTask) -> None:
        """Start a run, or a put back, in the background; a toast reports its end."""
        self._console.sessions.track(task)
        task.start()
        self._console.run_worker(load("overlays.run_finished", "report_end")(self._console, task), exit_on_error=False)

    async def show_run(self, broker_session: BrokerSession, task: RunTask) -> None:
        """A run that is under way in this console."""
        await self._show("run", broker_session, task)

    async def run(self, run: str) -> None:
        """The letters of a run."""
        await self._show("run_letters", run)

    async def resume(self, run: str) -> None:
        """The plan of what is left of an interrupted run.

        Raises:
            Refused, Held, NotFound: it can't be resumed.
        """
        await load("runs.resume", "open_resume")(self._console, run)

    async def audit(self, number: int) -> None:
        """The audit, with the cursor on a line."""
        await self._show("nav.view_6", number)

    async def requests(self) -> None:
        """What this console sent to the brokers."""
        await self._console.history.to_view(screen_class("requests"))

    # -- lists

    async def order(self, table: RowTable[Any], own_order: str) -> None:
        """The columns that a list can be ordered by. `own_order` is its order where none is chosen."""
        await load("overlays.order", "open_order")(self._console, table, own_order)

    async def figures(self, table: RowTable[Any], explanation: str) -> None:
        """Where the figures of the row under the cursor come from. `explanation` is about the whole row."""
        await load("overlays.figures", "open_figures")(self._console, table, explanation)

    # -- profiles

    async def profile(self, profile: Profile | None = None, draft: ProfileDraft | None = None) -> None:
        """The form of a profile, or of a new one, which a draft fills."""
        await self._show("profile_form", profile, draft)

    async def ways_to_begin(self) -> None:
        """The first steps: the demo, this machine, a connection, a URL, import."""
        await self._show("start")

    def why_no_write(self, target: str, broker: BrokerKind, action: Action) -> str | None:
        """Why nothing can be changed on a broker: it is closed, not connected, or its profile forbids it; else None."""
        broker_session = self._console.sessions.broker_sessions.get((target, broker))
        if broker_session is None or broker_session.session is None:
            return f"{broker} is not open"
        if broker_session.snapshot is not None and broker_session.snapshot.error is not None:
            return f"the link to {broker} is lost"
        if action.needs is not None:
            support = broker_session.session.policy.permits(action.needs)
            if not support:
                return f"{support.reason}. {support.hint}"
        return None


def _is_tab(screen: Screen[Any], broker_session: BrokerSession, ref: Ref, name: str) -> bool:
    """Whether a screen is that tab of a destination."""
    if getattr(screen, "tab_name", "") != name or getattr(screen, "ref", None) != ref:
        return False
    return getattr(screen, "broker_session", None) is broker_session


async def _lends(broker_session: BrokerSession, ref: Ref) -> bool:
    """Whether reading a destination takes messages out and requeues them (a classic or quorum queue)."""
    if ref.kind is not Kind.QUEUE or broker_session.session is None:
        return False
    return (await broker_session.session.broker.reader.peek_cost(ref, 1)).lends
