"""The only writer to stdout (data) and stderr (progress, notes, errors)."""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import click

from mqtui.cli.row_formats import Format, encoder_of
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

FIGURE_SIGNS = ("≈", "≥", "≤")
"""Signs before figures, one terminal cell each: a column may have one in each row."""


def current_output(*, json: bool) -> Output:
    """The output of the command that runs; with `json` in the format that `-o` names, by default JSON lines."""
    context = click.get_current_context()
    form = context.meta.get(FORMAT, Format.JSON) if json else Format.TABLE
    _, _, command = context.command_path.partition(" ")
    return Output(form=form, command=command, ascii_only=bool(context.find_root().obj))


class OutputNotWritten(OSError):
    """Stdout can't be written though its reader is there: a full disk."""


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

    def table(self, titles: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[int] = ()) -> None:
        """Aligned columns, two apart; the columns of `right` are figures."""
        self.growing_table(titles, right=right).add(rows)

    def growing_table(self, titles: Sequence[str], *, right: Sequence[int] = ()) -> GrowingTable:
        """A table whose rows come in parts: only the column widths are kept."""
        return GrowingTable(self, self._to_printable, titles, right)

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
    """Prints rows as they come, aligned with the previous ones; a column widens where a later part needs it."""

    def __init__(
        self, output: Output, shown: Callable[[str], str], titles: Sequence[str], right: Sequence[int]
    ) -> None:
        self._output = output
        self._shown = shown
        self._right = right
        self._waiting = [tuple(titles)]
        """The titles, until the first rows determine the column widths."""

        self._widths = [0] * len(titles)

    def add(self, rows: Iterable[Sequence[object]]) -> None:
        """Print some rows, the first time below the titles."""
        whole: list[Sequence[object]] = [*self._waiting, *rows]
        self._waiting = []
        columns = [self._column(number, list(map(str, cells))) for number, cells in enumerate(zip(*whole, strict=True))]
        if columns:
            self._output.block("\n".join("  ".join(cells).rstrip() for cells in zip(*columns, strict=True)))

    def _column(self, number: int, texts: list[str]) -> list[str]:
        """The texts of a column padded to one width. Most need no escaping, which one test of all of them tells."""
        together = "".join(texts)
        if not together.isascii() and not self._output.ascii_only:
            for sign in FIGURE_SIGNS:
                together = together.replace(sign, "")
        plain = together.isascii() and together.isprintable()
        if not plain:
            texts = list(map(self._shown, texts))
        width = self._widths[number] = max([self._widths[number], *map(len if plain else _width, texts)])
        right = number in self._right
        if plain:
            return [text.rjust(width) if right else text.ljust(width) for text in texts]
        return [_align(text, width, right=right) for text in texts]


def _width(text: str) -> int:
    """Terminal cells of printable text."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _align(text: str, width: int, *, right: bool) -> str:
    blank = " " * (width - _width(text))
    return blank + text if right else text + blank
