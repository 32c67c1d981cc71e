"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

import click

from mqtui.domain import times
from mqtui.domain.errors import BadInput
from mqtui.domain.resource import Kind, ParsedName, parse_name

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator: TypeAlias = Callable[[Command], Command]


class ConvertedParam(click.ParamType[Any]):
    """A parameter converted by a function; its BadInput becomes click's usage error."""

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


class ResourceParam(click.ParamType[ParsedName]):
    """A parameter `[kind:]name`; with the `kind` option given, the text is the bare name."""

    name = "[kind:]name"

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ParsedName:
        """What was typed, or a usage error."""
        if isinstance(value, ParsedName):
            return value
        kind = ctx.meta.get(self._kind) if ctx is not None else None
        if kind is not None:
            return ParsedName(value, kind)
        if not value:
            self.fail("A resource has a name", param, ctx)
        return parse_name(value)


def _kind_option(name: str, what: str) -> Callable[[Command], Command]:
    """The option for the kind of a resource, read before its name."""

    def keep(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
        if value is not None:
            ctx.meta[name] = Kind(value)

    kinds = [kind.value for kind in Kind if kind is not Kind.BROKER]
    told = f"The kind of {what}; its name is then taken literally."
    return click.option(name, type=click.Choice(kinds), is_eager=True, expose_value=False, callback=keep, help=told)


def resource_argument(name: str, *, required: bool = True) -> Callable[[Command], Command]:
    """An argument that names a resource on a broker, with the option `--kind`."""
    argument = click.argument(name, type=ResourceParam("--kind"), required=required)
    return lambda command: _kind_option("--kind", name.upper())(argument(command))


def to_option(command: Command) -> Command:
    """The options `--to` and `--to-kind`."""
    told = "Target; without it each goes back where it came from."
    option = click.option("--to", type=ResourceParam("--to-kind"), metavar="RESOURCE", help=told)
    return _kind_option("--to-kind", "--to")(option(command))


DURATION = ConvertedParam("duration", times.parse_duration)
TIME = ConvertedParam("time", lambda text: times.parse_time(text, local_now()))

target_argument = click.argument("target")
json_option = click.option(
    "--json", "json_lines", is_flag=True, help="One JSON object a line on stdout, nothing else there."
)


def write_options(command: Command) -> Command:
    """The options of every write: `--dry-run`, `--yes`, `--confirm NAME`."""
    for option in (
        click.option("--confirm", metavar="NAME", default="", help="The profile's name, where it is protected."),
        click.option("--yes", is_flag=True, help="Confirm the plan."),
        click.option("--dry-run", is_flag=True, help="Print the plan and change nothing."),
    ):
        command = option(command)
    return command
