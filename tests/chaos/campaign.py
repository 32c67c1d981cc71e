"""Many redrives of one broker, each killed at its own instant and resumed to its end."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from tests.chaos.killing import KEY, Desk, Told
from tests.chaos.scenes import Scene, Side, Verdict, bundled, judge

LATER = 10
"""Letters that arrive between the kill and the resume: no plan has them."""

RESUME_KILLED_EVERY = 3
RESUMES = 6
EARLIER = 0.97


@dataclass(frozen=True, slots=True)
class Case:
    """One killed run. `moved` and `in_hand` are as of the kill; `told_wrong` is how far its figures are off."""

    instant: float
    begun: bool
    moved: int
    in_hand: int
    resumes_killed: int
    suspects: int
    unknown: int
    told_wrong: int
    verdict: Verdict
    trouble: str = ""


@dataclass(slots=True)
class Row:
    """All killed runs of one broker."""

    broker: str
    letters: int
    length: float
    """Seconds of the run that was not killed."""

    cases: list[Case] = field(default_factory=list)

    def total(self, of: Callable[[Case], int]) -> int:
        """A sum over the runs."""
        return sum(of(case) for case in self.cases)

    @property
    def broken(self) -> list[Case]:
        """Runs that did not keep what C6 promises, or whose figures are wrong."""
        return [case for case in self.cases if case.trouble or not kept(case.verdict) or case.told_wrong]


def kept(verdict: Verdict) -> bool:
    """Whether a run lost nothing, doubled nobody but named suspects, and moved no letter it did not plan."""
    return not verdict.lost and verdict.doubled == verdict.among_suspects and not verdict.strangers


def campaign(side: Side, runs: int, letters: int, seed: int) -> Iterator[Row]:
    """The same row again after each run. Instants are spread evenly over a run's length, one at random in each part."""
    dice = random.Random(f"{seed} {side.name}")
    row = Row(side.name, letters, unkilled(side, letters))
    parts = [(part + dice.random()) / runs for part in range(runs)]
    dice.shuffle(parts)
    for number, part in enumerate(parts, 1):
        late = dice.random() * row.length if number % RESUME_KILLED_EVERY == 0 else None
        row.cases.append(killed_run(side, letters, part * row.length, late))
        yield row


def unkilled(side: Side, letters: int) -> float:
    """How many seconds a whole run takes; it moves every letter."""
    scene = side.fill(letters)
    with Desk() as desk:
        told = desk.redrive(side.url, scene.dlq)
    assert told.code == 0 and told.result and told.result["moved"] == letters, told
    verdict = judge(side, scene, side.truth(scene), (), frozenset())
    assert kept(verdict) and not verdict.doubled and not verdict.left, verdict
    side.drop(scene)
    return told.seconds


def killed_run(side: Side, letters: int, instant: float, resume_instant: float | None) -> Case:
    """Kill one run at that instant, and its first resume too where it has one; then let it end, and read the truth.

    A run that ended before its instant is done again, to be killed a little earlier.
    """
    while True:
        scene = side.fill(letters)
        with Desk() as desk:
            if desk.redrive(side.url, scene.dlq, kill_after=instant).killed:
                case = _resumed(side, scene, desk, instant, resume_instant)
                side.drop(scene)
                return case
        side.drop(scene)
        instant *= EARLIER


def _resumed(side: Side, scene: Scene, desk: Desk, instant: float, resume_instant: float | None) -> Case:
    moved = side.moved(scene)
    side.add(scene, range(scene.letters, scene.letters + LATER))
    runs = desk.runs()
    if not runs:
        assert moved == 0
        scene = replace(scene, letters=scene.letters + LATER)
        tellings = [desk.redrive(side.url, scene.dlq)]
    else:
        tellings = _resumes(desk, resume_instant)
    last = tellings[-1]
    named = [suspect for told in tellings for suspect in told.suspects]
    numbers = [number for number in map(side.suspect, named) if number is not None]
    truth = side.truth(scene)
    verdict = judge(side, scene, truth, numbers, bundled(desk.bundles, KEY.encode()))
    result = last.result or {}
    home = sum(number < scene.letters for number in truth.home)
    return Case(
        instant=instant,
        begun=bool(runs),
        moved=moved,
        in_hand=runs[0]["in_hand"] if runs else 0,
        resumes_killed=sum(told.killed for told in tellings),
        suspects=len(named),
        unknown=result.get("unknown", 0),
        told_wrong=abs(result.get("moved", 0) - home),
        verdict=verdict,
        trouble="" if last.code == 0 else f"exit {last.code}: {last.stderr.strip()[-600:]}",
    )


def _resumes(desk: Desk, kill_first: float | None) -> list[Told]:
    """Resume until one process ends by itself."""
    tellings: list[Told] = []
    while len(tellings) < RESUMES:
        told = desk.resume(kill_after=None if tellings else kill_first)
        tellings.append(told)
        if not told.killed:
            break
    return tellings
