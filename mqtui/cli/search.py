"""`mqtui search`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

import click

from mqtui.cli import options
from mqtui.cli.all_brokers import open_holder
from mqtui.cli.consent import ConsentFlags
from mqtui.cli.exit_codes import DONE, INCOMPLETE, INTERRUPTED
from mqtui.cli.message_lines import load_message_decoder, print_messages
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import items_until, run_command, stop_on_interrupt
from mqtui.domain.errors import BadInput, StorageFailed
from mqtui.domain.policy import Consent
from mqtui.domain.read_range import Edge
from mqtui.domain.resource import ParsedName
from mqtui.services.search.query import DEFAULT_LIMIT, SearchQuery, is_program, parse_header

if TYPE_CHECKING:
    import asyncio

    from mqtui.brokers.port import Batch
    from mqtui.services.decoding import Decoder
    from mqtui.services.search.progress import SearchProgress
    from mqtui.services.search.search import Search

PROGRESS_SECONDS = 0.25
HEADER = options.ConvertedParam("header", parse_header)


@dataclass(frozen=True, slots=True)
class SearchArguments:
    """The arguments of `search` as typed."""

    names: tuple[ParsedName, ...]
    query: SearchQuery
    typed_times: str
    limit: int | None
    depth: int
    counts: bool
    resumes: bool
    decodes: bool
    share: str
    flags: ConsentFlags


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.resource_argument("resource", nargs=-1)
@click.option("--grep", metavar="RE", default="", help="Values that this text, or RE2 expression, is found in.")
@click.option("--key", metavar="RE", default="", help="Keys that it is found in.")
@click.option("--header", "headers", type=HEADER, multiple=True, metavar="NAME=RE", help="A header; may be repeated.")
@click.option("--from", "since", metavar="TIME", help="Messages of this time or later.")
@click.option("--until", metavar="TIME", help="Messages before this time.")
@click.option("--partition", type=click.IntRange(0), help="Only this partition.")
@click.option(
    "--limit", default=DEFAULT_LIMIT, show_default=True, type=click.IntRange(1), help="Stop after so many hits."
)
@click.option("--count", "counts", is_flag=True, help="Scan the whole range and print how many match.")
@click.option("--resume", "resumes", is_flag=True, help="Go on where the same search stopped.")
@click.option(
    "--depth", default=1000, show_default=True, type=click.IntRange(1), help="Messages that are read of a queue."
)
@click.option("--share", metavar="NAME", default="", help="Search together with others that give this name (Kafka).")
@click.option("--yes-spend", "spend", is_flag=True, help="Accept that this uses up deliveries (protected profiles).")
@options.write_options
@options.decode_option
@options.rows_option
def search(
    *,
    target: str,
    resource: Sequence[ParsedName],
    grep: str,
    key: str,
    headers: Sequence[tuple[str, str]],
    since: str | None,
    until: str | None,
    partition: int | None,
    limit: int,
    counts: bool,
    resumes: bool,
    depth: int,
    share: str,
    spend: bool,
    dry_run: bool,
    yes: bool,
    confirm: str,
    decode: bool,
    json_lines: bool,
) -> None:
    """Find messages in topics, streams and queues, the newest first.

    The last word may be a jq program on the decoded value; it begins with . or ( or [ or select or $m, which is the
    whole message. A name may be a glob.
    """
    output = current_output(json=json_lines)
    names = tuple(resource)
    program = ""
    if len(names) > 1 and is_program(names[-1].typed or names[-1].name):
        program, names = names[-1].typed or names[-1].name, names[:-1]
    query = SearchQuery(
        program,
        grep,
        key,
        tuple(headers),
        _time(since, "--from"),
        _time(until, "--until"),
        partition,
    )
    flags = ConsentFlags(dry_run, yes, confirm)
    if not share and flags != ConsentFlags(False, False, ""):
        raise click.UsageError("--dry-run, --yes and --confirm go with --share.")
    if share and resumes:
        raise click.UsageError("--share goes on by itself where others with that name have stopped.")
    arguments = SearchArguments(
        names, query, f"{since} {until}", None if counts else limit, depth, counts, resumes, decode, share, flags
    )
    run_command(output, lambda: _search(output, target, arguments, Consent(spend=spend)))


def _time(text: str | None, option: str) -> int | None:
    from mqtui.domain.times import parse_time

    try:
        return None if text is None else parse_time(text, options.local_now())
    except BadInput as error:
        raise click.BadParameter(f"{error.title} {error.hint}".strip(), param_hint=option) from None


async def _search(output: Output, target: str, arguments: SearchArguments, consent: Consent) -> int:
    from mqtui.cli.search_share import SharedSearchCall, search_together
    from mqtui.services.search.places import find_places
    from mqtui.services.search.saved_search import resume_search, search_id
    from mqtui.services.search.scan_workers import open_workers
    from mqtui.services.search.search import Search

    arguments.query.require_condition()
    first = Edge.OLDEST if arguments.counts or arguments.share else Edge.NEWEST
    async with (
        open_holder(output, target, arguments.names[0]) as session,
        open_workers(session, arguments.query, first) as workers,
    ):
        places, left_out = await find_places(session, arguments.names, arguments.query, arguments.depth)
        for place in places:
            if place.peek is not None:
                output.note(f"price of {place.ref}: {place.peek.price.text}")
        decoder = await load_message_decoder(output, session) if arguments.decodes else None
        shown = None if arguments.counts else _HitPrinter(output, decoder, several=len(places) > 1)
        changed = _ProgressLine(output).show
        if arguments.share:
            call = SharedSearchCall(arguments.share, arguments.query, arguments.typed_times, arguments.flags)
            return await search_together(output, session, workers, places, call, shown, changed)
        found = Search(
            session,
            arguments.query,
            places,
            limit=arguments.limit,
            first=first,
            changed=changed,
            workers=workers,
        )
        found.progress.notes += left_out
        name = search_id(session.target, [place.ref for place in places], arguments.query, arguments.typed_times, first)
        if arguments.resumes:
            if await resume_search(name, found, places):
                output.note("goes on where it stopped; messages that came since are not looked at")
            else:
                output.note("no such search was stopped here: it begins anew")
        stop = stop_on_interrupt()
        await _print_hits(found, shown, stop, consent)
        await _print_end(output, found, arguments, name, was_stopped=stop.is_set())
    if stop.is_set():
        return INTERRUPTED
    if len(found.errors) == len(places) and found.errors:
        raise found.errors[0][1]
    has_found = found.progress.found if arguments.counts else found.given
    return DONE if has_found and not found.errors else INCOMPLETE


async def _print_hits(found: Search, shown: _HitPrinter | None, stop: asyncio.Event, consent: Consent) -> None:
    """Print hits as they come, until the end or the first ctrl+c."""
    try:
        async with aclosing(found.hits(consent)) as batches, aclosing(items_until(stop, batches)) as coming:
            async for batch in coming:
                if shown is not None:
                    await shown.show(batch)
    finally:
        if shown is not None and (batch := found.give_waiting()):
            await shown.show(batch)


async def _print_end(
    output: Output, found: Search, arguments: SearchArguments, name: str, *, was_stopped: bool
) -> None:
    """What was found, what it took, what was not looked at, and how it goes on."""
    from mqtui.services.search.progress import count_row
    from mqtui.services.search.saved_search import save_search

    output.progress_done()
    progress = found.progress
    try:
        goes_on = await save_search(name, found)
    except StorageFailed as error:
        goes_on = False
        output.note(f"▲ {error.title}: the search can't go on from here")
    if arguments.counts and output.json:
        output.json_line(count_row(progress))
    elif arguments.counts:
        output.line(f"{progress.found:,}")
    output.note(("stopped: " if was_stopped else "") + progress.describe())
    for reason in progress.reasons():
        output.note(reason)
    for note in progress.notes:
        output.note(f"· {note}")
    if len(found.errors) < len(arguments.names) or len(found.errors) > 1:
        for ref, why in found.errors:
            output.note(f"✗ {ref}: {why.title}. {why.detail}".rstrip())
    if goes_on:
        output.note("--resume goes on from here")


class _HitPrinter:
    """Prints hits; those of several destinations with the name of each."""

    def __init__(self, output: Output, decoder: Decoder | None, *, several: bool) -> None:
        self._output, self._decoder = output, decoder
        self._several = several

    async def show(self, batch: Batch) -> None:
        self._output.progress_done()
        await print_messages(self._output, batch, self._decoder, names=self._several)


class _ProgressLine:
    """The progress on stderr, a few times a second."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._shown_at = 0.0

    def show(self, progress: SearchProgress) -> None:
        if monotonic() - self._shown_at >= PROGRESS_SECONDS:
            self._shown_at = monotonic()
            self._output.progress(progress.describe())
