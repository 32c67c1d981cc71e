"""The signs of the console and what they mean, for the help."""

from __future__ import annotations

LEGEND = (
    ("†", "dead letters"),
    ("▲", "may go wrong"),
    ("✗", "is wrong, refused, or gone"),
    ("✓", "in order, passed, finished"),
    ("●", "marked; link up"),
    ("○", "closed; stopped"),
    ("·", "waiting, held"),
    ("▸ ▾", "under way; folded, unfolded"),
    ("▼", "follows the end"),
    ("?", "not known"),
    ("ø", "no right to see it"),
    ("≈ ≥ ≤", "estimated, at least, at most"),
    ("blank", "does not apply"),
    ("█▁", "trend, newest on the right"),
    ("▏", "its lowest bar is not zero"),
    ("↑ ↓", "it grew, it shrank"),
)
GAP = "   "


def legend_lines(width: int) -> list[str]:
    """The legend in lines of at most `width` cells; a sign stays with its meaning."""
    lines: list[str] = []
    for sign, meaning in LEGEND:
        entry = f"{sign} {meaning}"
        if lines and len(lines[-1]) + len(GAP) + len(entry) <= width:
            lines[-1] += GAP + entry
        else:
            lines.append(entry)
    return lines
