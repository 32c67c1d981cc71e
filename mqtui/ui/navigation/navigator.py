"""Opening places with something in them. Screens are loaded when first shown."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mqtui.domain.errors import NotFound
from mqtui.domain.resource import BrokerKind, Kind, Ref, parse
from mqtui.ui.actions import Action
from mqtui.ui.session.sessions import BackgroundTask, BrokerSession

if TYPE_CHECKING:
    from mqtui.domain.cause import Cause
    from mqtui.profiles.model import Profile
    from mqtui.services.casebook import Case
    from mqtui.services.deadletters import Place as Letters
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

    def desk(self, target: str, broker: BrokerKind) -> BrokerSession | None:
        """The open broker of a target; said where it is not open."""
        desk = self._console.bench.desks.get((target or self._console.target, broker))
        if desk is None or desk.session is None:
            self._console.say_in_line(f"{broker} is not open")
            return None
        return desk

    async def destination(self, broker: BrokerKind, ref: Ref, *, letters: bool, target: str = "") -> None:
        """Messages of a destination, or the causes of its letters."""
        desk = self.desk(target, broker)
        if desk is None or desk.seen is None:
            return
        place = next((place for place in desk.seen.places if place.ref == ref), None)
        if letters and place is not None:
            await self.letters(desk.target, broker, place)
            return
        await loaded("messages.messages", "open_messages")(self._console, desk, ref)

    async def following(self, desk: BrokerSession, ref: Ref) -> None:
        """Messages of a destination, followed from the first moment."""
        await loaded("messages.messages", "follow_messages")(self._console, desk, ref)

    async def named(self, target: str, resource: str) -> None:
        """A resource by its name, as the command line takes it; letters by cause where it holds dead ones.

        Raises:
            NotFound: no open broker has it.
        """
        from mqtui.services.browse import find

        wanted = parse(resource)
        missing = NotFound(f"No {resource!r} on {target}")
        for desk in self._console.bench.of(target):
            await desk.settled.wait()
            if desk.session is None or desk.watch is None:
                continue
            try:
                found = await find(desk.session.broker, wanted)
            except NotFound as error:
                missing = error
                continue
            await self._open_found(desk, found.ref)
            return
        raise missing

    async def _open_found(self, desk: BrokerSession, ref: Ref) -> None:
        """A resource that was asked for: it is looked at by itself, while the list of all is still on its way.

        A queue's dead letters are told by the settings of the other queues: there the list is waited for.
        """
        if desk.session is None or desk.watch is None:
            return
        if ref.kind is Kind.QUEUE:
            self._console.bench.named_first.set()
            await desk.watch.looked.wait()
        if not desk.looked:
            from mqtui.services.deadletters import find_one

            place = await find_one(desk.session, desk.conventions, ref)
            if place is not None:
                await self.letters(desk.target, desk.kind, place)
            else:
                await loaded("messages.messages", "open_messages")(self._console, desk, ref)
            return
        await self.destination(desk.kind, ref, letters=True, target=desk.target)

    async def letters(self, target: str, broker: BrokerKind, place: Letters) -> None:
        """Letters by cause."""
        desk = self.desk(target, broker)
        if desk is not None:
            await self._console.show(loaded("dead_letters.causes", "CausesScreen")(desk, place))

    async def case(self, desk: BrokerSession, place: Letters, cause: Cause, case: Case) -> None:
        """The letters of one cause."""
        await loaded("dead_letters.letter", "open_case")(self._console, desk, place, cause, case)

    async def group(self, line: GroupRow) -> None:
        """A group among the others, with its partitions beside."""
        await self._console.do_everywhere("nav.view_2")
        place = self._console.place
        if place is not None and place.focused_table is not None:
            place.focused_table.go_to((line.broker, line.group.ref))

    async def pending(self, line: GroupRow, target: str = "") -> None:
        """Consumers and pending entries of a Redis group."""
        desk = self.desk(target, line.broker)
        if desk is not None:
            await self._console.show(loaded("destinations.pending", "PendingScreen")(desk, line))

    async def publish(self, desk: BrokerSession, ref: Ref) -> None:
        """A form for one message."""
        await self._console.show(loaded("messages.publish", "PublishScreen")(desk, ref))

    async def profile(self, profile: Profile | None = None) -> None:
        """The form of a profile, or of a new one."""
        await self._console.show(loaded("home.profile_form", "ProfileFormScreen")(profile))

    async def review(self, target: str, broker: BrokerKind, order: RedriveRequest) -> None:
        """The plan of a redrive or a discard."""
        desk = self.desk(target, broker)
        if desk is not None:
            await self._console.show(loaded("redrive.review", "PlanReviewScreen")(desk, order))

    def launch(self, place: RunScreen) -> None:
        """Start a run, in the place of its review; later, since the review's own worker ends with it."""
        self.take_off(place.flight)
        self._console.call_later(self._console.instead, place)

    def take_off(self, flight: BackgroundTask) -> None:
        """Start a run, or a put back; its end is told wherever one is then."""
        self._console.bench.fly(flight)
        flight.start()
        self._console.run_worker(
            loaded("overlays.run_finished", "told_at_its_end")(self._console, flight), exit_on_error=False
        )

    async def run(self, run: str) -> None:
        """The letters of a run."""
        await self._console.show(loaded("runs.letters", "RunLettersScreen")(run))

    async def put_back(self, desk: BrokerSession, run: str) -> None:
        """The plan of a put back."""
        await self._console.show(loaded("redrive.putback", "PutBackScreen")(desk, run))

    def why_no_write(self, target: str, broker: BrokerKind, action: Action) -> str | None:
        """Why the profile or the link lets nothing be changed; None where they do."""
        desk = self._console.bench.desks.get((target, broker))
        if desk is None or desk.session is None:
            return f"{broker} is not open"
        if desk.seen is not None and desk.seen.trouble is not None:
            return f"the link to {broker} is lost"
        if action.needs is not None:
            support = desk.session.policy.permits(action.needs)
            if not support:
                return f"{support.reason}. {support.hint}"
        return None
