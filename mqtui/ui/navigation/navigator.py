"""Opening places with something in them. Screens are loaded when first shown."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mqtui.domain.errors import NotFound
from mqtui.domain.resource import BrokerKind, Kind, Ref, parse_name
from mqtui.ui.actions import Action
from mqtui.ui.session.sessions import BackgroundTask, BrokerSession

if TYPE_CHECKING:
    from mqtui.domain.cause import Cause
    from mqtui.profiles.model import Profile
    from mqtui.services.cause_samples import CauseSamples
    from mqtui.services.deadletters import DeadLetterDestination as Letters
    from mqtui.services.redrive.request import RedriveRequest
    from mqtui.ui.app import Console
    from mqtui.ui.render.destinations.groups import GroupRow
    from mqtui.ui.screens.redrive.run import RunScreen


def loaded(module: str, name: str) -> Any:
    """A class or function of a screen's module, loaded now."""
    return getattr(import_module(f"mqtui.ui.screens.{module}"), name)


class Navigator:
    """The ways into places that need something: `console.go.review(...)`."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def broker_session(self, target: str, broker: BrokerKind) -> BrokerSession | None:
        """The open broker of a target; said where it is not open."""
        broker_session = self._console.sessions.broker_sessions.get((target or self._console.target, broker))
        if broker_session is None or broker_session.session is None:
            self._console.flash(f"{broker} is not open")
            return None
        return broker_session

    async def destination(self, broker: BrokerKind, ref: Ref, *, letters: bool, target: str = "") -> None:
        """Messages of a destination, or the causes of its letters."""
        broker_session = self.broker_session(target, broker)
        if broker_session is None or broker_session.seen is None:
            return
        place = next((place for place in broker_session.seen.dead_letters if place.ref == ref), None)
        if letters and place is not None:
            await self.letters(broker_session.target, broker, place)
            return
        await loaded("messages.messages", "open_messages")(self._console, broker_session, ref)

    async def following(self, broker_session: BrokerSession, ref: Ref) -> None:
        """Messages of a destination, followed from the first moment."""
        await loaded("messages.messages", "follow_messages")(self._console, broker_session, ref)

    async def named(self, target: str, resource: str) -> None:
        """A resource by its name, as the command line takes it; letters by cause where it holds dead ones.

        Raises:
            NotFound: no open broker has it.
        """
        from mqtui.services.browse import find_destination

        wanted = parse_name(resource)
        missing = NotFound(f"No {resource!r} on {target}")
        for broker_session in self._console.sessions.for_target(target):
            await broker_session.opened_or_failed.wait()
            if broker_session.session is None or broker_session.watch is None:
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
        """A resource that was asked for: it is looked at by itself, while the list of all is still on its way.

        A queue's dead letters are told by the settings of the other queues: there the list is waited for.
        """
        if broker_session.session is None or broker_session.watch is None:
            return
        if ref.kind is Kind.QUEUE:
            self._console.sessions.first_resource_shown.set()
            await broker_session.watch.first_poll_done.wait()
        if not broker_session.has_figures:
            from mqtui.services.deadletters import find_one_destination

            place = await find_one_destination(broker_session.session, broker_session.conventions, ref)
            if place is not None:
                await self.letters(broker_session.target, broker_session.kind, place)
            else:
                await loaded("messages.messages", "open_messages")(self._console, broker_session, ref)
            return
        await self.destination(broker_session.kind, ref, letters=True, target=broker_session.target)

    async def letters(self, target: str, broker: BrokerKind, place: Letters) -> None:
        """Letters by cause."""
        broker_session = self.broker_session(target, broker)
        if broker_session is not None:
            await self._console.show(loaded("dead_letters.causes", "CausesScreen")(broker_session, place))

    async def case(self, broker_session: BrokerSession, place: Letters, cause: Cause, case: CauseSamples) -> None:
        """The letters of one cause."""
        await loaded("dead_letters.letter", "open_case")(self._console, broker_session, place, cause, case)

    async def group(self, line: GroupRow) -> None:
        """A group among the others, with its partitions beside."""
        await self._console.run_global_action("nav.view_2")
        place = self._console.current_screen
        if place is not None and place.focused_table is not None:
            place.focused_table.go_to((line.broker, line.group.ref))

    async def pending(self, line: GroupRow, target: str = "") -> None:
        """Consumers and pending entries of a Redis group."""
        broker_session = self.broker_session(target, line.broker)
        if broker_session is not None:
            await self._console.show(loaded("destinations.pending", "PendingScreen")(broker_session, line))

    async def publish(self, broker_session: BrokerSession, ref: Ref) -> None:
        """A form for one message."""
        await self._console.show(loaded("messages.publish", "PublishScreen")(broker_session, ref))

    async def profile(self, profile: Profile | None = None) -> None:
        """The form of a profile, or of a new one."""
        await self._console.show(loaded("home.profile_form", "ProfileFormScreen")(profile))

    async def review(self, target: str, broker: BrokerKind, request: RedriveRequest) -> None:
        """The plan of a redrive or a discard."""
        broker_session = self.broker_session(target, broker)
        if broker_session is not None:
            await self._console.show(loaded("redrive.review", "PlanReviewScreen")(broker_session, request))

    def launch(self, place: RunScreen) -> None:
        """Start a run, in the place of its review; later, since the review's own worker ends with it."""
        self.take_off(place.background_task)
        self._console.call_later(self._console.replace_screen, place)

    def take_off(self, task: BackgroundTask) -> None:
        """Start a run, or a put back; its end is told wherever one is then."""
        self._console.sessions.track(task)
        task.start()
        self._console.run_worker(
            loaded("overlays.run_finished", "told_at_its_end")(self._console, task), exit_on_error=False
        )

    async def run(self, run: str) -> None:
        """The letters of a run."""
        await self._console.show(loaded("runs.letters", "RunLettersScreen")(run))

    async def put_back(self, broker_session: BrokerSession, run: str) -> None:
        """The plan of a put back."""
        await self._console.show(loaded("redrive.putback", "PutBackScreen")(broker_session, run))

    def why_no_write(self, target: str, broker: BrokerKind, action: Action) -> str | None:
        """Why the profile or the link lets nothing be changed; None where they do."""
        broker_session = self._console.sessions.broker_sessions.get((target, broker))
        if broker_session is None or broker_session.session is None:
            return f"{broker} is not open"
        if broker_session.seen is not None and broker_session.seen.error is not None:
            return f"the link to {broker} is lost"
        if action.needs is not None:
            support = broker_session.session.policy.permits(action.needs)
            if not support:
                return f"{support.reason}. {support.hint}"
        return None
