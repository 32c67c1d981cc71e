"""Many redrives of one broker, each killed at its own instant and resumed to its end."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from time import sleep

from tests.chaos.killing import KEY, Desk, RunAsJournaled, Told
from tests.chaos.scenes import Scene, Side, Verdict, bundled, judge, poisoned

LATER = 10
"""Letters that arrive between the kill and the resume: no plan has them."""

NOT_ALL = 1
"""The exit code where a letter is missing: a mortal one that its queue dropped is no success."""

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
    refused: int = 0
    """Letters told as refused."""

    named: int = 0
    """Those of them told with the broker's words."""

    poisoned: int = 0
    may_lose: int = 0
    """Letters that nobody could have kept: one for each process that was killed, where letters are mortal."""

    @property
    def kept(self) -> bool:
        """Whether nothing was lost, nobody doubled but named suspects, and no letter moved that was not planned.

        A letter that is lost leaves its place in the count to a later one (R8).
        """
        verdict = self.verdict
        safe = verdict.lost <= self.may_lose and verdict.strangers <= verdict.lost
        safe = safe and self.refused == self.named == self.poisoned
        return safe and verdict.doubled == verdict.among_suspects and self.told_wrong <= verdict.lost


@dataclass(slots=True)
class Row:
    """All killed runs of one broker."""

    broker: str
    letters: int
    length: float
    """Seconds of the run that was not killed."""

    poisoned: int = 0
    """Letters that the broker refuses."""

    cases: list[Case] = field(default_factory=list)

    def total(self, of: Callable[[Case], int]) -> int:
        """A sum over the runs."""
        return sum(of(case) for case in self.cases)

    @property
    def movable(self) -> int:
        """Letters that the broker takes."""
        return self.letters - self.poisoned

    @property
    def unfinished(self) -> int:
        """Runs whose resume had letters to move."""
        return self.total(lambda case: case.begun and case.moved < self.movable)

    @property
    def broken(self) -> list[Case]:
        """Runs that did not keep what C6 promises, or whose figures are wrong."""
        return [case for case in self.cases if case.trouble or not case.kept]


def campaign(side: Side, runs: int, letters: int, seed: int, *, skip: float = 0.0) -> Iterator[Row]:
    """The same row again after each run. Instants are spread evenly over a run's length, one at random in each part.

    `skip` is how much of the time before the first letter is left out: a short form would kill nothing but plans.
    """
    dice = random.Random(f"{seed} {side.name}")
    whole = unkilled(side, letters)
    assert whole.result is not None
    start = skip * max(0.0, whole.seconds - whole.result["seconds"])
    row = Row(side.name, letters, whole.seconds, len(poisoned(letters, side.poison)))
    parts = [(part + dice.random()) / runs for part in range(runs)]
    dice.shuffle(parts)
    for part in parts:
        instant = start + part * (row.length - start)
        late = start + dice.random() * (row.length - start)
        row.cases.append(killed_run(side, row, instant, late))
        yield row


def unkilled(side: Side, letters: int) -> Told:
    """A whole run; it moves every letter that the broker takes, and names the others."""
    scene = side.fill(letters)
    with Desk() as desk:
        told = desk.redrive(side.url, scene.dlq)
        refusals = desk.refusals() if scene.poisoned else []
    assert told.code == _code(scene) and told.result, told
    assert told.result["moved"] == letters - len(scene.poisoned), told.result
    assert len(refusals) == len(scene.poisoned) and all(side.refusal in reason for reason in refusals), refusals
    verdict = judge(side, scene, side.truth(scene), (), frozenset())
    assert verdict == Verdict(0, 0, 0, 0, 0), verdict
    side.drop(scene)
    return told


def killed_run(side: Side, row: Row, instant: float, resume_instant: float) -> Case:
    """Kill one run at that instant; then let it end, and read the truth. Of every third the first resume is killed too.

    A run that was quicker than the row's and ended before its instant is done again, to be killed in proportion.
    """
    length = row.length
    while True:
        scene = side.fill(row.letters)
        with Desk() as desk:
            told = desk.redrive(side.url, scene.dlq, kill_after=instant * length / row.length)
            if told.killed:
                late = resume_instant if row.unfinished % RESUME_KILLED_EVERY == 0 else None
                case = _resumed(side, scene, desk, instant * length / row.length, late)
                side.drop(scene)
                return case
        side.drop(scene)
        length = min(length * EARLIER, told.seconds)


DEATH_SECONDS = 1.1
"""RabbitMQ notes deaths by the second: one in the second of the plan may be of before it."""


def _resumed(side: Side, scene: Scene, desk: Desk, instant: float, resume_instant: float | None) -> Case:
    moved = side.moved(scene)
    if side.mortal:
        sleep(DEATH_SECONDS)
    side.add(scene, range(scene.letters, scene.letters + LATER))
    before = desk.journal()
    if before is None:
        assert moved == 0
        scene = replace(scene, letters=scene.letters + LATER)
        tellings = [desk.redrive(side.url, scene.dlq)]
    else:
        tellings = _resumes(desk, resume_instant)
    after = desk.journal()
    result = after.result if after else {}
    named = {suspect for told in tellings for suspect in told.suspects} | set(result.get("suspects", ()))
    refusals = desk.refusals() if scene.poisoned else []
    numbers = [number for number in map(side.suspect, named) if number is not None]
    truth = side.truth(scene)
    verdict = judge(side, scene, truth, numbers, bundled(desk.bundles, KEY.encode()))
    home = sum(number < scene.letters for number in truth.home)
    return Case(
        instant=instant,
        begun=before is not None,
        moved=moved,
        in_hand=before.in_hand if before else 0,
        resumes_killed=sum(told.killed for told in tellings),
        suspects=len(named),
        unknown=result.get("unknown", 0),
        told_wrong=abs(result.get("moved", 0) - home),
        verdict=verdict,
        trouble=_trouble(after, tellings, NOT_ALL if verdict.lost else _code(scene)),
        refused=len(refusals),
        named=sum(side.refusal in reason for reason in refusals),
        poisoned=len(scene.poisoned),
        may_lose=1 + sum(told.killed for told in tellings) if side.mortal else 0,
    )


def _resumes(desk: Desk, kill_first: float | None) -> list[Told]:
    """Resume until the journal says how it ended: a process may be killed when all that is left is to say so."""
    tellings: list[Told] = []
    while _runs(desk) and len(tellings) < RESUMES:
        tellings.append(desk.resume(kill_after=None if tellings else kill_first))
    return tellings


def _runs(desk: Desk) -> bool:
    journal = desk.journal()
    return journal is not None and journal.state == "running"


def _code(scene: Scene) -> int:
    """What `mqtui` exits with at the end of such a run."""
    return 1 if scene.poisoned else 0


def _trouble(journal: RunAsJournaled | None, tellings: Sequence[Told], code: int) -> str:
    """Why the last process did not end the run as it should; "" where it did."""
    last = tellings[-1] if tellings else Told(code, 0.0)
    if journal is not None and journal.state == "done" and (last.killed or last.code == code):
        return ""
    return f"{journal.state if journal else 'no run'}, exit {last.code}: {last.stderr.strip()[-600:]}"
