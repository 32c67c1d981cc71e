"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

import click

from mqtui.domain import times
from mqtui.domain.errors import BadInput
from mqtui.domain.resource import Named, parse

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator: TypeAlias = Callable[[Command], Command]


class Converted(click.ParamType[Any]):
    """Text converted by a function of the domain; its BadInput becomes click's usage error."""

    def __init__(self, name: str, convert: Callable[[str], object]) -> None:
        self.name = name
        self._convert = convert

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value, or a usage error."""
        if not isinstance(value, str):
            return value
        try:
            return self._convert(value)
        except BadInput as error:
            self.fail(" ".join(part for part in (error.title, error.hint) if part), param, ctx)


def local_now() -> datetime:
    """Now, with this machine's zone."""
    return datetime.now().astimezone()


def named(text: str) -> Named:
    """A resource as typed.

    Raises:
        BadInput: it is empty.
    """
    if not text:
        raise BadInput("A resource has a name")
    return parse(text)


RESOURCE = Converted("[kind:]name", named)
DURATION = Converted("duration", times.duration)
TIME = Converted("time", lambda text: times.moment(text, local_now()))

target = click.argument("target")
resource = click.argument("resource", type=RESOURCE)
optional_resource = click.argument("resource", type=RESOURCE, required=False)
as_json = click.option(
    "--json", "json_lines", is_flag=True, help="One JSON object a line on stdout, nothing else there."
)


def writes(command: Command) -> Command:
    """What every write takes: `--dry-run`, `--yes`, `--confirm NAME`."""
    for option in (
        click.option("--confirm", metavar="NAME", default="", help="The profile's name, where it is protected."),
        click.option("--yes", is_flag=True, help="Agree to the plan."),
        click.option("--dry-run", is_flag=True, help="Print the plan and change nothing."),
    ):
        command = option(command)
    return command
