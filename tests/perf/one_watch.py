"""The console's poll of one broker, driven by a line of standard input each; tests/perf/polls.py starts it.

It is run by its path, so that PYTHONPATH says whose mqtui it is. A line out: seconds of the poll, and its trouble.
"""

from __future__ import annotations

import asyncio
import sys
from time import perf_counter

from mqtui.services.conventions import load_for_profile
from mqtui.services.poller import Poller
from mqtui.services.session import open_session


async def main(url: str) -> None:
    """Poll once a line, until there is none."""
    loop = asyncio.get_running_loop()
    async with open_session(url) as session:
        watch = Poller(session, load_for_profile().conventions, lambda: None)
        while await loop.run_in_executor(None, sys.stdin.readline):
            began = perf_counter()
            await watch.poll()
            seen = watch.snapshot
            told = f"{len(seen.destinations)} destinations, {len(seen.groups)} groups, {len(seen.dead_letters)} places"
            print(f"{perf_counter() - began:.3f} {seen.error or told}", flush=True)


asyncio.run(main(sys.argv[1]))
