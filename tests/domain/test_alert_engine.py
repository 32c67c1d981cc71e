"""An alert is raised once its condition has held, cleared once it has gone, and told once each, whatever clocks do."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace

import pytest

from mqtui.domain.alert import (
    Alert,
    AlertEvent,
    AlertRule,
    AlertSeverity,
    Condition,
    EventState,
    Finding,
    FindingLevel,
    Mute,
    RuleSet,
    level_of,
)
from mqtui.domain.alert_engine import AlertEngine, Instant
from mqtui.domain.errors import BadInput
from mqtui.domain.figure import Figure, about, at_least, at_most, exact, unknown
from mqtui.domain.resource import Kind, Ref

GROUP = Ref(Kind.GROUP, "billing")
RULE = AlertRule(Condition.LAG, over=100, hold=60, settle=30)
EPOCH = 1_795_000_000.0
OVER, BETWEEN, UNKNOWN = FindingLevel.OVER, FindingLevel.BETWEEN, FindingLevel.UNKNOWN


def finding(level: FindingLevel = OVER, value: float = 200, rule: AlertRule = RULE, source: str = "shop") -> Finding:
    return Finding(rule, source, GROUP, "billing is behind", f"{value:g} waiting", level, value)


class Looks:
    """An engine whose looks are 10 s apart."""

    def __init__(self, raised: tuple[Alert, ...] = ()) -> None:
        self.engine = AlertEngine(raised)
        self.now = Instant(1_000.0, EPOCH)
        self.mutes: list[Mute] = []

    def look(self, *found: Finding, seconds: float = 10.0, complete: bool = True) -> list[str]:
        self.now = Instant(self.now.monotonic + seconds, self.now.wall + seconds)
        return [str(event.state) for event in self.events(found, complete=complete)]

    def events(self, found: tuple[Finding, ...], *, complete: bool = True) -> list[AlertEvent]:
        def muted(alert: Alert) -> bool:
            return any(mute.covers(alert, self.now.wall) for mute in self.mutes)

        return self.engine.update("shop", found, self.now, is_complete=complete, is_muted=muted)


def test_it_is_raised_after_it_has_held_and_cleared_after_it_has_gone() -> None:
    looks = Looks()
    assert [looks.look(finding()) for _ in range(7)] == [[]] * 6 + [["raised"]]
    (alert,) = looks.engine.alerts
    assert (alert.since, alert.evidence) == (EPOCH + 10, "200 waiting")
    assert looks.look(finding(value=250)) == []
    assert looks.engine.alerts[0].evidence == "250 waiting"
    assert [looks.look() for _ in range(4)] == [[], [], [], ["cleared"]]
    assert looks.engine.alerts == []


def test_what_holds_only_now_and_then_is_not_raised() -> None:
    looks = Looks()
    for _ in range(10):
        assert [looks.look(finding()) for _ in range(5)] == [[]] * 5
        assert looks.look() == []


def test_a_figure_between_the_limits_raises_nothing_and_clears_nothing() -> None:
    looks = Looks()
    for _ in range(10):
        assert looks.look(finding()) == looks.look(finding(BETWEEN)) == []
    for _ in range(7):
        looks.look(finding())
    assert [looks.look(finding(BETWEEN)) for _ in range(20)] == [[]] * 20
    assert len(looks.engine.alerts) == 1


def test_what_is_unknown_is_neither_wrong_nor_right() -> None:
    looks = Looks()
    looks.look(finding())
    assert [looks.look(finding(UNKNOWN)) for _ in range(20)] == [[]] * 20
    assert [looks.look(finding()) for _ in range(7)] == [[]] * 6 + [["raised"]]
    assert [looks.look(finding(UNKNOWN)) for _ in range(20)] == [[]] * 20
    assert [looks.look(complete=False) for _ in range(20)] == [[]] * 20
    assert [looks.look() for _ in range(4)] == [[], [], [], ["cleared"]]


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_a_clock_that_is_set_raises_and_clears_nothing(jump: float) -> None:
    looks = Looks()
    looks.look(finding())
    looks.now = replace(looks.now, wall=looks.now.wall + jump)
    assert [looks.look(finding()) for _ in range(6)] == [[]] * 5 + [["raised"]]
    looks.now = replace(looks.now, wall=looks.now.wall + jump)
    assert [looks.look() for _ in range(4)] == [[], [], [], ["cleared"]]


def test_a_long_sleep_counts_only_in_part() -> None:
    looks = Looks()
    slow = replace(RULE, hold=600)
    looks.look(finding(rule=slow))
    assert looks.look(finding(rule=slow), seconds=86_400) == []


def test_one_that_an_earlier_process_told_is_not_told_again() -> None:
    first = Looks()
    for _ in range(7):
        first.look(finding())
    second = Looks(tuple(first.engine.alerts))
    assert [second.look(finding()) for _ in range(20)] == [[]] * 20
    assert second.engine.alerts[0].id == first.engine.alerts[0].id
    gone = Looks(tuple(first.engine.alerts))
    assert gone.look() == ["cleared"]
    off = AlertEngine(first.engine.alerts)
    assert off.update("shop", [], second.now, is_complete=False) == []
    rules = RuleSet([AlertRule(Condition.LAG, "other", over=1)])
    (event,) = off.update(
        "shop", [], second.now, is_complete=False, is_watched=lambda cause: rules.watches_cause(cause, "shop")
    )
    assert event.state is EventState.CLEARED
    assert rules.watches_cause("broker_away", "shop") and not rules.watches_cause("a_later_condition:x", "shop")


def test_a_muted_one_is_told_when_the_mute_ends_or_its_figure_doubles() -> None:
    looks = Looks()
    looks.mutes = [Mute("lag:bill*", EPOCH, EPOCH + 3_600)]
    assert [looks.look(finding()) for _ in range(20)] == [[]] * 20
    assert len(looks.engine.alerts) == 1
    assert looks.look(finding(value=399)) == []
    assert looks.look(finding(value=400)) == ["raised"]

    later = Looks()
    later.mutes = [Mute("lag:*", EPOCH, EPOCH + 100)]
    told = [later.look(finding()) for _ in range(12)]
    assert told.index(["raised"]) == 9
    unseen = Looks()
    unseen.mutes = [Mute("*", EPOCH, EPOCH + 3_600)]
    assert [unseen.look(*([finding()] * (number < 9))) for number in range(20)] == [[]] * 20


def test_a_mute_ends_when_the_clock_goes_back() -> None:
    mute = Mute("lag:billing", EPOCH, EPOCH + 3_600)
    looks = Looks()
    for _ in range(7):
        looks.look(finding())
    (alert,) = looks.engine.alerts
    assert [mute.covers(alert, EPOCH + at) for at in (-3_600, 0, 3_599, 3_600)] == [False, True, True, False]
    assert not Mute("lag:other", EPOCH, EPOCH + 3_600).covers(alert, EPOCH)


@pytest.mark.parametrize("seed", range(50))
def test_events_of_random_looks_are_in_turn_and_true(seed: int) -> None:
    """Raised and cleared take turns for each cause; nothing is raised before it has held, nor cleared before it has
    gone; nothing is kept of what is right.
    """
    chance = random.Random(seed)
    engine, now = AlertEngine(), Instant(0.5, EPOCH)
    rules = [AlertRule(Condition.LAG, over=1, hold=chance.choice([0, 5, 60]), settle=chance.choice([0, 20]))] * 3
    refs = [Ref(Kind.GROUP, f"g{number}") for number in range(3)]
    over_since: dict[str, float] = {}
    gone_since: dict[str, float] = {}
    states: dict[str, list[EventState]] = defaultdict(list)
    for _ in range(300):
        wall = now.wall + chance.choice([1, 10, -500, 500])
        now = Instant(now.monotonic + chance.choice([0.1, 1, 10, 40]), wall)
        found = [
            Finding(rule, "s", ref, "", "", chance.choice([OVER, OVER, BETWEEN, UNKNOWN]))
            for rule, ref in zip(rules, refs, strict=True)
            if chance.random() < 0.7
        ]
        complete = chance.random() < 0.9
        levels = {each.cause: each.level for each in found}
        for ref in refs:
            cause = f"lag:{ref.name}"
            level = levels.get(cause, None if complete else UNKNOWN)
            if level in (None, BETWEEN):
                over_since.pop(cause, None)
            elif level is OVER:
                over_since.setdefault(cause, now.monotonic)
            if level in (OVER, BETWEEN):
                gone_since.pop(cause, None)
            elif level is None:
                gone_since.setdefault(cause, now.monotonic)
        for event in engine.update("s", found, now, is_complete=complete):
            cause = event.alert.cause
            states[cause].append(event.state)
            if event.state is EventState.RAISED:
                assert now.monotonic - over_since[cause] >= rules[0].hold
            else:
                assert now.monotonic - gone_since[cause] >= rules[0].settle
    for told in states.values():
        assert told == [EventState.RAISED, EventState.CLEARED] * (len(told) // 2) + [EventState.RAISED] * (
            len(told) % 2
        )
    for _ in range(10):
        now = Instant(now.monotonic + 60, now.wall + 60)
        engine.update("s", [], now)
    assert engine.alerts == []
    assert engine._watched == {}


@pytest.mark.parametrize(
    ("figure", "level"),
    [
        (exact(101), OVER),
        (exact(100), BETWEEN),
        (exact(81), BETWEEN),
        (exact(80), None),
        (about(101, ""), OVER),
        (at_least(101, ""), OVER),
        (at_least(10, ""), UNKNOWN),
        (at_most(101, ""), UNKNOWN),
        (at_most(10, ""), None),
        (unknown("no right"), UNKNOWN),
    ],
)
def test_a_bound_counts_only_where_it_decides(figure: Figure, level: FindingLevel | None) -> None:
    assert level_of(figure, RULE) is level


def test_the_first_rule_that_fits_decides_and_the_usual_ones_come_last() -> None:
    mine = [
        AlertRule(Condition.STOPPED, on="test-*", off=True),
        AlertRule(Condition.STOPPED, on="billing", owner="anna", severity=AlertSeverity.WARNING),
        AlertRule(Condition.LAG, on="billing", over=10),
    ]
    rules = RuleSet(mine)
    assert rules.find(Condition.STOPPED, "test-1") is None
    assert rules.find(Condition.STOPPED, "billing") is mine[1]
    other = rules.find(Condition.STOPPED, "shipping")
    assert other is not None and other.severity is AlertSeverity.CRITICAL
    assert rules.find(Condition.LAG, "shipping") is None
    assert not RuleSet().watches(Condition.LAG)


@pytest.mark.parametrize(
    "wrong",
    [
        {"when": Condition.LAG},
        {"when": Condition.STOPPED, "over": 3},
        {"when": Condition.STOPPED, "clear": 3},
        {"when": Condition.LAG, "over": 3, "clear": 4},
        {"when": Condition.LAG, "over": 3, "hold": -1},
    ],
)
def test_a_rule_that_means_nothing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadInput):
        AlertRule(**wrong)  # type: ignore[arg-type]
