"""The options of `redrive`, `discard` and `runs resume`, made from the table of options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from mqtui.cli import options
from mqtui.cli.options import Command, ConvertedParam
from mqtui.domain.capability import Verb
from mqtui.services.redrive.option_table import OPTIONS, OVERRIDES, OptionType, RedriveOption, options_of


def _parser(of: OptionType) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        from mqtui.services.redrive.request_options import parse_value

        return parse_value(of, text, options.local_now())

    return parse


def _click_option(option: RedriveOption) -> Callable[[Command], Command]:
    if option.type is OptionType.RESOURCE:
        return options.to_option
    if option.type is OptionType.SWITCH:
        return click.option(option.flag, option.key, is_flag=True, help=option.help)
    if option.type is OptionType.RISKS:
        return click.option(option.flag, option.key, multiple=True, metavar=option.metavar, help=option.help)
    return click.option(
        option.flag,
        option.key,
        type=ConvertedParam(option.type.value, _parser(option.type)),
        metavar=option.metavar,
        help=option.help,
        shell_complete=options.complete(option.complete) if option.complete else None,
    )


def override_options(command: Command) -> Command:
    """Add the options that a refusal names: `--take-over`, `--yes-shared`, `--allow RISK`."""
    for option in reversed(OPTIONS):
        if option.key in OVERRIDES:
            command = _click_option(option)(command)
    return command


def selection_options(verb: Verb) -> Callable[[Command], Command]:
    """Add all options of a redrive or discard, and `--plan`."""

    def add(command: Command) -> Command:
        command = click.option(
            "--plan",
            "plan_file",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="FILE",
            help="With --dry-run: save the plan to a new file. Else: run only if the plan is still that one.",
        )(command)
        for option in reversed(tuple(options_of(verb))):
            command = _click_option(option)(command)
        return command

    return add
