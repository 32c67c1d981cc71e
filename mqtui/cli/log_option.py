"""The option `--log FILE`: before the command, and behind it, where most people write an option."""

from __future__ import annotations

import click
from click.core import ParameterSource

VARIABLE = "MQTUI_LOG"
NAME = "log"


def accept_log(command: click.Command) -> None:
    """Let a command, and those below it, take `--log FILE` too. Its help page does not repeat it."""
    if not any(param.name == NAME for param in command.params):
        is_group = isinstance(command, click.Group)
        command.params.append(
            click.Option(
                ["--log"],
                metavar="FILE",
                envvar=None if is_group else VARIABLE,
                type=click.Path(dir_okay=False),
                is_eager=True,
                hidden=True,
                expose_value=False,
                callback=_start_given,
            )
        )
    if isinstance(command, click.Group):
        for each in command.commands.values():
            accept_log(each)


def _start_given(ctx: click.Context, param: click.Parameter, file: str | None) -> None:
    """Start the log; a file that was named before the command goes before the variable."""
    from mqtui.state.log import log_file

    if not file or ctx.resilient_parsing:
        return
    if log_file() is None or ctx.get_parameter_source(NAME) is not ParameterSource.ENVIRONMENT:
        start_log_at(file)


def start_log_at(file: str) -> None:
    """Start the log; it has the command's exit code too."""
    from pathlib import Path

    from mqtui.cli.output import current_output
    from mqtui.cli.run_command import exit_on_error
    from mqtui.state.log import start_log

    with exit_on_error(current_output(json=False)):
        start_log(Path(file))
