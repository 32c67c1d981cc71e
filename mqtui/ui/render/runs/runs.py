"""The runs of the journal as rows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from mqtui.domain.capability import Verb
from mqtui.domain.resource import BrokerKind
from mqtui.domain.times import format_time
from mqtui.ui.render.table_model import Cell, Column, Measure


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run. Times are ms since the epoch; `in_hand` are letters whose outcome is not in the journal.

    `planned`, `moved` and `left` are None where they are not known. `is_running_here`: this console is doing it now.
    """

    id: str
    short: str
    verb: str
    profile: str
    target: str
    source: str
    broker: BrokerKind
    state: str
    operator: str
    host: str
    started: int
    planned: int | None
    moved: int | None
    left: int | None
    refused: int = 0
    unknown: int = 0
    in_hand: int = 0
    report: str = ""
    is_running_here: bool = False
    words: str = ""
    """How it stands, as it is shown: `finished`, `held` and `stopped` are different ends."""

    safe: bool = True
    """Whether every letter is in its source, its target or a bundle of this machine."""

    @property
    def is_interrupted(self) -> bool:
        """Whether its process died before its end."""
        return self.state == "interrupted"

    @property
    def can_resume(self) -> bool:
        """Whether it was interrupted or failed, and can be resumed (a put back is planned again instead)."""
        broke = self.is_interrupted or (self.state == "failed" and self.is_unfinished)
        return broke and self.verb != Verb.PUT_BACK

    @property
    def is_unfinished(self) -> bool:
        """Whether letters are left or unknown; True where that is not known."""
        return self.left is None or self.left > 0 or self.in_hand > 0

    @property
    def finished_count(self) -> int | None:
        """Letters with a known outcome."""
        return None if self.planned is None or self.left is None else max(0, self.planned - self.left - self.in_hand)


END_SIGNS: dict[str, Cell] = {"finished": ("✓", "ok"), "held": ("·", "warn"), "stopped": ("○", "warn")}
"""The sign of a run that ended, by the word for its end."""


class RunRenderer:
    """How runs are shown in a list: interrupted ones first, then the newest."""

    columns = (
        Column("run", "RUN", 6, meaning="the shortest beginning of its id that no other run has"),
        Column("when", "WHEN", 14, measure=Measure.TIME, meaning="when it began"),
        Column("verb", "VERB", 8, priority=2),
        Column("profile", "PROFILE", 14, priority=4),
        Column("source", "SOURCE", 16, grows=True),
        Column("state", "STATE", 11, meaning="how it stands or ended, by the journal of this machine"),
        Column(
            "planned",
            "PLANNED",
            9,
            right=True,
            priority=3,
            meaning="letters of its plan; ? where its source was not read to the end",
        ),
        Column("moved", "MOVED", 9, right=True, meaning="stored at the target, and removed or marked at the source"),
        Column("left", "LEFT", 9, right=True, priority=2, meaning="never tried"),
    )

    def id(self, item: RunRow) -> Hashable:
        return item.id

    def cells(self, item: RunRow) -> Sequence[Cell]:
        return (
            (item.short, ""),
            (when(item.started), "muted"),
            (item.verb, ""),
            (item.profile, "muted"),
            (item.source, ""),
            (_state(item), _tone(item)),
            (_figure(item.planned), "muted"),
            (_figure(item.moved), "ok" if item.moved else "muted"),
            (_figure(item.left), "warn" if item.left else "muted"),
        )

    def sign(self, item: RunRow) -> Cell:
        """✗ interrupted or failed, ▸ under way, ▲ has refused or unknown letters, else how it ended."""
        if item.is_running_here:
            return "▸", "live"
        if item.is_interrupted or item.state == "failed":
            return "✗", "danger"
        if item.refused or item.unknown or item.in_hand:
            return "▲", "warn"
        return ("▸", "muted") if item.state == "running" else END_SIGNS.get(item.words, (" ", ""))

    def severity(self, item: RunRow) -> int:
        """1 for interrupted runs: they wait for somebody."""
        return int(item.is_interrupted and not item.is_running_here)

    def text(self, item: RunRow) -> str:
        return (
            f"{item.id} {item.verb} {item.profile} {item.source} {item.state} {item.words} {item.operator} {item.host}"
        )

    def value(self, item: RunRow, key: str) -> Any:
        known: dict[str, Any] = {
            "run": item.short,
            "when": item.started,
            "verb": item.verb,
            "profile": item.profile,
            "source": item.source,
            "state": _state(item),
            "planned": item.planned,
            "moved": item.moved,
            "left": item.left,
        }
        return known[key]


def describe_run(item: RunRow) -> str:
    """What matters about a run, in one sentence."""
    if item.is_running_here:
        return f"{item.verb} {item.short} is under way here: enter shows it"
    if item.can_resume:
        return f"{describe_interruption(item)}: enter resumes · d its letters"
    if item.is_interrupted:
        return f"put back {item.short} broke: U on its run asks for it again"
    return item.report


def describe_interruption(item: RunRow) -> str:
    """`Run 7F3A stopped at 31,204 of 50,000, nothing is missing`."""
    where = "" if item.finished_count is None else f" at {item.finished_count:,}"
    of = "" if item.planned is None else f" of {item.planned:,}"
    hand = f", {item.in_hand:,} were in flight" if item.in_hand else ""
    safe = ", nothing is missing" if item.safe else ", and its bundle is gone"
    return f"Run {item.short} stopped{where}{of}{hand}{safe}"


def resume_disabled_reason(item: RunRow) -> str | None:
    """Why a run can't be resumed; None where it can."""
    if item.verb == Verb.PUT_BACK:
        return "a put back is not resumed: U on its run asks for it again"
    if item.state == "running":
        return f"it is under way: {item.operator} on {item.host}"
    return None if item.is_interrupted or item.is_unfinished else "nothing of it is left"


def put_back_disabled_reason(item: RunRow) -> str | None:
    """Why a run's letters can't be put back; None where they can."""
    if item.verb == Verb.PUT_BACK:
        return "a put back is not put back"
    if item.state == "running":
        return "a run that is under way can't be put back: S stops it"
    return None if item.moved else "nothing of it was moved"


def when(time_ms: int) -> str:
    """Local date and time: `11-24 17:11:29`."""
    return format_time(time_ms, "%m-%d %H:%M:%S")


def _state(item: RunRow) -> str:
    return "under way" if item.is_running_here else item.words or item.state


def _figure(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _tone(item: RunRow) -> str:
    if item.is_running_here:
        return "live"
    return {"interrupted": "danger", "failed": "danger", "stopped": "warn", "running": "live"}.get(item.state, "muted")
