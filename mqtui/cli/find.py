"""`mqtui find`."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING

import click

from mqtui.cli import options
from mqtui.cli.exit_codes import DONE, INCOMPLETE, INTERRUPTED
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import run_command, stop_on_interrupt
from mqtui.cli.target_command import NO_TARGET, default_target
from mqtui.domain.errors import MqtuiError
from mqtui.domain.policy import Consent

if TYPE_CHECKING:
    import asyncio

    from mqtui.services.find.coverage import Coverage
    from mqtui.services.find.find import Find
    from mqtui.services.find.hit import Hit
    from mqtui.services.find.request import FindRequest
    from mqtui.services.session import Session

PROGRESS_SECONDS = 0.25
TITLES = ("", "TIME", "BROKER", "PLACE", "POSITION", "IN", "READ BY")


@click.command()
@click.argument("targets", metavar="[TARGET]...", nargs=-1, shell_complete=options.complete("target"))
@click.argument("text")
@click.option(
    "--depth", type=click.IntRange(1), help="Newest messages of each place (10,000; of a queue the first 50)."
)
@click.option("--since", type=options.DURATION, metavar="DURATION", help="Only messages of the last 2h, 30m, 6d.")
@click.option("--yes-spend", "spend", is_flag=True, help="Read queues too, whatever that costs: it is printed first.")
@options.rows_option
def find(
    *,
    targets: Sequence[str],
    text: str,
    depth: int | None,
    since: int | None,
    spend: bool,
    json_lines: bool,
) -> None:
    """Find one text, such as an order's id, in every topic, stream and queue of all brokers of the targets.

    It is looked for in key, headers, properties, fields and the decoded value. Hits are the way of the message: in
    order of time, each with who has read it. Queues lend their messages, so they are read with --yes-spend only.
    """
    output = current_output(json=json_lines)
    chosen = tuple(targets) or tuple(filter(None, (default_target(),)))
    if not chosen:
        raise click.UsageError(f"Missing argument 'TARGET'. {NO_TARGET}")
    run_command(output, lambda: _find(output, chosen, _request(text, depth, since), Consent(spend=spend)))


def _request(text: str, depth: int | None, since: int | None) -> FindRequest:
    from mqtui.services.find.request import FindRequest
    from mqtui.services.search.text_needle import TextNeedle

    began = None if since is None else int(options.local_now().timestamp() * 1000) - since
    return FindRequest(TextNeedle(os.fsencode(text)), depth, began)


async def _find(output: Output, targets: Sequence[str], request: FindRequest, consent: Consent) -> int:
    from mqtui.services.find.find import Find
    from mqtui.services.find.read_by import add_readers

    stop = stop_on_interrupt()
    async with _open_all(output, targets) as (sessions, errors):
        if not sessions:
            raise errors[0]
        shown = _ProgressLine(output)
        found = Find(sessions, request, shown.show)
        hits = await _take(found.hits(), stop)
        if found.queues and not stop.is_set():
            hits += await _take(_queue_hits(output, found, consent), stop)
        output.progress_done()
        if len(found.broker_errors) == len(sessions):
            raise found.broker_errors[0]
        hits = await add_readers(hits)
        _print(output, hits)
        _print_end(output, found, was_stopped=stop.is_set())
        if stop.is_set():
            return INTERRUPTED
        return DONE if hits and not errors and found.coverage.is_complete else INCOMPLETE


@asynccontextmanager
async def _open_all(output: Output, targets: Sequence[str]) -> AsyncIterator[tuple[list[Session], list[MqtuiError]]]:
    """Every broker of some targets, each once, and why others could not be opened."""
    from mqtui.cli.all_brokers import open_all_brokers

    async with AsyncExitStack() as stack:
        sessions: dict[str, Session] = {}
        errors: list[MqtuiError] = []
        for target in dict.fromkeys(targets):
            brokers = await stack.enter_async_context(open_all_brokers(output, target))
            for at, session in brokers.sessions:
                if isinstance(session, MqtuiError):
                    errors.append(session)
                    output.note(f"✗ {at}: {session.title}")
                else:
                    sessions[session.target] = session
        yield list(sessions.values()), errors


async def _take(hits: AsyncGenerator[list[Hit]], stop: asyncio.Event) -> list[Hit]:
    """The hits until the end, or the first ctrl+c."""
    import asyncio

    taken: list[Hit] = []
    stopped = asyncio.ensure_future(stop.wait())
    try:
        async with aclosing(hits):
            while True:
                coming = asyncio.ensure_future(anext(hits, None))
                await asyncio.wait({coming, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    coming.cancel()
                    await asyncio.gather(coming, return_exceptions=True)
                    break
                if (batch := coming.result()) is None:
                    break
                taken += batch
    finally:
        stopped.cancel()
    return taken


async def _queue_hits(output: Output, found: Find, consent: Consent) -> AsyncGenerator[list[Hit]]:
    """What is in the queues, where their price was accepted."""
    if not consent.spend:
        depth = found.request.queue_depth
        found.decline(f"a look takes messages out and returns them; --yes-spend reads up to {depth:,} of each")
        return
    question = await found.price()
    output.progress_done()
    if question.requests:
        output.note(f"price: {question.text}")
    async with aclosing(found.queue_hits(question, consent)) as batches:
        async for batch in batches:
            yield batch


def _print(output: Output, hits: Sequence[Hit]) -> None:
    from mqtui.services.find.hit_lines import hit_line
    from mqtui.services.find.way import find_way

    way = find_way(hits)
    if output.json:
        for station in way:
            output.raw(hit_line(station.hit))
        return
    if not way:
        return
    from mqtui.services.find.way_text import hit_cells, way_lines

    output.table(TITLES, [hit_cells(station) for station in way], first_to_go=("BROKER", "IN", "READ BY"))
    output.line()
    for line in way_lines(way):
        output.line(line)


def _print_end(output: Output, found: Find, *, was_stopped: bool) -> None:
    coverage = found.coverage
    output.note(("stopped: " if was_stopped else "") + coverage.describe())
    for note in coverage.notes(found.request):
        output.note(note)


class _ProgressLine:
    """The progress on stderr, a few times a second."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._shown_at = 0.0

    def show(self, coverage: Coverage) -> None:
        if monotonic() - self._shown_at >= PROGRESS_SECONDS:
            self._shown_at = monotonic()
            self._output.progress(coverage.describe())
