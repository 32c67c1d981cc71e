"""`mqtui export`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from mqtui.cli import options
from mqtui.cli.all_brokers import open_holder
from mqtui.cli.exit_codes import DONE, INCOMPLETE
from mqtui.cli.message_lines import load_message_decoder
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import run_command
from mqtui.domain.figure import pluralize
from mqtui.domain.policy import Consent
from mqtui.domain.resource import ParsedName

if TYPE_CHECKING:
    from mqtui.services.export.export import ExportProgress, ExportRequest, ExportResult, PreparedExport

FORMATS = ("jsonl", "csv", "parquet")


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.resource_argument("resource")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="A new file, readable for you alone. Until it is whole it is called FILE.part.",
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="Default: by the end of FILE, else jsonl.")
@click.option("-n", "count", type=click.IntRange(1), help="At most so many. Default: all.")
@click.option("--from", "start", metavar="oldest|newest|POSITION|TIME", help="Default: oldest.")
@click.option("--until", type=options.TIME, metavar="TIME", help="Only messages from before.")
@click.option("--partition", type=click.IntRange(0), help="Only this partition.")
@click.option(
    "--cause",
    metavar="ID",
    default="",
    help="Only letters of this cause, as `mqtui dlq` shows it.",
    shell_complete=options.complete("cause"),
)
@click.option("--where", metavar="JQ", default="", help="Only messages this jq program selects.")
@click.option("--resume", is_flag=True, help="Go on with FILE.part, after its last whole message.")
@click.option("--yes-spend", "spend", is_flag=True, help="Accept that this uses up deliveries (protected profiles).")
@options.decode_option
@options.json_option
def export(*, target: str, resource: ParsedName, spend: bool, json_lines: bool, **given: Any) -> None:
    """Write messages to a file, as `mqtui peek --json` prints them: `mqtui publish --jsonl` sends them again.

    What reading a queue costs is printed before. Parquet has a typed column for each decoded field.
    """
    output = current_output(json=json_lines)
    run_command(output, lambda: _export(output, target, _build_request(resource, given), Consent(spend=spend)))


def _build_request(resource: ParsedName, given: dict[str, Any]) -> ExportRequest:
    from mqtui.domain.times import parse_start_point
    from mqtui.services.export.export import ExportFormat, ExportRequest, format_of

    file: Path = given["out"].absolute()
    start, partition = given["start"], given["partition"]
    return ExportRequest(
        named=resource,
        file=file,
        format=ExportFormat(given["form"]) if given["form"] else format_of(file),
        start=parse_start_point(start, partition, options.local_now()) if start else None,
        until=given["until"],
        partition=partition,
        limit=given["count"],
        cause=given["cause"],
        where=given["where"],
        decode=given["decode"],
        resume=given["resume"],
    )


async def _export(output: Output, target: str, request: ExportRequest, consent: Consent) -> int:
    from mqtui.services.browse import explain_empty_peek
    from mqtui.services.export.export import ExportFormat, ExportProgress, prepare_export
    from mqtui.services.export.export import export as run_export

    began, progress = monotonic(), ExportProgress()
    async with open_holder(output, target, request.named) as session:
        prepared = await prepare_export(session, request)
        if prepared.looked.price.lends:
            output.note(f"price: {prepared.looked.price.text}")
        for text in prepared.looked.notes:
            output.note(text)
        decode = request.decode or request.format is ExportFormat.PARQUET
        decoder = await load_message_decoder(output, session) if decode else None

        def tell(now: ExportProgress) -> None:
            nonlocal progress
            progress = now
            output.progress(_progress_line(now, prepared, monotonic() - began))

        try:
            result = await run_export(session, prepared, consent, decoder, tell)
        except (asyncio.CancelledError, KeyboardInterrupt):
            output.progress_done()
            if progress.exported and not prepared.looked.price.lends:
                output.note(f"stopped: what was read is in {request.file}.part; --resume goes on after it")
            raise
        output.progress_done()
        if not result.progress.scanned and not result.progress.resumed:
            why = await explain_empty_peek(session, prepared.looked)
            output.warn([] if why in prepared.looked.notes else [why])
    _print_result(output, prepared, result, monotonic() - began)
    output.warn(result.failures)
    return INCOMPLETE if result.failures else DONE


def _progress_line(now: ExportProgress, prepared: PreparedExport, seconds: float) -> str:
    rate = f"{now.bytes / 1e6 / seconds:.0f} MB/s" if seconds > 1 else ""
    read = f"{now.scanned + now.resumed:,} of {prepared.total} read"
    written = f"{now.converted:,} rows of {prepared.request.format} written" if now.converted else ""
    return ", ".join(part for part in (read, f"{now.exported:,} exported", rate, written) if part)


def _print_result(output: Output, prepared: PreparedExport, result: ExportResult, seconds: float) -> None:
    progress, request, ref = result.progress, prepared.request, prepared.looked.ref
    if output.json:
        output.json_line(
            {
                "resource": ref.name,
                "kind": ref.kind.value,
                "file": str(request.file),
                "format": request.format.value,
                "exported": progress.exported,
                "scanned": progress.scanned,
                "resumed": progress.resumed,
                "size": result.size,
                "seconds": round(seconds, 2),
            }
        )
        return
    before = f", {progress.resumed:,} of them before" if progress.resumed else ""
    scanned = f" of {progress.scanned + progress.resumed:,} read" if request.cause or request.where else ""
    messages = pluralize(progress.exported, "message")
    output.line(f"{messages}{scanned}{before}, {result.size:,} bytes in {request.file}")
