"""How long the event loop stands while heavy work goes on: python -m tests.perf.heartbeat [--letters 300000].

On Kafka and Redis letters are redriven under a watch, with a reader that lets one die again, and all put back. A plan
waits for a key command that takes 4 s, and runs for a journal that another process has locked. A beat is due every
10 ms; what is told is the longest wait for one, beside that of a loop that has nothing else to do.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from time import monotonic
from types import FrameType

import pytest

from mqtui.demo.servers import Servers
from mqtui.domain.capability import Verb
from mqtui.domain.plan import Result
from mqtui.domain.policy import Consent
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from mqtui.services.conventions import load_for_profile
from mqtui.services.redrive.planning import plan as planning
from mqtui.services.redrive.putback import putback
from mqtui.services.redrive.request import CanaryStages, RedriveRequest
from mqtui.services.redrive.run.run import RedriveRun
from mqtui.services.session import Session, open_session
from mqtui.state.journal import Journal
from mqtui.state.paths import state_dir
from mqtui.ui.app import TICK
from mqtui.ui.session.gc_scheduler import GcScheduler
from mqtui.ui.session.thread_switching import quick_thread_switches
from tests.chaos.kafka_side import KafkaSide
from tests.chaos.redis_side import RedisSide
from tests.chaos.scenes import Scene, Side
from tests.perf.engine import own_desk
from tests.perf.group_reader import GroupReader

BEAT = 0.01
SHOWN = 3
WATCH = 12.0
YES = Consent(yes=True, allowed=frozenset({"unread", "consumers", "no-reader", "not-heard"}))
COMMAND_SECONDS = 4.0
LOCKED_SECONDS = 3.0
MOST = 0.05
"""Seconds for which the loop may stand."""

SIDES: dict[str, Callable[[str], Side]] = {"kafka": KafkaSide, "redis": RedisSide}


class Heart:
    """Beats while it is entered. A thread looks what the loop is at where a beat is overdue."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        """Seconds by which beats came late."""

        self.stands: Counter[str] = Counter()
        """How often the loop was met at which place while a beat was overdue."""

        self._last = monotonic()
        self._loop_thread = threading.get_ident()
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    async def _beat(self) -> None:
        while True:
            self._last = began = monotonic()
            await asyncio.sleep(BEAT)
            self.waits.append(monotonic() - began - BEAT)

    def _watch(self) -> None:
        while not self._over.wait(BEAT):
            if monotonic() - self._last > MOST:
                frame = sys._current_frames().get(self._loop_thread)
                self.stands[_place(frame)] += 1

    async def __aenter__(self) -> Heart:
        self._task = asyncio.create_task(self._beat())
        await asyncio.sleep(BEAT)
        self._watcher.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(2 * BEAT)
        self._over.set()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def _place(frame: FrameType | None) -> str:
    """The innermost place in mqtui that a frame is in, and who called it."""
    found: list[str] = []
    while frame is not None and len(found) < 2:
        _, inside, file = frame.f_code.co_filename.rpartition("/mqtui/")
        if inside:
            found.append(f"{file}:{frame.f_lineno} {frame.f_code.co_name}")
        frame = frame.f_back
    return " in ".join(found)


@dataclass(frozen=True, slots=True)
class Stand:
    """What was done, how many seconds it took, the longest the loop stood meanwhile, and where it was met then."""

    what: str
    seconds: float
    longest: float
    places: Sequence[tuple[str, int]]

    def __str__(self) -> str:
        told = f"{self.what:40} {self.seconds:7.1f} s   the loop stood for at most {self.longest * 1000:6.0f} ms"
        return "\n".join([told, *(f"      {number:4} times at {place}" for place, number in self.places)])


@asynccontextmanager
async def python_as_in_the_console() -> AsyncIterator[None]:
    """The console makes the full collections of its process, in pauses, and lets threads give the lock away sooner."""
    scheduler = GcScheduler()

    async def tick() -> None:
        while True:
            await asyncio.sleep(TICK)
            scheduler.on_activity()
            scheduler.on_tick()

    scheduler.start()
    ticks = asyncio.create_task(tick())
    try:
        with quick_thread_switches():
            yield
    finally:
        ticks.cancel()
        scheduler.stop()


async def stood(what: str, work: Callable[[], Awaitable[object]]) -> Stand:
    """Do it beside a heart."""
    async with python_as_in_the_console(), Heart() as heart:
        began = monotonic()
        await work()
        seconds = monotonic() - began
    return Stand(what, seconds, max(heart.waits), heart.stands.most_common(SHOWN))


async def redriven(session: Session, scene: Scene, journal: Journal, stages: CanaryStages) -> Result:
    """All letters of a scene."""
    kind = Kind.TOPIC if session.broker.kind is BrokerKind.KAFKA else Kind.STREAM
    order = RedriveRequest(Verb.REDRIVE, Ref(kind, scene.dlq), stages=stages)
    planned = await planning.plan_redrive(session, order, load_for_profile().conventions)
    return await RedriveRun(session, planned, journal).run(YES)


async def moved(side: Side, letters: int, watch: float) -> list[Stand]:
    """Redrive under a watch of so many seconds, then plan a put back, then put back."""
    scene = side.fill(letters)
    has_reader = side.name == "kafka"
    journal = Journal()
    told: list[Stand] = []
    async with AsyncExitStack() as stack:
        if has_reader:
            await stack.enter_async_context(GroupReader(side.url, scene))
        session = await stack.enter_async_context(open_session(side.url))
        results: list[Result] = []

        async def redrive() -> None:
            results.append(await redriven(session, scene, journal, CanaryStages(watch=watch, stop_at=1.0)))

        told.append(await stood(f"{side.name}: redrive and watch {letters:,}", redrive))
        (result,) = results
        assert result.moved == letters, result
        if has_reader:
            assert result.came_back == 1, result
        plans: list[putback.PlannedPutBack] = []

        async def plan() -> None:
            plans.append(await putback.plan_put_back(session, journal.list_runs(1)[0], journal))

        told.append(await stood(f"{side.name}: plan to put back {letters:,}", plan))
        (back,) = plans
        told.append(
            await stood(f"{side.name}: put back {letters:,}", lambda: putback.run_put_back(session, back, journal, YES))
        )
        assert len(back.names) == letters
    journal.close()
    side.drop(scene)
    return told


@contextmanager
def locked_journal() -> Iterator[None]:
    """Somebody else writes into the journal for some seconds."""
    database = sqlite3.connect(state_dir() / "runs.sqlite", isolation_level=None, check_same_thread=False)
    database.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(LOCKED_SECONDS, database.execute, ("COMMIT",))
    timer.start()
    try:
        yield
    finally:
        timer.join()
        database.close()


async def waited(url: str) -> list[Stand]:
    """Runs that wait: for a key that a command takes seconds to tell, then for a journal that is locked."""
    side = RedisSide(url)
    command = f"""sh -c 'sleep {COMMAND_SECONDS}; echo {"A" * 43}='"""
    ProfileStore().add(Profile("slow", {BrokerKind.REDIS: BrokerEndpoint(url)}, bundle_key=f"command:{command}"))
    journal = Journal()

    async def redrive(target: str) -> None:
        scene = side.fill(10)
        async with open_session(target) as session:
            await redriven(session, scene, journal, CanaryStages())

    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("MQTUI_BUNDLE_KEY")
        command_told = await stood("a key command of 4 s", lambda: redrive("slow"))
    with locked_journal():
        lock_told = await stood("a locked journal", lambda: redrive(url))
    journal.close()
    side.close()
    return [command_told, lock_told]


async def idle() -> Stand:
    """A loop that has nothing else to do."""
    return await stood("nothing", lambda: asyncio.sleep(5))


def stands(letters: int, brokers: Sequence[str], watch: float = WATCH) -> Iterator[Stand]:
    """All of it, in folders of its own."""
    with Servers() as servers, own_desk():
        urls = servers.start_all([*brokers])
        yield asyncio.run(idle())
        for name in brokers:
            with closing(SIDES[name](urls[name])) as side:
                yield from asyncio.run(moved(side, letters, watch))
        if "redis" in urls:
            yield from asyncio.run(waited(urls["redis"]))


def main() -> int:
    """Print how long the loop stood; 1 where it was too long."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.heartbeat")
    parser.add_argument("--letters", type=int, default=300_000)
    parser.add_argument("--broker", action="append", choices=SIDES)
    asked = parser.parse_args()
    longest = 0.0
    for stand in stands(asked.letters, asked.broker or tuple(SIDES)):
        print(stand, flush=True)
        longest = max(longest, stand.longest)
    return int(longest > MOST)


if __name__ == "__main__":
    sys.exit(main())
