"""`mqtui publish`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from mqtui.cli import options
from mqtui.cli.composing import Wish, compose, wish
from mqtui.cli.consent import Agreed, ask
from mqtui.cli.exits import DONE, INTERRUPTED, NOT_ALL
from mqtui.cli.output import Output, current
from mqtui.cli.running import run, stop_on_interrupt
from mqtui.domain.errors import BadInput, MqtuiError
from mqtui.domain.figure import exact, unknown
from mqtui.domain.message import Outgoing
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import Kind, Named, Ref

if TYPE_CHECKING:
    from mqtui.services.session import Session


@click.command()
@options.target
@options.thing("resource", required=False)
@click.argument("source", type=click.File("rb"), required=False, metavar="[-]")
@compose
@click.option("--watch", type=options.DURATION, metavar="D", help="Watch so long who passes it, or whether it dies.")
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
    watch: int | None,
    **given: Any,
) -> None:
    """Send messages, each confirmed by the broker. The value comes from --value, --file, or - (stdin).

    With --jsonl every line of - or --file is a message as `mqtui peek --json` writes it. A file is checked whole before
    the first message leaves; a pipe is sent as it comes.
    """
    output = current(json=json_lines)
    agreed = Agreed(dry_run, yes, confirm)
    run(output, lambda: _publish(output, target, resource, wish(given, source), agreed, watch))


async def _publish(
    output: Output, target: str, resource: Named | None, wanted: Wish, agreed: Agreed, watch: int | None
) -> int:
    from mqtui.services.session import opened

    async with opened(target) as session:
        output.warn(session.warnings)
        wanted.check(session.broker.kind)
        to = await _target(session, resource, wanted)
        await session.guard.recognise()
        if wanted.jsonl:
            if watch:
                raise BadInput("--watch is for one message", "With --jsonl there may be any number of them.")
            return await _publish_lines(output, session, to, wanted, agreed)
        if watch:
            return await _publish_watched(output, session, to, wanted, agreed, watch)
        return await _publish_one(output, session, to, wanted, agreed)


async def _publish_one(output: Output, session: Session, to: Ref, wanted: Wish, agreed: Agreed) -> int:
    from mqtui.services.publishing import plan
    from mqtui.services.publishing import publish as sending

    message = _keyed(wanted, session)(wanted.message(session.broker.kind, to))
    planned = plan(session, [to], exact(1), wanted.facts())
    consent = ask(output, planned, session.policy, agreed)
    if consent is None:
        return DONE
    told = Told(output)
    async with aclosing(sending(session, planned, consent, [message])) as chunks:
        async for sent in chunks:
            told.add(sent.messages[0], sent.receipts[0])
    if not output.json:
        output.line(f"published {told.stored:,} of {told.asked:,} to {to.name}")
    return DONE if told.stored == told.asked else NOT_ALL


async def _publish_watched(
    output: Output, session: Session, to: Ref, wanted: Wish, agreed: Agreed, milliseconds: int
) -> int:
    """Send it and say who passed it, or where it died; only a message that was passed ends well."""
    from mqtui.services import publish_watch
    from mqtui.services.conventions import known
    from mqtui.services.json_rows import verdict_row
    from mqtui.services.publishing import plan

    kind, conventions = session.broker.kind, known(session.profile).conventions
    message = publish_watch.with_message_id(_keyed(wanted, session)(wanted.message(kind, to)), kind)
    hearing = await publish_watch.find_hearing(session, conventions, to)
    planned = await publish_watch.watched(session, plan(session, [to], exact(1), wanted.facts()), to, hearing)
    consent = ask(output, planned, session.policy, agreed)
    if consent is None:
        return DONE
    told = Told(output)
    verdict = await publish_watch.publish_watched(
        session,
        planned,
        consent,
        message,
        hearing,
        conventions,
        milliseconds / 1000,
        lambda receipt: told.add(message, receipt),
        stop_on_interrupt(),
    )
    if verdict is None:
        return NOT_ALL
    if output.json:
        output.json_line(verdict_row(verdict))
    else:
        output.line(f"published to {to.name}. {verdict.describe()}")
        for reader in verdict.readers:
            output.line(f"  {reader.words}")
        for letter in verdict.returned_letters:
            output.note(f"▲ died: {letter}")
    return DONE if verdict.passed and not verdict.came_back else NOT_ALL


async def _publish_lines(output: Output, session: Session, to: Ref, wanted: Wish, agreed: Agreed) -> int:
    """Check what can be checked, ask, send, and say how many are stored and from which line to go on."""
    from mqtui.services.line_reader import LineReader
    from mqtui.services.publishing import plan, publish_batches

    told = Told(output)
    with wanted.lines() as source:
        reader = LineReader(source, _converter(output, session, to, wanted), wanted.from_line or 1)
        count = exact(await reader.check()) if reader.is_file else unknown("as many lines as come")
        checked = "each is checked" if reader.is_file else "from a pipe: sent as they come, unchecked before"
        planned = plan(session, [to], count, [*wanted.facts(), ("lines", checked)])
        consent = ask(output, planned, session.policy, agreed)
        if consent is None:
            return DONE
        stop = stop_on_interrupt()
        batches = reader.batches(stop)
        try:
            async with aclosing(publish_batches(session, planned, consent, batches, wanted.rate, stop)) as chunks:
                async for sent in chunks:
                    for message, receipt in zip(sent.messages, sent.receipts, strict=True):
                        told.add(message, receipt, reader.numbers.popleft())
        except MqtuiError as error:
            if not told.asked:
                raise
            told.end(to, reader.next_line, error.title)
            error.hint = f"{error.hint} Go on with --from-line {reader.next_line}.".strip()
            output.error(error, NOT_ALL)
            return NOT_ALL
    if stop.is_set():
        told.end(to, reader.next_line, "interrupted")
        output.note(f"▲ interrupted: go on with --from-line {reader.next_line}")
        return NOT_ALL if told.asked else INTERRUPTED
    told.end(to, reader.next_line)
    return DONE if told.stored == told.asked else NOT_ALL


async def _target(session: Session, resource: Named | None, wanted: Wish) -> Ref:
    """Where the messages go: --exchange, or the resource, which has to be there."""
    from mqtui.services.browse import find_target

    if wanted.exchange is not None:
        return (await find_target(session.broker, Named(wanted.exchange, Kind.EXCHANGE))).ref
    if resource is None:
        raise BadInput("Publish where?", "", "Name a resource, or --exchange with --routing-key.")
    return (await find_target(session.broker, resource)).ref


def _converter(output: Output, session: Session, to: Ref, wanted: Wish) -> Callable[[bytes, int], Outgoing]:
    """What makes the message of a line. What of a line is given anew by the broker is said once."""
    from mqtui.services.jsonlines_in import KEEPABLE, WHERE, from_json, given_anew

    kind, keyed, said = session.broker.kind, _keyed(wanted, session), set(wanted.kept)

    def convert(line: bytes, number: int) -> Outgoing:
        message = keyed(from_json(line, number, to, kind, wanted.kept))
        if said.issuperset(WHERE[kind]):
            return message
        for name in set(given_anew(line, kind)) - said:
            said.add(name)
            how = f"; --keep {name} keeps it" if name in KEEPABLE else ""
            output.note(f"▲ `{name}` of the lines is not kept, {kind} gives a new one{how}")
        return message

    return convert


def _keyed(wanted: Wish, session: Session) -> Callable[[Outgoing], Outgoing]:
    """What adds the idempotency key that was asked for."""
    from mqtui.services.publishing import with_idempotency_key

    if not wanted.idempotency:
        return lambda message: message
    return lambda message: with_idempotency_key(message, session.broker.kind, wanted.idempotency)


@dataclass(slots=True)
class Told:
    """What the broker said of each message, printed as it comes and counted."""

    output: Output
    counts: Counter[PublishStatus] = field(default_factory=Counter)

    @property
    def asked(self) -> int:
        """Messages sent."""
        return self.counts.total()

    @property
    def stored(self) -> int:
        """Messages the broker has."""
        return self.counts[PublishStatus.STORED]

    def add(self, message: Outgoing, receipt: Receipt, line: int | None = None) -> None:
        """Count one message, and say where it is or why it is not stored."""
        self.counts[receipt.state] += 1
        where = str(receipt.position) if receipt.position is not None else None
        if self.output.json:
            told = {"resource": message.target.name, "state": receipt.state, "position": where}
            numbered = {"line": line} if line is not None else {}
            self.output.json_line(told | numbered | ({"reason": receipt.reason} if receipt.reason else {}))
        elif receipt.state is not PublishStatus.STORED:
            of = f"line {line:,} " if line is not None else ""
            self.output.note(f"▲ {of}{receipt.state}: {receipt.reason}")

    def end(self, to: Ref, next_line: int, reason: str = "") -> None:
        """The sum of JSON lines; with `reason`, why they were not read to their end."""
        if not self.output.json:
            self.output.line(f"published {self.stored:,} of {self.asked:,} to {to.name}")
            return
        lost = self.counts[PublishStatus.UNKNOWN]
        row = {"published": self.stored, "refused": self.asked - self.stored - lost, "unknown": lost}
        self.output.json_line(row | ({"next_line": next_line, "reason": reason} if reason else {}))
