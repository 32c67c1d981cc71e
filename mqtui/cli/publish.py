"""`mqtui publish`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from mqtui.cli import options
from mqtui.cli.consent import ConsentFlags, confirm_plan
from mqtui.cli.exit_codes import DONE, INCOMPLETE, INTERRUPTED
from mqtui.cli.output import Output, current_output
from mqtui.cli.publish_options import PublishArguments, build_arguments, message_options
from mqtui.cli.run_command import run_command, stop_on_interrupt
from mqtui.domain.errors import BadInput, MqtuiError
from mqtui.domain.figure import exact, unknown
from mqtui.domain.message import Outgoing
from mqtui.domain.redrive import PublishStatus, Receipt
from mqtui.domain.resource import Kind, ParsedName, Ref

if TYPE_CHECKING:
    from mqtui.services.session import Session
    from mqtui.services.value_encoding import ValueEncoder


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.resource_argument("resource", required=False)
@click.argument("source", type=click.File("rb"), required=False, metavar="[-]")
@message_options
@click.option(
    "--watch",
    type=options.DURATION,
    metavar="D",
    help="Monitor for so long who consumes it, or whether it is dead-lettered.",
)
@options.write_options
@options.rows_option
def publish(
    *,
    target: str,
    resource: ParsedName | None,
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
    output = current_output(json=json_lines)
    flags = ConsentFlags(dry_run, yes, confirm)
    run_command(output, lambda: _publish(output, target, resource, build_arguments(given, source), flags, watch))


async def _publish(
    output: Output,
    target: str,
    resource: ParsedName | None,
    arguments: PublishArguments,
    flags: ConsentFlags,
    watch: int | None,
) -> int:
    from mqtui.services.session import open_session

    async with open_session(target) as session:
        output.warn(session.warnings)
        arguments.check(session.broker.kind)
        to = await _target(session, resource, arguments)
        await session.guard.identify_broker()
        if arguments.jsonl:
            if watch:
                raise BadInput("--watch is for one message", "With --jsonl there may be any number of them.")
            return await _publish_lines(output, session, to, arguments, flags)
        if watch:
            return await _publish_watched(output, session, to, arguments, flags, watch)
        return await _publish_one(output, session, to, arguments, flags)


async def _publish_one(
    output: Output, session: Session, to: Ref, arguments: PublishArguments, flags: ConsentFlags
) -> int:
    from mqtui.services.publishing import plan_publish
    from mqtui.services.publishing import publish as sending

    encoder = await _load_encoder(session, arguments)
    message = _key_adder(arguments, session)(arguments.message(session.broker.kind, to, _encode_with(encoder)))
    planned = await plan_publish(session, [to], exact(1), _facts(arguments, encoder))
    consent = confirm_plan(output, planned, session.policy, flags)
    if consent is None:
        return DONE
    report = PublishReport(output)
    async with aclosing(sending(session, planned, consent, [message])) as chunks:
        async for sent in chunks:
            report.add(sent.messages[0], sent.receipts[0])
    if not output.json:
        output.line(f"published {report.stored:,} of {report.sent:,} to {to.name}")
    return DONE if report.stored == report.sent else INCOMPLETE


async def _publish_watched(
    output: Output, session: Session, to: Ref, arguments: PublishArguments, flags: ConsentFlags, milliseconds: int
) -> int:
    """Publish it and print which consumer passed it, or where it was dead-lettered; exit 0 only where it passed."""
    from mqtui.services import publish_monitor
    from mqtui.services.conventions import load_for_profile
    from mqtui.services.json_rows import monitor_row
    from mqtui.services.publishing import plan_publish

    kind, conventions = session.broker.kind, load_for_profile(session.profile).conventions
    encoder = await _load_encoder(session, arguments)
    given = arguments.message(kind, to, _encode_with(encoder))
    message = publish_monitor.with_message_id(_key_adder(arguments, session)(given), kind)
    source = await publish_monitor.find_dead_letter_source(session, conventions, to)
    planned = await publish_monitor.plan_monitored(
        session, await plan_publish(session, [to], exact(1), _facts(arguments, encoder)), to, source
    )
    consent = confirm_plan(output, planned, session.policy, flags)
    if consent is None:
        return DONE
    report = PublishReport(output)
    result = await publish_monitor.publish_monitored(
        session,
        planned,
        consent,
        message,
        source,
        conventions,
        milliseconds / 1000,
        lambda receipt: report.add(message, receipt),
        stop_on_interrupt(),
    )
    if result is None:
        return INCOMPLETE
    if output.json:
        output.json_line(monitor_row(result))
    else:
        output.line(f"published to {to.name}. {result.describe()}")
        for reader in result.readers:
            output.line(f"  {reader.text}")
        for letter in result.returned_letters:
            output.note(f"▲ dead-lettered: {letter}")
    return DONE if result.passed and not result.came_back else INCOMPLETE


async def _publish_lines(
    output: Output, session: Session, to: Ref, arguments: PublishArguments, flags: ConsentFlags
) -> int:
    """Check what can be checked, confirm, publish, and print how many are stored and from which line to continue."""
    from mqtui.services.jsonlines_reader import JsonLinesReader
    from mqtui.services.publishing import plan_publish, publish_batches

    report, encoder = PublishReport(output), await _load_encoder(session, arguments)
    with arguments.lines() as source:
        convert = _converter(output, session, to, arguments, encoder)
        reader = JsonLinesReader(source, convert, arguments.from_line or 1)
        count = exact(await reader.check()) if reader.is_file else unknown("as many lines as come")
        checked = "each is checked" if reader.is_file else "from a pipe: sent as they come, unchecked before"
        planned = await plan_publish(session, [to], count, [*_facts(arguments, encoder), ("lines", checked)])
        consent = confirm_plan(output, planned, session.policy, flags)
        if consent is None:
            return DONE
        stop = stop_on_interrupt()
        batches = reader.batches(stop)
        try:
            async with aclosing(publish_batches(session, planned, consent, batches, arguments.rate, stop)) as chunks:
                async for sent in chunks:
                    for message, receipt in zip(sent.messages, sent.receipts, strict=True):
                        report.add(message, receipt, reader.numbers.popleft())
        except MqtuiError as error:
            if not report.sent:
                raise
            report.end(to, reader.next_line, error.title)
            error.hint = f"{error.hint} Continue with --from-line {reader.next_line}.".strip()
            output.error(error, INCOMPLETE)
            return INCOMPLETE
    if stop.is_set():
        report.end(to, reader.next_line, "interrupted")
        output.note(f"▲ interrupted: continue with --from-line {reader.next_line}")
        return INCOMPLETE if report.sent else INTERRUPTED
    report.end(to, reader.next_line)
    return DONE if report.stored == report.sent else INCOMPLETE


async def _target(session: Session, resource: ParsedName | None, arguments: PublishArguments) -> Ref:
    """The target: --exchange, or the resource, which has to exist."""
    from mqtui.services.browse import find_target

    if arguments.exchange is not None:
        return (await find_target(session.broker, ParsedName(arguments.exchange, Kind.EXCHANGE))).ref
    if resource is None:
        raise BadInput("Publish where?", "", "Name a resource, or --exchange with --routing-key.")
    return (await find_target(session.broker, resource)).ref


async def _load_encoder(session: Session, arguments: PublishArguments) -> ValueEncoder | None:
    """What encodes values by the schema that was asked for."""
    if arguments.schema is None:
        return None
    from mqtui.services.value_encoding import load_value_encoder

    return await load_value_encoder(session, arguments.schema)


def _encode_with(encoder: ValueEncoder | None) -> Callable[[bytes], bytes]:
    return bytes if encoder is None else encoder.encode


def _facts(arguments: PublishArguments, encoder: ValueEncoder | None) -> list[tuple[str, str]]:
    return [*arguments.facts(), *(encoder.facts if encoder is not None else ())]


def _converter(
    output: Output, session: Session, to: Ref, arguments: PublishArguments, encoder: ValueEncoder | None
) -> Callable[[bytes, int], Outgoing]:
    """Converts a line to a message. Fields that the broker assigns anew are reported once."""
    from mqtui.brokers.registry import traits_of
    from mqtui.services.jsonlines_parse import parse_message, reassigned_fields

    publish = traits_of(session.broker.kind).publish
    kind, keyed, said = session.broker.kind, _key_adder(arguments, session), set(arguments.kept)

    def convert(line: bytes, number: int) -> Outgoing:
        parsed = parse_message(line, number, to, kind, arguments.kept)
        message = keyed(parsed if encoder is None else encoder.encode_message(parsed, number))
        if said.issuperset(publish.assigned):
            return message
        for name in set(reassigned_fields(line, kind)) - said:
            said.add(name)
            how = f"; --keep {name} keeps it" if name in publish.keepable else ""
            output.note(f"▲ `{name}` of the lines is not kept, {kind} gives a new one{how}")
        return message

    return convert


def _key_adder(arguments: PublishArguments, session: Session) -> Callable[[Outgoing], Outgoing]:
    """A function that adds the idempotency key that was asked for."""
    from mqtui.services.publishing import with_idempotency_key

    if not arguments.idempotency:
        return lambda message: message
    return lambda message: with_idempotency_key(message, session.broker.kind, arguments.idempotency)


@dataclass(slots=True)
class PublishReport:
    """Prints the receipt of each message as it comes, and counts them."""

    output: Output
    counts: Counter[PublishStatus] = field(default_factory=Counter)

    @property
    def sent(self) -> int:
        """Messages sent."""
        return self.counts.total()

    @property
    def stored(self) -> int:
        """Messages that are stored."""
        return self.counts[PublishStatus.STORED]

    def add(self, message: Outgoing, receipt: Receipt, line: int | None = None) -> None:
        """Count one message, and print where it is or why it is not stored."""
        self.counts[receipt.state] += 1
        where = str(receipt.position) if receipt.position is not None else None
        if self.output.json:
            report = {"resource": message.target.name, "state": receipt.state, "position": where}
            numbered = {"line": line} if line is not None else {}
            self.output.json_line(report | numbered | ({"reason": receipt.reason} if receipt.reason else {}))
        elif receipt.state is not PublishStatus.STORED:
            of = f"line {line:,} " if line is not None else ""
            self.output.note(f"▲ {of}{receipt.state}: {receipt.reason}")

    def end(self, to: Ref, next_line: int, reason: str = "") -> None:
        """Print the sum of the JSON lines; `reason` says why they were not read to the end."""
        if not self.output.json:
            self.output.line(f"published {self.stored:,} of {self.sent:,} to {to.name}")
            return
        lost = self.counts[PublishStatus.UNKNOWN]
        row = {"published": self.stored, "refused": self.sent - self.stored - lost, "unknown": lost}
        self.output.json_line(row | ({"next_line": next_line, "reason": reason} if reason else {}))
