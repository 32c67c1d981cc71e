"""The command line: a second front end over the same services.

Nothing here loads a broker's client library, nor Textual, before a command needs it.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.core import ParameterSource

from mqtui import __version__
from mqtui.cli.log_option import NAME as LOG
from mqtui.cli.log_option import VARIABLE, accept_log, start_log_at

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

HELP_OPTIONS = {"-h", "--help"}

COMMANDS = {
    "demo": "Real brokers with a failing shop in them.",
    "ls": "List topics, queues, exchanges and streams with what waits in them.",
    "describe": "All that the broker says of a topic, queue, exchange or stream.",
    "partitions": "Leader, replicas, offsets and size of a topic's partitions; where a key goes.",
    "topology": "The nodes of the brokers with disk, memory and what they keep.",
    "peek": "Look at messages without taking them.",
    "tail": "Follow what arrives.",
    "search": "Find messages in topics, streams and queues.",
    "find": "Find one id in every topic, stream and queue of several brokers.",
    "export": "Write messages to a file: JSON lines, CSV or Parquet.",
    "publish": "Send messages, each confirmed by the broker.",
    "groups": "List consumer groups.",
    "lag": "How far consumer groups are behind.",
    "pending": "Entries delivered to a Redis consumer and not acknowledged.",
    "claim": "Reassign pending entries to another consumer.",
    "ack": "Acknowledge pending entries.",
    "offsets": "Set where a consumer group reads on, skip messages, delete a group.",
    "transactions": "Open transactions of Kafka: whose, since when; abort one.",
    "create": "Make a topic, queue or stream.",
    "alter": "Set settings of a topic, add partitions.",
    "purge": "Delete messages: up to an offset, an id or a time, or all.",
    "delete": "Delete a topic, queue or stream.",
    "dlq": "Find dead letters, or group those of one destination by cause.",
    "redrive": "Send dead letters back where they came from.",
    "discard": "Take dead letters out, keeping them in a bundle.",
    "runs": "Redrives and changes of offsets of this machine: list, show, resume, put back, report.",
    "audit": "What was changed from this machine.",
    "watch": "Say what goes wrong, as it begins and ends; tell others.",
    "schema": "The schema registry: subjects, versions, what differs, new versions.",
    "profile": "Named connections.",
    "schema-of": "The JSON Schema of what a command prints with --json.",
    "completion": "Completion for bash, zsh or fish.",
    "help": "The manual: its pages, or the page of a topic or a command.",
}


def _load(name: str) -> object:
    module = name.replace("-", "_")
    return getattr(import_module(f"mqtui.cli.{module}"), module)


@contextmanager
def _without_passwords() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        from mqtui.state.redact import mask

        error.message = mask(error.message)  # type: ignore[misc]  # Final only by its hint
        raise


class Commands(click.Group):
    """Loads the module of a command when it is called; its help line is known before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, loaded now."""
        if cmd_name not in COMMANDS:
            return None
        command = _load(cmd_name)
        assert isinstance(command, click.Command)
        accept_log(command)
        if HELP_OPTIONS & set(sys.argv):
            from mqtui.cli.examples import add_examples

            add_examples(command, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """A command, or the console of a target: `mqtui TARGET [RESOURCE]`."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from mqtui.cli.target_command import is_target, profile_names

            if is_target(args[0]):
                from mqtui.cli.console import console

                accept_log(console)
                return console.name, console, args
            raise click.UsageError(_describe_unknown(args[0], profile_names()), ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands, and the profiles that the console opens."""
        from mqtui.cli.completers import complete_target

        return [*super().shell_complete(ctx, incomplete), *complete_target(ctx, ctx.command.params[0], incomplete)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; what its errors repeat of the command line holds no password."""
        with _without_passwords():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does, with the errors of all commands as those of this one."""
        with _without_passwords():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without loading one."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _leaves_log_to_command(ctx: click.Context) -> bool:
    """Whether the log was named by the variable, and the command has an option that goes before it."""
    if ctx.invoked_subcommand is None or ctx.get_parameter_source(LOG) is not ParameterSource.ENVIRONMENT:
        return False
    return ctx.invoked_subcommand not in COMMANDS or not isinstance(_load(ctx.invoked_subcommand), click.Group)


def _describe_unknown(word: str, profiles: list[str]) -> str:
    """What a first word is not, and which commands and profiles are like it."""
    from difflib import get_close_matches

    near = get_close_matches(word.partition("/")[0], [*COMMANDS, *profiles])
    hint = f" Near it: {', '.join(near)}." if near else f" Profiles: {', '.join(profiles)}." if profiles else ""
    return f"There is no command and no profile {word}.{hint}"


@click.group(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": sorted(HELP_OPTIONS)})
@click.version_option(__version__, prog_name="mqtui")
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only.")
@click.option(
    "--log",
    LOG,
    metavar="FILE",
    envvar=VARIABLE,
    type=click.Path(dir_okay=False),
    help="Write requests, retries and the client libraries' records to FILE, without secrets; also behind a command "
    "(or MQTUI_LOG).",
)
@click.pass_context
def mqtui(ctx: click.Context, *, ascii_only: bool, log: str | None) -> None:
    """Kafka, RabbitMQ and Redis Streams for the engineer on call.

    TARGET is a profile (NAME, or NAME/KIND where it holds several brokers) or a URL:
    kafka://host:9092, amqp://user@host/vhost, redis://host:6379/0.
    Without a command the console opens: mqtui, mqtui TARGET, mqtui TARGET RESOURCE.
    """
    ctx.obj = ascii_only
    if log and not _leaves_log_to_command(ctx):
        start_log_at(log)
    if ctx.invoked_subcommand is not None:
        return
    if sys.stdin.isatty() and sys.stdout.isatty():
        from mqtui.cli.console import console

        ctx.invoke(console)
    else:
        click.echo(ctx.get_help())


def main() -> None:
    """Run mqtui. A closed or full stdout is one line on stderr and exit 1."""
    gc.disable()  # until the command begins: what is loaded now stays
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdout is None:
        _give_up("stdout is closed")
    try:
        sys.exit(mqtui.main(prog_name="mqtui", standalone_mode=False) or 0)
    except click.ClickException as error:
        from mqtui.cli.usage_errors import print_usage_error

        print_usage_error(error, sys.argv[1:])
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("Aborted!", err=True)
        sys.exit(1)
    except OSError as error:
        _give_up(error.strerror or str(error))
    finally:
        gc.freeze()  # the last collections look at nothing that is frozen [at all there is: 90 ms of CPU]


def _give_up(why: str) -> NoReturn:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    click.echo(f"✗ The answer can't be written: {why}", err=True)
    sys.exit(1)
