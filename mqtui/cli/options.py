"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import click

from mqtui.cli.output import FORMAT
from mqtui.cli.row_formats import Format
from mqtui.cli.target_command import TargetCommand as TargetCommand
from mqtui.domain.errors import BadInput
from mqtui.domain.resource import Kind, ParsedName, parse_name

if TYPE_CHECKING:
    from datetime import datetime

    from click.shell_completion import CompletionItem

    from mqtui.cli.completers import Completer

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
    from datetime import datetime

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


def complete(what: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """The completer of that name in `cli.completers`, loaded when a shell asks."""

    def find(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from mqtui.cli import completers

        completer: Completer = getattr(completers, f"complete_{what}")
        return completer(ctx, param, incomplete)

    return find


def _kind_option(name: str, what: str) -> Callable[[Command], Command]:
    """The option for the kind of a resource, read before its name."""

    def keep(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
        if value is not None:
            ctx.meta[name] = Kind(value)

    kinds = [kind.value for kind in Kind if kind is not Kind.BROKER]
    told = f"The kind of {what}; its name is then taken literally."
    return click.option(name, type=click.Choice(kinds), is_eager=True, expose_value=False, callback=keep, help=told)


def resource_argument(name: str, *, required: bool = True, nargs: int = 1) -> Callable[[Command], Command]:
    """An argument that names a resource on a broker, with the option `--kind`; with `nargs` -1 one or more."""
    completer = complete("group" if name == "group" else "resource")
    argument = click.argument(
        name, type=ResourceParam("--kind"), required=required, nargs=nargs, shell_complete=completer
    )
    return lambda command: _kind_option("--kind", name.upper())(argument(command))


def to_option(command: Command) -> Command:
    """The options `--to` and `--to-kind`."""
    told = "Target; without it each goes back where it came from."
    completer = complete("resource")
    option = click.option(
        "--to", type=ResourceParam("--to-kind"), metavar="RESOURCE", shell_complete=completer, help=told
    )
    return _kind_option("--to-kind", "--to")(option(command))


def _parse_duration(text: str) -> int:
    from mqtui.domain.times import parse_duration

    return parse_duration(text)


def _parse_time(text: str) -> int:
    from mqtui.domain.times import parse_time

    return parse_time(text, local_now())


DURATION = ConvertedParam("duration", _parse_duration)
TIME = ConvertedParam("time", _parse_time)


target_argument = click.argument("target", shell_complete=complete("target"))
group_argument = click.argument("group", shell_complete=complete("group"))
run_argument = click.argument("run_id", metavar="RUN", shell_complete=complete("run"))
profile_argument = click.argument("name", shell_complete=complete("profile"))


def _keep_format(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.meta[FORMAT] = Format(value)


def _wants_rows(ctx: click.Context, _: click.Parameter, value: Any) -> bool:
    """Whether rows are printed instead of a table."""
    form = ctx.meta.get(FORMAT)
    if value and form not in (None, Format.JSON):
        raise click.UsageError(f"--json and -o {form} exclude each other", ctx)
    return bool(value) or form not in (None, Format.TABLE)


decode_option = click.option(
    "--decode", is_flag=True, help="Decode bodies by framing, content type, and the profile's rules and keys."
)


def json_option(command: Command) -> Command:
    """The option `--json`."""
    return click.option(
        "--json", "json_lines", is_flag=True, callback=_wants_rows, help="One JSON object a line, as -o json."
    )(command)


def rows_option(command: Command) -> Command:
    """The options `--json` and `-o`."""
    formats = click.Choice([form.value for form in Format])
    told = "How rows are printed; nothing else is on stdout."
    chosen = click.option(
        "-o", "--output", type=formats, is_eager=True, expose_value=False, callback=_keep_format, help=told
    )
    return json_option(chosen(command))


def write_options(command: Command) -> Command:
    """The options of every write: `--dry-run`, `--yes`, `--confirm NAME`."""
    for option in (
        click.option("--confirm", metavar="NAME", default="", help="The profile's name, where it is protected."),
        click.option("--yes", is_flag=True, help="Confirm the plan."),
        click.option("--dry-run", is_flag=True, help="Print the plan and change nothing."),
    ):
        command = option(command)
    return command
