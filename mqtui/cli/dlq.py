"""`mqtui dlq`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from mqtui.brokers.registry import traits_of
from mqtui.cli import options
from mqtui.cli.all_brokers import ask_all_brokers, open_holder
from mqtui.cli.exit_codes import DONE, INCOMPLETE
from mqtui.cli.message_lines import decoded_text, load_message_decoder
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import run_command
from mqtui.domain.figure import pluralize
from mqtui.domain.policy import Consent
from mqtui.domain.resource import ParsedName

if TYPE_CHECKING:
    from mqtui.codecs.decoded import Decoded
    from mqtui.domain.cause import Cause
    from mqtui.services.deadletters import DeadLetterDestination, DeadLetterSurvey
    from mqtui.services.session import Session

UNCLASSIFIED = "not searched: whether they hold dead letters is unknown"
ALL_HINT = "; --all reads one message of each"


class LetterLimits(NamedTuple):
    """From how many letters on, and from which age in ms on, a check fails; None: never."""

    fail: int | None
    oldest_ms: int | None


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.resource_argument("resource", required=False)
@click.option(
    "--all", "every", is_flag=True, help="Also search destinations whose name says nothing: one message of each."
)
@click.option("--yes-spend", "spend", is_flag=True, help="Accept that this uses up deliveries (protected profiles).")
@click.option("--fail", type=click.IntRange(1), metavar="N", help="Exit 1 unless there are certainly fewer letters.")
@click.option(
    "--oldest", type=options.DURATION, metavar="DURATION", help="Exit 1 where a letter of RESOURCE died longer ago."
)
@options.decode_option
@options.rows_option
def dlq(
    *,
    target: str,
    resource: ParsedName | None,
    every: bool,
    spend: bool,
    fail: int | None,
    oldest: int | None,
    decode: bool,
    json_lines: bool,
) -> None:
    """Find dead letters on every broker of TARGET, or group those of one RESOURCE by cause."""
    output = current_output(json=json_lines)
    if resource is None and decode:
        raise click.UsageError("--decode shows the first letter of each cause: name the RESOURCE")
    if resource is None and oldest is not None:
        raise click.UsageError("--oldest reads the letters of one destination: name the RESOURCE")
    if resource is None:
        consent = Consent(spend=spend) if every else None
        run_command(output, lambda: _list_destinations(output, target, consent, fail))
    elif every:
        raise click.UsageError("--all searches all destinations: leave the RESOURCE out")
    else:
        limits = LetterLimits(fail, oldest)
        run_command(output, lambda: _list_causes(output, target, resource, Consent(spend=spend), limits, decode=decode))


async def _list_destinations(output: Output, target: str, every: Consent | None, fail: int | None) -> int:
    """List dead-letter destinations; with a consent every destination is searched."""
    from mqtui.services import deadletters, letter_checks
    from mqtui.services.conventions import load_for_profile
    from mqtui.services.header_search import HeaderSearch

    async def look(session: Session) -> DeadLetterSurvey:
        output.warn(load_for_profile(session.profile).notes)
        if every is not None and (price := traits_of(session.broker.kind).search_price):
            output.note(f"price: {price}")
        search = HeaderSearch() if every is None else HeaderSearch(None, every)
        found = await deadletters.find_dead_letters(session, load_for_profile(session.profile).conventions, search)
        return await deadletters.add_readers(session, found) if output.json else found

    answers = await ask_all_brokers(output, target, look)
    if output.json:
        from mqtui.services.json_rows import dead_letters_row

        for at, found in answers.answers:
            for place in found.destinations:
                output.json_line(answers.json_row(at, dead_letters_row(place)))
    else:
        output.table(
            answers.column_titles(("NAME", "KIND", "LETTERS", "ORIGIN", "DETECTED BY")),
            [answers.cells(at, _cells(place)) for at, found in answers.answers for place in found.destinations],
            right=answers.right_columns((2,)),
            first_to_go=("DETECTED BY", "KIND", "ORIGIN"),
        )
    for _, found in answers.answers:
        _print_notes(output, found, ALL_HINT if every is None else "")
    counts = [(place.ref.name, place.letters) for _, found in answers.answers for place in found.destinations]
    return max(answers.exit_code, _report(output, letter_checks.check_counts(counts, fail)))


def _report(output: Output, failed: Sequence[str]) -> int:
    """Say why a check failed; the exit code."""
    for sentence in failed:
        output.note(sentence)
    return INCOMPLETE if failed else DONE


def _print_notes(output: Output, found: DeadLetterSurvey, hint: str) -> None:
    """Notes to the destinations of one broker."""
    output.warn(found.missing)
    for stage in found.retry_stages:
        output.note(f"· {stage.ref.name} is a retry stage, its {stage.messages} are no dead letters: {stage.why}")
    if found.unclassified:
        output.note(f"▲ {pluralize(found.unclassified, 'destination')} {UNCLASSIFIED}{hint}")


def _cells(place: DeadLetterDestination) -> tuple[object, ...]:
    origins = ", ".join(ref.name for ref in place.origins)
    return place.ref.name, place.ref.kind, place.letters, origins, place.detected_by


async def _list_causes(
    output: Output, target: str, resource: ParsedName, consent: Consent, limits: LetterLimits, *, decode: bool
) -> int:
    from time import time

    from mqtui.services import deadletters, letter_checks
    from mqtui.services.browse import find_destination, unreadable_parts
    from mqtui.services.cause_grouping import FirstLetters
    from mqtui.services.conventions import load_for_profile
    from mqtui.services.json_rows import cause_row
    from mqtui.services.jsonlines import decoded_fields

    async with open_holder(output, target, resource) as session:
        output.warn(load_for_profile(session.profile).notes)
        destination = await session.broker.catalog.describe((await find_destination(session.broker, resource)).ref)
        count = int(destination.messages.number or 1)
        price = await session.broker.reader.peek_cost(destination.ref, count)
        if price.lends:
            output.note(f"price: {price.text}")
        else:
            for text in await unreadable_parts(session, destination, None):
                output.note(text)
        letters = FirstLetters()
        causes = await deadletters.read_causes(
            session, destination.ref, price, load_for_profile(session.profile).conventions, consent, letters
        )
        decoder = await load_message_decoder(output, session) if decode else None
    decoded: dict[str, Decoded] = {}
    if decoder is not None:
        from mqtui.services.decode_batch import decode_each

        values = await decode_each(decoder, tuple(letters.by_cause.values()))
        decoded = dict(zip(letters.by_cause, values, strict=True))
    _keep_causes(target, destination.ref.name, causes)
    now = int(time() * 1000)
    failed = letter_checks.check_causes(destination.ref.name, causes, limits.fail, limits.oldest_ms, now)
    if output.json:
        for cause in causes:
            found = decoded.get(cause.id)
            output.json_line(cause_row(cause) | (decoded_fields(found) if found is not None else {}))
        return _report(output, failed)
    output.table(
        ("CAUSE", "LETTERS", "ERROR", "ORIGIN", "FIRST", "LAST", *(("FIRST LETTER",) if decode else ())),
        [
            (
                *(cause.id, f"{cause.count:,}", cause.text, cause.origin, _when(cause.first), _when(cause.last)),
                *((decoded_text(decoded.get(cause.id)),) if decode else ()),
            )
            for cause in causes
        ],
        right=(1,),
        first_to_go=("FIRST", "ORIGIN", "LAST", "FIRST LETTER", "ERROR"),
    )
    return _report(output, failed)


def _keep_causes(target: str, name: str, causes: Sequence[Cause]) -> None:
    """Keep the causes for the completion of `--cause`."""
    from mqtui.state.known_names import load_names, store_names

    names = load_names(target)
    names.causes[name] = {cause.id: cause.text for cause in causes}
    store_names(target, names)


def _when(time: int | None) -> str:
    from mqtui.domain.times import format_time

    return format_time(time, "%Y-%m-%d %H:%M:%S")
