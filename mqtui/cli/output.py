"""The only writer to stdout (data) and stderr (progress, notes, errors)."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import click

from mqtui.cli.row_formats import Format, encoder_of
from mqtui.cli.table import Columns, TableLayout, cut, ellipsis_of
from mqtui.domain.errors import MqtuiError
from mqtui.domain.printable import printable

LOG = logging.getLogger("mqtui")
LOG.addHandler(logging.NullHandler())
ASCII = str.maketrans(
    {"≈": "~", "≥": ">=", "≤": "<=", "✗": "x", "✓": "+", "▲": "!", "†": "D", "→": "->", "…": "...", "·": "."}
)

FORMAT = "mqtui.format"
"""Where a click context keeps the format that `-o` names."""

WIDEST_PAGE = 100
"""Columns of a page: longer lines are hard to read."""


def current_output(*, json: bool) -> Output:
    """The output of the command that runs; with `json` in the format that `-o` names, by default JSON lines."""
    context = click.get_current_context()
    form = context.meta.get(FORMAT, Format.JSON) if json else Format.TABLE
    _, _, command = context.command_path.partition(" ")
    return Output(form=form, command=command, ascii_only=bool(context.find_root().obj))


class OutputNotWritten(OSError):
    """Stdout can't be written though its reader is there: a full disk."""


def terminal_columns() -> int | None:
    """The columns of the terminal on stdout; None where it is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


@contextmanager
def _write_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputNotWritten(error.errno, error.strerror) from error


class Output:
    """Writes one command's output. With `json` stdout carries rows (JSON lines, CSV, YAML) and nothing else."""

    def __init__(self, *, form: Format = Format.TABLE, command: str = "", ascii_only: bool = False) -> None:
        self.json = form is not Format.TABLE
        self._rows = encoder_of(form, command)
        self.ascii_only = ascii_only or "utf" not in (sys.stdout.encoding or "").lower()

    def _to_printable(self, text: str) -> str:
        text = printable(text)
        return text.translate(ASCII) if self.ascii_only else text

    def json_line(self, value: object) -> None:
        """One row on stdout, in the format asked for."""
        from mqtui.services.jsonlines import dump

        self.raw(dump(value))

    def raw(self, line: bytes) -> None:
        """One row as a ready JSON line."""
        stream = sys.stdout.buffer
        with _write_errors():
            stream.write(self._rows.encode(line))
            stream.flush()

    def line(self, text: str = "") -> None:
        """One readable line."""
        with _write_errors():
            click.echo(self._to_printable(text))

    def row(self, text: str) -> None:
        """One row of a list: at a terminal one line."""
        room = terminal_columns()
        if room is None:
            self.line(text)
        else:
            self.block(cut(self._to_printable(text), room, ellipsis_of(ascii_only=self.ascii_only)))

    def paragraph(self, text: str, indent: int) -> None:
        """One readable line, which at a terminal goes on below itself, indented, where it is long."""
        from textwrap import wrap

        room = terminal_columns()
        text = self._to_printable(text)
        lines = (
            [text]
            if room is None or len(text) <= room
            else wrap(text, room, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
        )
        self.block("\n".join(lines))

    def block(self, lines: str) -> None:
        """Several lines that are printable already, in one write."""
        with _write_errors():
            click.echo(lines)

    def markdown(self, text: str) -> None:
        """Our own Markdown on a terminal, through the user's pager."""
        from rich.console import Console
        from rich.markdown import Markdown

        console = Console(width=min(WIDEST_PAGE, shutil.get_terminal_size().columns), force_terminal=True)
        with console.capture() as captured:
            console.print(Markdown(text))
        lines = captured.get()
        with _write_errors():
            click.echo_via_pager(lines.translate(ASCII) if self.ascii_only else lines, color=True)

    def note(self, text: str) -> None:
        """One line on stderr."""
        click.echo(self._to_printable(text), err=True)

    def warn(self, warnings: Iterable[str]) -> None:
        """Warnings of the target, on stderr."""
        for text in warnings:
            self.note(f"▲ {text}")

    def ring(self, title: str) -> None:
        """Ring the terminal's bell and set its title, where stderr is a terminal."""
        if sys.stderr.isatty():
            click.echo(f"\a\x1b]2;{self._to_printable(title)}\x1b\\", err=True, nl=False)

    def progress(self, text: str) -> None:
        """A progress line that replaces itself on a terminal."""
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[K{self._to_printable(text)}", err=True, nl=False)

    def progress_done(self) -> None:
        """Clear the progress line."""
        if sys.stderr.isatty():
            click.echo("\r\x1b[K", err=True, nl=False)

    def table(
        self,
        titles: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        right: Sequence[int] = (),
        first_to_go: Sequence[str] = (),
    ) -> None:
        """Aligned columns, two apart, at a terminal one line a row. The arguments are those of `Columns`."""
        self.growing_table(titles, right=right, first_to_go=first_to_go).add(rows)

    def growing_table(
        self, titles: Sequence[str], *, right: Sequence[int] = (), first_to_go: Sequence[str] = ()
    ) -> GrowingTable:
        """A table whose rows come in parts: only the column widths are kept."""
        columns, ascii_only = Columns(titles, right, first_to_go), self.ascii_only
        layout = TableLayout(columns, self._to_printable, ascii_only=ascii_only, room=terminal_columns())
        return GrowingTable(self, layout)

    def error(self, error: MqtuiError, exit_code: int) -> None:
        """A title, what happened, what to do, on stderr."""
        LOG.warning("exit %d: %s", exit_code, error.title)
        if self.json:
            from mqtui.services.json_rows import error_row
            from mqtui.services.jsonlines import dump

            click.echo(dump(error_row(error, exit_code)).decode(), err=True)
            return
        self.note(f"✗ {error.title}")
        for part in (error.detail, error.hint):
            if part:
                self.note(f"  {part}")


class GrowingTable:
    """Prints rows as they come, and says which columns have no room at this terminal."""

    def __init__(self, output: Output, layout: TableLayout) -> None:
        self._output = output
        self._layout = layout

    def add(self, rows: Iterable[Sequence[object]]) -> None:
        """Print some rows, the first time below the titles."""
        before = set(self._layout.left_out)
        if lines := self._layout.lines(rows):
            self._output.block("\n".join(lines))
        if gone := [title for title in self._layout.left_out if title not in before]:
            self._output.note(f"· no room for {', '.join(gone)}: a wider terminal has it, or -o json")
