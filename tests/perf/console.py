"""The console's promises, whole: python -m tests.perf.console [--keys 200] [--starts 15]; the ticks have their own.

First paint, 10,000 rows, and key to paint with a tail, a redrive and changing rows beside it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from functools import partial

from mqtui.demo.servers import Servers
from tests.perf import keys, paint

FIRST_PAINT = 1.5
"""First paint, in those of the least Textual app."""

ROWS = 0.3
"""Seconds from figures to 10,000 rows."""

KEY = 50.0
"""Milliseconds from key to paint that 95 in 100 stay under."""

KEY_RATIO = 2.0
"""Key to paint with work beside it, in those of the idle screen; below `UNNOTICED` it may be more."""

UNNOTICED = 20.0
"""Milliseconds from key to paint below which nobody sees a difference."""

LETTERS = 400_000


def promises(url: str, count: int, starts: int) -> Iterator[tuple[str, bool]]:
    """What was measured, and whether it is as promised."""
    begun = paint.starts(starts)
    yield str(begun), begun.ratio < FIRST_PAINT
    seconds = paint.rows(url)
    yield f"10,000 rows {seconds * 1000:.0f} ms after their figures", seconds < ROWS
    for scene in (keys.rows, keys.tail, partial(keys.redrive, letters=LETTERS)):
        waits = scene(url, count)
        slowest = keys.p95(waits.busy)
        yield str(waits), slowest < UNNOTICED or (slowest < KEY and waits.ratio <= KEY_RATIO)


def main() -> int:
    """Print the figures; 1 where a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.perf.console")
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--starts", type=int, default=15)
    asked = parser.parse_args()
    broken = False
    with Servers() as servers:
        for figures, kept in promises(servers.start_redis("perf"), asked.keys, asked.starts):
            print(f"{'kept  ' if kept else 'BROKEN'} {figures}", flush=True)
            broken |= not kept
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
