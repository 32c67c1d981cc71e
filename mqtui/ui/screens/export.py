"""Exporting rows to a file, as JSON lines; messages as CSV or Parquet too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mqtui.domain.errors import MqtuiError
from mqtui.domain.figure import pluralize
from mqtui.domain.message import Message
from mqtui.services.export.export import ExportFormat, format_of, write_whole
from mqtui.ui.render.table_model import RowRenderer, row_as_text
from mqtui.ui.screens.console_screen import ConsoleScreen

if TYPE_CHECKING:
    from mqtui.services.decoding import Decoder

Row = TypeVar("Row")
CHUNK = 500
"""Rows that are made lines at once."""


async def export_rows(
    screen: ConsoleScreen, name: str, noun: str, rows: Sequence[Row], to_json: Callable[[Row], bytes]
) -> None:
    """Ask for a file name and write a line for each row. `name` goes into the proposed name, `noun` names one row."""

    async def write(file: Path) -> int:
        return await write_whole(file, _in_chunks(rows, to_json))

    await _ask_and_write(screen, name, (len(rows), noun), "as JSON lines", write)


async def export_messages(screen: ConsoleScreen, name: str, messages: Sequence[Message], decoder: Decoder) -> None:
    """Ask for a file name and write the messages, in the format that the name's end says."""
    from mqtui.services.jsonlines import encode_lines, to_json

    async def write(file: Path) -> int:
        form = format_of(file)
        if form is not ExportFormat.PARQUET:
            return await write_whole(file, _in_chunks(messages, to_json), form)
        parts = (messages[at : at + CHUNK] for at in range(0, len(messages), CHUNK))
        return await write_whole(file, (await encode_lines(part, decoder) for part in parts), form)

    await _ask_and_write(screen, name, (len(messages), "message"), "as .jsonl .csv .parquet", write)


async def _ask_and_write(
    screen: ConsoleScreen, name: str, counted: tuple[int, str], how: str, write: Callable[[Path], Awaitable[int]]
) -> None:
    prompt_line, counts = screen.prompt_line, pluralize(*counted)
    if not counted[0]:
        prompt_line.flash("there is nothing to export")
        return
    proposed = file_name(name, datetime.now().astimezone())
    entered = await prompt_line.ask("export to", value=proposed, beside=f"{counts} {how}, for you alone · esc")
    if not entered or not entered.strip():
        prompt_line.flash("nothing written", "text")
        return
    file = _path_of(entered)
    try:
        size = await write(file)
    except MqtuiError as error:
        screen.show_error(error)
        return
    prompt_line.flash(f"{counts}, {size:,} bytes in {file}", "ok")


def _path_of(entered: str) -> Path:
    return Path(entered.strip()).expanduser().absolute()


async def _in_chunks(rows: Sequence[Row], to_json: Callable[[Row], bytes]) -> AsyncIterator[list[bytes]]:
    """The lines of rows, made in a thread: a body may be large."""

    def encode(part: Sequence[Row]) -> list[bytes]:
        return [to_json(row) for row in part]

    for at in range(0, len(rows), CHUNK):
        yield await asyncio.to_thread(encode, rows[at : at + CHUNK])


def row_json(renderer: RowRenderer[Row]) -> Callable[[Row], bytes]:
    """A function that makes JSON of a row: its columns as they are shown."""
    return lambda row: json.dumps(row_as_text(renderer, row), ensure_ascii=False).encode("utf-8", "surrogateescape")


def file_name(name: str, now: datetime) -> str:
    """The proposed file name of an export."""
    plain = "".join(sign if sign.isalnum() or sign in "._-" else "-" for sign in name)
    return f"{plain.strip('.') or 'messages'}-{now:%Y%m%d-%H%M%S}.jsonl"
