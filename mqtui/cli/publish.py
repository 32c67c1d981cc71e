"""`mqtui publish`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from mqtui.cli import options
from mqtui.cli.composing import Wish, compose, wish
from mqtui.cli.consent import Agreed, ask
from mqtui.cli.exits import DONE, NOT_ALL
from mqtui.cli.output import Output, current
from mqtui.cli.running import run
from mqtui.domain.errors import BadInput
from mqtui.domain.figure import exact, unknown
from mqtui.domain.message import Outgoing
from mqtui.domain.redrive import Receipt, Stored
from mqtui.domain.resource import Kind, Named, Ref

if TYPE_CHECKING:
    from mqtui.services.session import Session


@click.command()
@options.target
@click.argument("resource", type=options.RESOURCE, required=False)
@click.argument("source", type=click.File("rb"), required=False, metavar="[-]")
@compose
@options.writes
@options.as_json
def publish(
    *,
    target: str,
    resource: Named | None,
    source: BinaryIO | None,
    dry_run: bool,
    yes: bool,
    confirm: str,
    json_lines: bool,
    **given: Any,
) -> None:
    """Send messages, each confirmed by the broker. The value comes from --value, --file, or - (stdin).

    With --jsonl every line of - or --file is a message as `mqtui peek --json` writes it.
    """
    output = current(json=json_lines)
    agreed = Agreed(dry_run, yes, confirm)
    run(output, lambda: _publish(output, target, resource, wish(given, source), agreed))


async def _publish(output: Output, target: str, resource: Named | None, wanted: Wish, agreed: Agreed) -> int:
    from mqtui.services.publishing import plan
    from mqtui.services.publishing import publish as sending
    from mqtui.services.session import opened

    async with opened(target) as session:
        output.warn(session.warnings)
        wanted.check(session.broker.kind)
        to = await _target(session, resource, wanted)
        count = unknown("as many lines as come") if wanted.jsonl else exact(1)
        await session.guard.recognise()
        planned = plan(session, [to], count, wanted.facts())
        if agreed.dry_run and not wanted.jsonl:
            wanted.message(session.broker.kind, to)
        consent = ask(output, planned, session.policy, agreed)
        if consent is None:
            return DONE
        stored = asked = 0
        messages = _messages(session, to, wanted)
        async with aclosing(sending(session, planned, consent, messages, wanted.rate)) as chunks:
            async for sent in chunks:
                for message, receipt in zip(sent.messages, sent.receipts, strict=True):
                    asked += 1
                    stored += receipt.state is Stored.STORED
                    _tell(output, message, receipt)
    if not output.json:
        output.line(f"published {stored:,} of {asked:,} to {to.name}")
    return DONE if stored == asked else NOT_ALL


async def _target(session: Session, resource: Named | None, wanted: Wish) -> Ref:
    """Where the messages go: --exchange, or the resource, which has to be there."""
    from mqtui.services.browse import find

    if wanted.exchange is not None:
        return (await find(session.broker, Named(wanted.exchange, Kind.EXCHANGE))).ref
    if resource is None:
        raise BadInput("Publish where?", "", "Name a resource, or --exchange with --routing-key.")
    return (await find(session.broker, resource)).ref


def _messages(session: Session, to: Ref, wanted: Wish) -> Iterator[Outgoing]:
    from mqtui.services.jsonlines_in import from_json
    from mqtui.services.publishing import with_idempotency_key

    if wanted.jsonl:
        found: Iterator[Outgoing] = (
            from_json(line, number, to, session.broker.kind)
            for number, line in enumerate(wanted.lines(), 1)
            if line.strip()
        )
    else:
        found = iter([wanted.message(session.broker.kind, to)])
    for message in found:
        yield with_idempotency_key(message, session.broker.kind, wanted.idempotency) if wanted.idempotency else message


def _tell(output: Output, message: Outgoing, receipt: Receipt) -> None:
    where = str(receipt.position) if receipt.position is not None else None
    if output.json:
        told = {"resource": message.target.name, "state": receipt.state, "position": where}
        output.json_line(told | ({"reason": receipt.reason} if receipt.reason else {}))
    elif receipt.state is not Stored.STORED:
        output.note(f"▲ {receipt.state}: {receipt.reason}")
