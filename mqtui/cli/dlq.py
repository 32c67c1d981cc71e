"""`mqtui dlq`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mqtui.cli import options
from mqtui.cli.each import look_at_each
from mqtui.cli.exits import DONE
from mqtui.cli.output import Output, current
from mqtui.cli.running import run
from mqtui.domain.figure import pluralize
from mqtui.domain.policy import Consent
from mqtui.domain.resource import BrokerKind, Named
from mqtui.domain.times import written_time

if TYPE_CHECKING:
    from mqtui.services.deadletters import Found, Place
    from mqtui.services.session import Session

NOT_LOOKED_INTO = "not looked into, though nothing else tells whether dead letters lie there"
ALL_LOOKS = "; --all looks, at one message of each"


@click.command()
@options.target
@options.thing("resource", required=False)
@click.option(
    "--all", "every", is_flag=True, help="Look into every place whose name says nothing: one message of each."
)
@click.option("--yes-spend", "spend", is_flag=True, help="Agree to what the look costs (protected profiles).")
@options.as_json
def dlq(*, target: str, resource: Named | None, every: bool, spend: bool, json_lines: bool) -> None:
    """Find dead letters on every broker of TARGET, or group those of one RESOURCE by cause."""
    output = current(json=json_lines)
    if resource is None:
        consent = Consent(spend=spend) if every else None
        run(output, lambda: _places(output, target, consent))
    elif every:
        raise click.UsageError("--all is of all places: leave the name of one away")
    else:
        run(output, lambda: _causes(output, target, resource, Consent(spend=spend)))


async def _places(output: Output, target: str, every: Consent | None) -> int:
    """Places with dead letters; with a consent every destination is looked into."""
    from mqtui.services import deadletters
    from mqtui.services.conventions import known
    from mqtui.services.header_search import HeaderSearch

    async def look(session: Session) -> Found:
        output.warn(known(session.profile).notes)
        if every is not None and session.broker.kind is BrokerKind.RABBITMQ:
            output.note("price: a queue lends one message; on a quorum queue that spends a delivery of it")
        search = HeaderSearch() if every is None else HeaderSearch(None, every)
        found = await deadletters.find(session, known(session.profile).conventions, search)
        return await deadletters.with_readers(session, found) if output.json else found

    looked = await look_at_each(output, target, look)
    if output.json:
        from mqtui.services.json_rows import place_row

        for at, found in looked.found:
            for place in found.places:
                output.json_line(looked.row(at, place_row(place)))
    else:
        output.table(
            looked.named(("NAME", "KIND", "LETTERS", "OF", "KNOWN BY")),
            [looked.cells(at, _cells(place)) for at, found in looked.found for place in found.places],
            right=looked.right((2,)),
        )
    for _, found in looked.found:
        _tell_rest(output, found, ALL_LOOKS if every is None else "")
    return looked.code


def _tell_rest(output: Output, found: Found, hint: str) -> None:
    """What stands beside the places of one broker."""
    output.warn(found.missing)
    for stage in found.stages:
        output.note(f"· {stage.ref.name} is a retry stage, {stage.messages} there are no dead letters: {stage.why}")
    if found.not_looked_into:
        output.note(f"▲ {pluralize(found.not_looked_into, 'destination')} {NOT_LOOKED_INTO}{hint}")


def _cells(place: Place) -> tuple[object, ...]:
    origins = ", ".join(ref.name for ref in place.origins)
    return place.ref.name, place.ref.kind, place.letters, origins, place.told_by


async def _causes(output: Output, target: str, resource: Named, consent: Consent) -> int:
    from mqtui.services import deadletters
    from mqtui.services.browse import find, missing_parts
    from mqtui.services.conventions import known
    from mqtui.services.json_rows import cause_row
    from mqtui.services.session import opened

    async with opened(target) as session:
        output.warn((*session.warnings, *known(session.profile).notes))
        destination = await session.broker.catalog.detail((await find(session.broker, resource)).ref)
        count = int(destination.messages.number or 1)
        price = await session.broker.reader.peek_cost(destination.ref, count)
        if price.lends:
            output.note(f"price: {price.text}")
        else:
            for text in await missing_parts(session, destination, None):
                output.note(text)
        causes = await deadletters.causes(session, destination.ref, price, known(session.profile).conventions, consent)
    if output.json:
        for cause in causes:
            output.json_line(cause_row(cause))
        return DONE
    output.table(
        ("CAUSE", "LETTERS", "WHAT", "FROM", "FIRST", "LAST"),
        [
            (cause.id, f"{cause.count:,}", cause.text, cause.origin, _when(cause.first), _when(cause.last))
            for cause in causes
        ],
        right=(1,),
    )
    return DONE


def _when(time: int | None) -> str:
    return written_time(time, "%Y-%m-%d %H:%M:%S")
