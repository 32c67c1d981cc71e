"""What the console has Python do in pauses, and how soon threads give the loop its turn."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest

from mqtui.ui.session import gc_scheduler
from mqtui.ui.session.gc_scheduler import INTERVAL_SECONDS, MAX_INTERVAL_SECONDS, GcScheduler
from mqtui.ui.session.thread_switching import SWITCH_SECONDS, quick_thread_switches


class Clock:
    """Seconds that pass only where a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(gc_scheduler, "monotonic", clock)
    return clock


@pytest.fixture
def collections() -> Iterator[list[int]]:
    """The generations that were collected, in order."""
    found: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            found.append(info["generation"])

    gc.callbacks.append(note)
    yield found
    gc.callbacks.remove(note)


def test_a_full_collection_waits_for_a_pause(clock: Clock, collections: list[int]) -> None:
    scheduler = GcScheduler()
    for _ in range(int(INTERVAL_SECONDS) + 3):
        clock.now += 1
        scheduler.on_activity()
        scheduler.on_tick()
    assert 2 not in collections
    clock.now += 2
    scheduler.on_tick()
    assert collections.count(2) == 1


def test_a_full_collection_comes_at_last_without_a_pause(clock: Clock, collections: list[int]) -> None:
    scheduler = GcScheduler()
    for _ in range(int(MAX_INTERVAL_SECONDS) + 1):
        clock.now += 1
        scheduler.on_activity()
        scheduler.on_tick()
    assert collections.count(2) == 1


def test_threads_give_the_lock_away_sooner_only_in_the_console() -> None:
    usual = sys.getswitchinterval()
    with quick_thread_switches():
        assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
    assert sys.getswitchinterval() == pytest.approx(usual)
