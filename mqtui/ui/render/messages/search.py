"""The words of a search: its title, its figures, its bar, and the price of a queue."""

from __future__ import annotations

from mqtui.domain.figure import Figure
from mqtui.domain.read_range import PeekCost
from mqtui.services.search.progress import MB, SearchProgress, short
from mqtui.ui.render.figures import age

BAR = 40
"""Cells of the bar."""


def title_of(found: int, name: str) -> str:
    """`Found 7 in orders`."""
    return f"Found {found:,} in {name}"


def search_facts(progress: SearchProgress, *, is_running: bool) -> list[str]:
    """`scanned 3.1M of 8.0M`, `41 MB/s`, `0 undecodable`, `2m left`."""
    whole = progress.whole
    of = "?" if whole.number is None else short(int(whole.number))
    parts = [f"scanned {short(progress.scanned)} of {of}"]
    if is_running and progress.size:
        parts.append(f"{progress.rate / MB:.0f} MB/s" if progress.rate >= MB else f"{progress.rate / 1000:.0f} kB/s")
    parts.append(f"{progress.undecodable:,} undecodable")
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.not_looked_at:
        parts.append(f"{short(progress.not_looked_at)} not looked at")
    left = progress.time_left() if is_running else None
    if left is not None:
        parts.append(f"{age(left)} left")
    return parts


def bar_line(progress: SearchProgress) -> str:
    """`████░░░░  39 %`; without a bar where it is not known how much there is."""
    whole = progress.whole.number
    if not whole:
        return progress.describe()
    share = min(1.0, progress.scanned / whole)
    full = int(BAR * share)
    return f"{'█' * full}{'░' * (BAR - full)}  {share:.0%} · esc stops, hits stay"


def price_question(price: PeekCost, count: Figure) -> tuple[str, ...]:
    """What a look into a queue costs, and the keys that answer."""
    return (
        f"Searching a queue takes {count} messages out one by one, and returns them once at the end.",
        f"It {price.text}." if price.spends else f"Its price: {price.text}.",
        f"price: {price.text} · enter reads {count} · esc no",
    )
