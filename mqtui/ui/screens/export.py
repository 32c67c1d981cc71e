"""Exporting rows to a file, as JSON lines."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from mqtui.domain.errors import BadInput, MqtuiError, StorageFailed
from mqtui.domain.figure import pluralize
from mqtui.ui.render.table_model import RowRenderer, row_as_text
from mqtui.ui.screens.console_screen import ConsoleScreen

Row = TypeVar("Row")


async def export_rows(
    screen: ConsoleScreen, name: str, noun: str, rows: Sequence[Row], to_json: Callable[[Row], bytes]
) -> None:
    """Ask for a file name and write a line for each row. `name` goes into the proposed name, `noun` names one row."""
    prompt_line = screen.prompt_line
    if not rows:
        prompt_line.flash("there is nothing to export")
        return
    counts = pluralize(len(rows), noun)
    proposed = file_name(name, datetime.now().astimezone())
    entered = await prompt_line.ask(
        "export to", value=proposed, beside=f"{counts} as JSON lines, readable for you alone · esc"
    )
    if not entered or not entered.strip():
        prompt_line.flash("nothing written", "text")
        return
    try:
        file, size = await asyncio.to_thread(write_lines, entered.strip(), rows, to_json)
    except MqtuiError as error:
        screen.show_error(error)
        return
    prompt_line.flash(f"{counts}, {size:,} bytes in {file}", "ok")


def row_json(renderer: RowRenderer[Row]) -> Callable[[Row], bytes]:
    """A function that makes JSON of a row: its columns as they are shown."""
    return lambda row: json.dumps(row_as_text(renderer, row), ensure_ascii=False).encode("utf-8", "surrogateescape")


def file_name(name: str, now: datetime) -> str:
    """The proposed file name of an export."""
    plain = "".join(sign if sign.isalnum() or sign in "._-" else "-" for sign in name)
    return f"{plain.strip('.') or 'messages'}-{now:%Y%m%d-%H%M%S}.jsonl"


def write_lines(name: str, rows: Sequence[Row], to_json: Callable[[Row], bytes]) -> tuple[Path, int]:
    """Write a new file with mode 0600; its path and its size in bytes.

    Raises:
        BadInput: the file exists already, or its folder does not.
        StorageFailed: the disk is full, or the folder can't be written to.
    """
    file = Path(name).expanduser().absolute()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BadInput(f"{file} is there already", "", "Give another name: nothing is written over.") from None
    except FileNotFoundError:
        raise BadInput(f"There is no folder {file.parent}") from None
    except OSError as error:
        raise StorageFailed(f"{file} can't be written", error.strerror or "") from error
    try:
        with os.fdopen(descriptor, "wb") as out:
            for row in rows:
                out.write(to_json(row) + b"\n")
            return file, out.tell()
    except OSError as error:
        raise StorageFailed(f"{file} was not written in full", error.strerror or "") from error
