"""Exporting the messages of a destination: read, select, write lines, and go on after an interruption.

All formats begin as JSON lines in `FILE.part`, the same that `mqtui peek --json` prints: so each can be gone on with.
CSV and Parquet are made of them when all are there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mqtui.brokers.port import Batch
from mqtui.domain.errors import BadInput, StorageFailed, Unsupported
from mqtui.domain.figure import Figure
from mqtui.domain.message import Message
from mqtui.domain.policy import Consent
from mqtui.domain.read_range import Edge, ReadRange, StartPoint
from mqtui.domain.redrive import Selection
from mqtui.domain.resource import ParsedName
from mqtui.services.browse import PeekRequest, peek, prepare_peek
from mqtui.services.export.part_file import Convert, PartFile
from mqtui.services.jsonlines import encode_lines

if TYPE_CHECKING:
    from mqtui.services.decoding import Decoder
    from mqtui.services.letter_selector import LetterSelector
    from mqtui.services.session import Session


class ExportFormat(StrEnum):
    """What the file is."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to export, and into which file. `until` (ms since the epoch) is exclusive; `limit` None means all."""

    named: ParsedName
    file: Path
    format: ExportFormat = ExportFormat.JSONL
    start: StartPoint | None = None
    until: int | None = None
    partition: int | None = None
    limit: int | None = None
    cause: str = ""
    where: str = ""
    decode: bool = False
    resume: bool = False


@dataclass(frozen=True, slots=True)
class PreparedExport:
    """An export whose destination was found. `looked` has its cost and notes; `total` is what there is to read."""

    request: ExportRequest
    looked: PeekRequest
    total: Figure


@dataclass(slots=True)
class ExportProgress:
    """How far an export is. `scanned` messages were read now, `exported` are in the file, `resumed` of them before."""

    scanned: int = 0
    exported: int = 0
    resumed: int = 0
    bytes: int = 0
    """Size of the messages read now."""

    converted: int = 0
    """Rows of CSV or Parquet that are written."""


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was exported. `size` is that of the file, `failures` says where the jq program failed."""

    progress: ExportProgress
    size: int
    failures: tuple[str, ...] = ()


Tell = Callable[[ExportProgress], None]


def format_of(file: Path) -> ExportFormat:
    """The format that a file's name says; else JSON lines."""
    suffix = file.suffix.lower().removeprefix(".")
    return ExportFormat(suffix) if suffix in set(ExportFormat) else ExportFormat.JSONL


async def prepare_export(session: Session, request: ExportRequest) -> PreparedExport:
    """Find the destination and what reading it costs; nothing is read or written yet.

    Raises:
        BadInput: the options don't go together, or Parquet can't be written.
        Unsupported: a queue can't be gone on with.
        NotFound: there is no such destination.
    """
    if request.start is Edge.NEWEST and request.limit is None:
        raise BadInput("The newest of how many?", "", "Add -n, or leave --from newest out: all are exported.")
    if request.start is Edge.NEWEST and request.resume:
        hint = "Give --from a position or a time, which stay."
        raise BadInput("What is the newest has changed meanwhile: --resume can't go on with it", "", hint)
    if request.format is ExportFormat.PARQUET:
        from mqtui.services.export.parquet import require_pyarrow

        require_pyarrow()
    looked = await prepare_peek(session, request.named, request.limit or 1, request.start, request.partition)
    if not looked.price.lends:
        span = replace(looked.span, start=request.start or Edge.OLDEST, until=request.until)
        extent = await session.broker.reader.extent(looked.ref, looked.span.partition)
        return PreparedExport(request, replace(looked, span=span), extent.count)
    if request.resume:
        detail = "The messages of a queue have no position to go on from."
        raise Unsupported(f"--resume can't go on with {looked.ref}", detail, "Remove what is there and export it anew.")
    if request.until is not None:
        raise BadInput("A queue can be read from its head only", "", "Leave --until out, or give --where with a time.")
    destination = await session.broker.catalog.describe(looked.ref)
    count = request.limit or int(destination.messages.number or 1)
    price = await session.broker.reader.peek_cost(looked.ref, count)
    return PreparedExport(request, replace(looked, count=count, price=price), destination.messages)


async def export(
    session: Session, prepared: PreparedExport, consent: Consent, decoder: Decoder | None, tell: Tell
) -> ExportResult:
    """Write the messages; `decoder` adds their decoded values. `tell` is called as it goes on.

    Raises:
        StorageFailed: the file can't be written; what is there can be gone on with.
        BadInput: the file is there already, or what is there is another export.
        Refused, NeedsConsent: the price of a queue can't be paid, or was not agreed to.
        OverBudget: the jq program uses up its budget.
        MqtuiError: the broker can't be read.
    """
    request, progress = prepared.request, ExportProgress()
    async with AsyncExitStack() as stack:
        part = stack.enter_context(PartFile(request.file))
        span = await asyncio.to_thread(_open, part, prepared, progress)
        selector = await _open_selector(stack, session, prepared)
        left = None if request.limit is None else max(0, request.limit - progress.exported)
        if left != 0:
            looked = replace(prepared.looked, span=span)
            batches = _read(session, looked, consent, left if selector is None else None)
            async with aclosing(batches):
                async for batch in batches:
                    chosen = await _choose(batch, selector, left)
                    await part.add(await encode_lines(chosen, decoder))
                    progress.scanned += len(batch)
                    progress.exported += len(chosen)
                    progress.bytes += sum(message.size for message in batch)
                    tell(progress)
                    left = None if left is None else left - len(chosen)
                    if left == 0:
                        break
        size = await part.finish(_converter(request.format, progress, tell))
    jq_filter = None if selector is None else selector.jq_filter
    reasons = () if jq_filter is None else jq_filter.failure_reasons()
    return ExportResult(progress, size, tuple(f"{why}, on {number:,}" for why, number in reasons))


async def write_whole(
    file: Path, batches: AsyncIterable[Sequence[bytes]], form: ExportFormat = ExportFormat.JSONL
) -> int:
    """Write lines that are at hand into a file, or leave nothing there; its size.

    Raises:
        BadInput: the file is there already, its folder is not, or Parquet can't be written.
        StorageFailed: the disk is full, for example.
    """
    if form is ExportFormat.PARQUET:
        from mqtui.services.export.parquet import require_pyarrow

        require_pyarrow()
    with PartFile(file) as part:
        await asyncio.to_thread(part.create)
        try:
            async for lines in batches:
                await part.add(lines)
            return await part.finish(_converter(form, ExportProgress(), lambda _: None))
        except BaseException as error:
            part.discard()
            if isinstance(error, StorageFailed):
                raise StorageFailed(
                    error.title, "Nothing of it was kept.", "Make room, or name another folder."
                ) from error
            raise


def _open(part: PartFile, prepared: PreparedExport, progress: ExportProgress) -> ReadRange:
    """Open the file that grows; the range that is not in it yet."""
    from mqtui.services.export.exported_lines import read_exported

    if not prepared.request.resume:
        part.create()
        return prepared.looked.span
    part.resume()
    try:
        before = read_exported(part.path, prepared.looked.ref)
    except OSError as error:
        raise StorageFailed(f"{part.path} can't be read", error.strerror or "") from error
    part.messages = progress.resumed = progress.exported = before.messages
    return before.rest_of(prepared.looked.span)


async def _open_selector(stack: AsyncExitStack, session: Session, prepared: PreparedExport) -> LetterSelector | None:
    """What chooses messages; None where all are wanted."""
    request = prepared.request
    if not (request.cause or request.where):
        return None
    from mqtui.services.conventions import load_for_profile
    from mqtui.services.letter_selector import LetterSelector
    from mqtui.services.origins import resolve_origin

    conventions = load_for_profile(session.profile).conventions
    if request.cause:
        conventions = await resolve_origin(session, prepared.looked.ref, conventions)
    selection = Selection(cause=request.cause, where=request.where)
    return await stack.enter_async_context(LetterSelector(selection, conventions, session))


async def _choose(batch: Batch, selector: LetterSelector | None, most: int | None) -> Sequence[Message]:
    if selector is None:
        return batch
    wanted = await selector.select(batch, most)
    return [message for message, chosen in zip(batch, wanted, strict=True) if chosen]


def _read(session: Session, looked: PeekRequest, consent: Consent, limit: int | None) -> AsyncGenerator[Batch, None]:
    if looked.price.lends:
        return peek(session, looked, consent)
    return _read_range(session, looked, limit)


async def _read_range(session: Session, looked: PeekRequest, limit: int | None) -> AsyncGenerator[Batch, None]:
    async for batch in session.broker.reader.read(looked.ref, looked.span, limit=limit):
        yield batch


def _converter(form: ExportFormat, progress: ExportProgress, tell: Tell) -> Convert | None:
    """What makes the file of its lines; None where they are it."""
    loop = asyncio.get_running_loop()

    def count(rows: int) -> None:
        progress.converted = rows
        loop.call_soon_threadsafe(tell, progress)

    if form is ExportFormat.PARQUET:
        from mqtui.services.export.parquet import write_parquet

        return partial(write_parquet, tell=count)
    if form is ExportFormat.CSV:
        from mqtui.services.export.csv_file import write_csv

        return partial(write_csv, tell=count)
    return None
