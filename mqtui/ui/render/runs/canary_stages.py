"""The stages of a run in one line: `✓ first 1 ── ▸ next 10 ── · rest 8 ── · watch`."""

from __future__ import annotations

from mqtui.services.redrive.request import CanaryStages


def stages_line(stages: CanaryStages, planned: int | None, done: int, *, active: bool, watching: bool) -> str:
    """Each stage with its sign: done, current, to come. `planned` is None where it is unknown yet."""
    names, ends = _parts(stages.first, planned)
    behind = sum(end is not None and done >= end for end in ends)
    if watching and 0 < behind < len(ends):
        behind -= 1
    if stages.is_watched:
        names.append("watch")
        behind += not active and behind == len(ends)
    signs = "✓" * behind + ("▸" if active else "·") + "·" * len(names)
    return " ── ".join(f"{sign} {name}" for sign, name in zip(signs, names, strict=False))


def _parts(first: tuple[int, ...], planned: int | None) -> tuple[list[str], list[int | None]]:
    """Names of the stages, and how many letters are done at the end of each."""
    names: list[str] = []
    ends: list[int | None] = []
    end = 0
    for word, size in zip(("first", *("next",) * len(first)), first, strict=False):
        if planned is not None and end >= planned:
            return names, ends
        begin, end = end, end + size if planned is None else min(end + size, planned)
        names.append(f"{word} {end - begin:,}")
        ends.append(end)
    if planned is None or planned > end:
        names.append("rest" if planned is None else f"rest {planned - end:,}")
        ends.append(planned)
    return names, ends
