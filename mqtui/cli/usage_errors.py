"""Usage errors as JSON, where the command line asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import click

from mqtui.cli.exit_codes import USAGE
from mqtui.cli.output import Output
from mqtui.cli.row_formats import Format
from mqtui.domain.errors import BadInput

STRUCTURED = {form.value for form in Format} - {Format.TABLE.value}


def print_usage_error(error: click.ClickException, words: Sequence[str]) -> None:
    """Print it on stderr: as JSON where the words of the command line ask for it, else as click does."""
    if not asks_for_rows(words):
        error.show()
        return
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"{context.command_path} --help shows how it is called." if context is not None else ""
    Output(form=Format.JSON).error(BadInput(error.format_message(), "", hint), USAGE)


def asks_for_rows(words: Sequence[str]) -> bool:
    """Whether a command line that could not be parsed asks for JSON, CSV or YAML."""
    given = {value for option, value in pairwise(words) if option in ("-o", "--output")}
    given |= {
        word.removeprefix("--output=").removeprefix("-o") for word in words if word.startswith(("--output=", "-o"))
    }
    return "--json" in words or bool(given & STRUCTURED)
