"""What is open in one console: broker sessions, background tasks, notifications. No widgets.

Screens read it; `changed` is called when there are new figures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic, time
from typing import TYPE_CHECKING, NamedTuple, Protocol

from mqtui.brokers.options import REGISTRY_URL
from mqtui.domain.errors import MqtuiError
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.state.crash_report import report_crash
from mqtui.ui.session.alerts import ConsoleAlerts

if TYPE_CHECKING:
    from mqtui.brokers.port import Connect
    from mqtui.domain.convention import Conventions
    from mqtui.profiles.model import Profile
    from mqtui.services.decoding import Decoder
    from mqtui.services.poller import BrokerSnapshot, Poller
    from mqtui.services.session import Session

COLLECT_SECONDS = 0.05
"""Seconds for which the schemas that rows need are collected before they are fetched together."""

FIRST_RESOURCE_TIMEOUT = 2.0
"""Seconds for which polling waits for the one resource named on the command line."""


@dataclass(slots=True)
class BrokerSession:
    """One broker of one target. `session` is None until it is open; `error` says why it does not open."""

    target: str
    kind: BrokerKind
    url: str = field(default="", repr=False)
    """The URL to open, where the target is not one itself; it may hold a secret."""

    session: Session | None = None
    poller: Poller | None = None
    error: MqtuiError | None = None
    opening: bool = False
    opening_since: float = field(default_factory=monotonic)
    """When the last attempt to open it began."""

    opened_or_failed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is open, or has failed to open."""

    origins: dict[Ref, Conventions] = field(default_factory=dict)
    """What `settle_origin` found, by destination."""

    sent: dict[Ref, list[Mapping[str, str]]] = field(default_factory=dict)
    """Messages that were sent from the publish form of a destination: its texts, by field."""

    decoder_version: int = 0
    """Changes when messages may be decoded in another way: keys, rules or schemas were loaded."""

    _decoder: Decoder | None = None
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def snapshot(self) -> BrokerSnapshot | None:
        """The newest figures of the poller; None before it is open."""
        return self.poller.snapshot if self.poller else None

    async def settle_origin(self, ref: Ref) -> Conventions:
        """The conventions that hold for the dead letters of a destination, after the broker was asked for their origin.

        Raises:
            CannotConnect: the broker can't be asked.
        """
        from mqtui.services.origins import resolve_origin

        if self.session is None:
            return self.conventions
        self.origins[ref] = await resolve_origin(self.session, ref, self.conventions)
        return self.origins[ref]

    @property
    def conventions(self) -> Conventions:
        """The conventions of this machine, with the header names that the profile adds."""
        from mqtui.services.conventions import load_for_profile

        return load_for_profile(None if self.session is None else self.session.profile).conventions

    @property
    def decoder(self) -> Decoder:
        """How its messages are decoded; without the profile's keys and schemas until they are loaded."""
        from mqtui.services.decoding import PLAIN

        return self._decoder or PLAIN

    async def load_decoder(self) -> None:
        """Load the profile's keys and schema files, and the registry."""
        from mqtui.services.decoding import load_decoder

        if self.session is not None:
            self._decoder = await load_decoder(self.session.profile, self.session.address)

    @property
    def address(self) -> str:
        """The target as a command line takes it, without a secret."""
        from mqtui.profiles.url import without_secret

        if self.session is not None:
            return self.session.target
        return without_secret(self.url) if self.url else self.target

    @property
    def has_registry(self) -> bool:
        """Whether its address names a schema registry."""
        return self.session is not None and REGISTRY_URL in self.session.address.options

    @property
    def has_figures(self) -> bool:
        """Whether the first poll is done."""
        return self.snapshot is not None and bool(self.snapshot.as_of)


class BackgroundTask(Protocol):
    """A run or a put back, which goes on when its screen is left."""

    @property
    def id(self) -> str:
        """The run's id."""

    @property
    def source(self) -> Ref:
        """Where it takes letters from, or puts them back."""

    @property
    def is_running(self) -> bool:
        """Whether it is still under way."""

    def describe(self) -> str:
        """What it does and how far it is."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """Finish the batch in flight and leave the rest."""

    async def wait(self) -> None:
        """Wait for its end."""


class Notification(NamedTuple):
    """Something that happened elsewhere, such as the end of a background run. `time` is in seconds since the epoch."""

    time: float
    text: str
    tone: str = "text"


class SessionRegistry:
    """The broker sessions, background tasks and notifications of one console."""

    def __init__(
        self, changed: Callable[[], None], shows_members: Callable[[], bool], adapters: Connect | None = None
    ) -> None:
        self.broker_sessions: dict[tuple[str, BrokerKind], BrokerSession] = {}
        self.notifications: list[Notification] = []
        self.alerts = ConsoleAlerts()
        self.tasks: list[BackgroundTask] = []
        """All tasks of this console, the newest last."""

        self.drafts: dict[Hashable, dict[str, str]] = {}
        """What was typed into forms and neither sent nor saved: texts by field, by form."""

        self.first_resource_shown = asyncio.Event()
        """Cleared while the resource named on the command line is being read: polling waits for it."""

        self.first_resource_shown.set()
        self._changed = changed
        self._shows_members = shows_members
        self._adapters = adapters

    def profiles(self) -> list[Profile]:
        """The profiles of this machine, read anew.

        Raises:
            BadInput: the file has a mistake.
        """
        from mqtui.profiles.store import ProfileStore

        return list(ProfileStore().list_profiles())

    @property
    def running_tasks(self) -> list[BackgroundTask]:
        """The tasks that are under way."""
        return [task for task in self.tasks if task.is_running]

    def task_counts(self, source: Ref) -> tuple[int, int]:
        """How many tasks of this console worked on a destination, and how many of them have ended.

        A screen that shows its letters is as of before where this differs from what it was when they were read.
        """
        ours = [task for task in self.tasks if task.source == source]
        return len(ours), sum(not task.is_running for task in ours)

    def track(self, task: BackgroundTask) -> None:
        self.tasks.append(task)

    def notify(self, text: str, tone: str = "text") -> None:
        """Keep a notification, the newest 200."""
        self.notifications.append(Notification(time(), text, tone))
        del self.notifications[:-200]

    def open(self, target: str, kinds: Iterable[BrokerKind], url: str = "") -> list[BrokerSession]:
        """Begin to open brokers of a target; each is usable as soon as it is open. Failed ones are tried again."""
        broker_sessions = []
        for kind in kinds:
            broker_session = self.broker_sessions.get((target, kind))
            if broker_session is None:
                broker_session = self.broker_sessions[target, kind] = BrokerSession(target, kind, url)
                self._start(broker_session)
            else:
                self.reopen(broker_session)
            broker_sessions.append(broker_session)
        return broker_sessions

    def reopen(self, broker_session: BrokerSession) -> None:
        """Try again to open a session that failed; any other is left alone."""
        if broker_session.error is None or broker_session.opening:
            return
        broker_session.error, broker_session.opened_or_failed = None, asyncio.Event()
        self._start(broker_session)

    def _start(self, broker_session: BrokerSession) -> None:
        broker_session.opening, broker_session.opening_since = True, monotonic()
        broker_session._tasks.append(
            asyncio.create_task(
                self._keep_open(broker_session), name=f"broker {broker_session.target} {broker_session.kind}"
            )
        )

    async def _keep_open(self, broker_session: BrokerSession) -> None:
        from mqtui.brokers.registry import connect
        from mqtui.services.poller import Poller
        from mqtui.services.session import open_session

        try:
            async with AsyncExitStack() as stack:
                broker_session.session = await stack.enter_async_context(
                    open_session(
                        broker_session.url or broker_session.target,
                        broker_session.kind,
                        adapters=self._adapters or connect,
                    )
                )
                broker_session.poller = Poller(
                    broker_session.session,
                    broker_session.conventions,
                    self._changed,
                    self._shows_members,
                    partial(self.alerts.judge, broker_session.session),
                )
                broker_session.opening = False
                broker_session.opened_or_failed.set()
                self._changed()
                tasks = [
                    asyncio.create_task(work)
                    for work in (self._look(broker_session.poller), broker_session._stop.wait())
                ]
                loading = asyncio.create_task(self._keep_decoder(broker_session))
                try:
                    ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                    for task in ended:
                        await task
                finally:
                    for task in (*tasks, loading):
                        task.cancel()
                    await asyncio.gather(*tasks, loading, return_exceptions=True)
        except MqtuiError as error:
            self._gave_up(broker_session, error)
        except Exception as error:  # noqa: BLE001 - what nobody expected is said, and the other brokers stay
            self._gave_up(broker_session, report_crash(error))
        finally:
            broker_session.session = broker_session.poller = None

    async def _keep_decoder(self, broker_session: BrokerSession) -> None:
        """Load the decoder, then fetch each schema that shown messages turn out to need."""
        from mqtui.services.schema_registry import fetch_schemas

        await broker_session.load_decoder()
        broker_session.decoder_version += 1
        self._changed()
        registry = broker_session.decoder.registry
        if registry is None:
            return
        loop, wanted = asyncio.get_running_loop(), asyncio.Event()
        registry.on_wanted = partial(loop.call_soon_threadsafe, wanted.set)
        while True:
            await wanted.wait()
            await asyncio.sleep(COLLECT_SECONDS)
            wanted.clear()
            await fetch_schemas(registry)
            broker_session.decoder_version += 1
            self._changed()

    async def _look(self, poller: Poller) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_RESOURCE_TIMEOUT):
                await self.first_resource_shown.wait()
        await poller.run()

    def _gave_up(self, broker_session: BrokerSession, error: MqtuiError) -> None:
        broker_session.error = error
        broker_session.opening = False
        broker_session.opened_or_failed.set()
        self._changed()

    def for_target(self, target: str) -> list[BrokerSession]:
        """The broker sessions of a target."""
        return [broker_session for (name, _), broker_session in self.broker_sessions.items() if name == target]

    async def close(self) -> None:
        """Close all sessions, after the tasks have finished their batches."""
        for task in self.running_tasks:
            task.stop()
        for task in self.tasks:
            await task.wait()
        tasks = [task for broker_session in self.broker_sessions.values() for task in broker_session._tasks]
        for broker_session in self.broker_sessions.values():
            broker_session._stop.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.broker_sessions.clear()
