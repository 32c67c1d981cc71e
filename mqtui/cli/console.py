"""`mqtui`, `mqtui TARGET`, `mqtui TARGET RESOURCE`: the console."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from typing import TYPE_CHECKING

import click

from mqtui.cli import options
from mqtui.cli.exit_codes import DONE
from mqtui.cli.output import current_output
from mqtui.cli.run_command import exit_on_error
from mqtui.domain.errors import BadInput

if TYPE_CHECKING:
    from mqtui.ui.session.demo_brokers import DemoBrokers

MAX_PAINTS_PER_SECOND = "120"
"""Textual's default is 60: at 120 a key press waits half as long for its paint."""


@click.command("mqtui", hidden=True)
@click.argument("target", required=False, default="", shell_complete=options.complete("target"))
@click.argument("resource", required=False, default="", shell_complete=options.complete("resource"))
def console(*, target: str, resource: str) -> None:
    """Open the console, straight at a target or at one of its resources."""
    with exit_on_error(current_output(json=False)):
        sys.exit(run_console(target, resource))


def run_console(target: str = "", resource: str = "", demo_brokers: DemoBrokers | None = None) -> int:
    """Run the console until it is left.

    Raises:
        BadInput: this is no terminal.
        MqtuiError: an internal error ended it.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadInput("The console needs a terminal", "", "mqtui --help lists the commands for scripts.")
    os.environ.setdefault("TEXTUAL_FPS", MAX_PAINTS_PER_SECOND)
    gc.disable()  # until the console has painted: what is loaded now stays
    ascii_only = bool(click.get_current_context().find_root().obj)
    from mqtui.ui.app import Console
    from mqtui.ui.session.thread_switching import quick_thread_switches

    with contextlib.ExitStack() as stack:
        stack.enter_context(quick_thread_switches())

        def demo() -> DemoBrokers:
            from mqtui.cli.demo_thread import DemoThread
            from mqtui.demo.servers.server_set import KINDS

            return stack.enter_context(DemoThread(KINDS))

        console = Console((target, resource), ascii_only=ascii_only, demo_brokers=demo_brokers, demo=demo)
        console.run()
    if console.ended_by is not None:
        raise console.ended_by
    return DONE
