"""`mqtui completion`."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from mqtui.cli.output import current_output
from mqtui.cli.run_command import exit_on_error, run_command
from mqtui.domain.errors import BadInput, StorageFailed

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), required=False)
@click.option("--install", is_flag=True, help="Install it for this user, by default for the shell of $SHELL.")
@click.option("--learn", metavar="TARGET", hidden=True, help="Ask a target for its names, for the next completion.")
@click.pass_context
def completion(ctx: click.Context, *, shell: str | None, install: bool, learn: str | None) -> None:
    """Print the completion script of a shell, or install it.

    Profiles, resources, groups, runs and causes are completed from what is known already: no broker is waited for.
    """
    output = current_output(json=False)
    if learn is not None:
        run_command(output, lambda: _learn(learn))
    with exit_on_error(output):
        chosen = shell or (Path(os.environ.get("SHELL", "")).name if install else "")
        if chosen not in SHELLS:
            raise BadInput("Which shell?", "", f"Name one: {', '.join(SHELLS)}.")
        script = _script(ctx, chosen)
        if not install:
            output.block(script.rstrip("\n"))
            return
        for line in install_script(chosen, script):
            output.line(line)


def _script(ctx: click.Context, shell: str) -> str:
    kind = get_completion_class(shell)
    assert kind is not None
    return kind(ctx.find_root().command, {}, "mqtui", "_MQTUI_COMPLETE").source()


def install_script(shell: str, script: str) -> list[str]:
    """Write the script, and for bash and zsh a line into the shell's start file where it is missing; what was done.

    Raises:
        StorageFailed: a file can't be written.
    """
    home = Path.home()
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    file = config / "fish" / "completions" / "mqtui.fish" if shell == "fish" else data / "mqtui" / f"completion.{shell}"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(script, encoding="utf-8")
        done = [f"wrote {file}"]
        if shell != "fish":
            start, line = home / f".{shell}rc", f". '{file}'  # mqtui completion"
            text = start.read_text(encoding="utf-8") if start.exists() else ""
            if line not in text.splitlines():
                start.write_text(f"{text.rstrip()}\n{line}\n".lstrip(), encoding="utf-8")
                done.append(f"added it to {start}")
    except (OSError, UnicodeDecodeError) as error:
        raise StorageFailed("The completion can't be installed", str(error)) from error
    return [*done, "It works in shells that you open from now on."]


async def _learn(target: str) -> int:
    """Ask every broker of a target for its resources and groups."""
    from time import time

    from mqtui.cli.exit_codes import DONE
    from mqtui.domain.errors import MqtuiError
    from mqtui.services.browse import list_destinations
    from mqtui.services.lag import list_groups
    from mqtui.services.session import list_brokers, open_session
    from mqtui.state.known_names import load_names, store_names

    resources, groups = list[str](), list[str]()
    for at in list_brokers(target):
        try:
            async with open_session(at) as session:
                resources += [row.ref.name for row in await list_destinations(session.broker)]
                groups += [row.ref.name for row in await list_groups(session)]
        except MqtuiError:
            continue
    names = load_names(target)
    names.resources, names.groups, names.asked = sorted(set(resources)), sorted(set(groups)), time()
    store_names(target, names)
    return DONE
