"""`mqtui search --share NAME`: one of several processes that search together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mqtui.cli.consent import ConsentFlags, confirm_plan
from mqtui.cli.exit_codes import DONE, INTERRUPTED
from mqtui.cli.output import Output
from mqtui.cli.run_command import items_until, stop_on_interrupt
from mqtui.services.search.query import SearchQuery

if TYPE_CHECKING:
    from mqtui.brokers.port import Batch
    from mqtui.services.search.places import SearchPlace
    from mqtui.services.search.progress import SearchProgress
    from mqtui.services.search.scan_workers import ScanWorkers
    from mqtui.services.search.shared_search import SharedSearch
    from mqtui.services.session import Session


@dataclass(frozen=True, slots=True)
class SharedSearchCall:
    """What all of them give alike, and this one's consent."""

    name: str
    query: SearchQuery
    typed_times: str
    flags: ConsentFlags


class ShowsHits(Protocol):
    """Prints hits."""

    async def show(self, batch: Batch) -> None:
        """Print some."""


async def search_together(
    output: Output,
    session: Session,
    workers: ScanWorkers,
    places: Sequence[SearchPlace],
    call: SharedSearchCall,
    shown: ShowsHits | None,
    changed: Callable[[SearchProgress], object],
) -> int:
    """Plan, confirm, and scan what falls to this process until all is scanned; `shown` prints the hits of a part."""
    from mqtui.services.search.shared_search import SharedSearch, plan_shared_search

    plan = await plan_shared_search(session, call.name, call.query, places, call.typed_times)
    consent = confirm_plan(output, plan, session.policy, call.flags)
    if consent is None:
        return DONE
    shared = SharedSearch(session, plan, workers, places, changed)
    stop = stop_on_interrupt()
    async with aclosing(shared.hits(consent)) as batches, aclosing(items_until(stop, batches)) as coming:
        async for batch in coming:
            if shown is not None:
                await shown.show(batch)
    _print_end(output, shared, was_stopped=stop.is_set(), counts=shown is None)
    return INTERRUPTED if stop.is_set() else DONE


def _print_end(output: Output, shared: SharedSearch, *, was_stopped: bool, counts: bool) -> None:
    """What this process did of it, and what was perhaps scanned twice."""
    from mqtui.services.json_rows import repeated_part_row
    from mqtui.services.search.progress import count_row
    from mqtui.services.search.shared_search import describe_repeated

    output.progress_done()
    progress = shared.progress
    if output.json:
        for repeated in shared.repeated:
            output.json_line(repeated_part_row(repeated))
    if counts and output.json:
        output.json_line(count_row(progress))
    elif counts:
        output.line(f"{progress.found:,}")
    output.note(("stopped: the others go on. " if was_stopped else "") + f"by this process {progress.describe()}")
    for note in (*progress.reasons(), *progress.notes):
        output.note(f"· {note}")
    for repeated in shared.repeated:
        output.note(f"▲ {describe_repeated(repeated)}")
