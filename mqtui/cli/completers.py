"""What a shell offers at an argument: names that are known already. No broker is waited for.

Where the names of a target are older than a minute another process asks for them, for the next time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from time import time
from typing import TypeAlias

import click
from click.shell_completion import CompletionItem

from mqtui.domain.errors import MqtuiError
from mqtui.domain.printable import printable
from mqtui.state.known_names import KnownNames, load_names, store_names

Completer: TypeAlias = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
MAX_RUNS = 50


def complete_target(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Profiles and their brokers; where a profile is in use its resources too."""
    from mqtui.cli.target_command import default_target
    from mqtui.profiles.store import ProfileStore

    try:
        profiles = list(ProfileStore().list_profiles())
    except MqtuiError:
        return []
    names = [(each.name, "profile") for each in profiles]
    names += [(f"{each.name}/{kind}", "profile") for each in profiles if len(each.brokers) > 1 for kind in each.brokers]
    found = _matching(names, incomplete)
    has_more = any(isinstance(each, click.Argument) and each.name in FOLLOWING for each in ctx.command.params)
    used = default_target() if has_more else ""
    return found + (_resources(used, incomplete) if used else [])


def complete_profile(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of profiles."""
    from mqtui.cli.target_command import profile_names

    return _matching(((name, "") for name in profile_names()), incomplete)


def complete_resource(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Resources of the target."""
    return _resources(_target_of(ctx), incomplete)


def complete_group(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Consumer groups of the target; after a stream those of the stream, by their own names."""
    stream = getattr(ctx.params.get("stream"), "name", "")
    before = f"{stream}/" if stream else ""
    groups = _names_of(_target_of(ctx)).groups
    return _matching(((name[len(before) :], "group") for name in groups if name.startswith(before)), incomplete)


def complete_cause(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Causes that `mqtui dlq TARGET DLQ` has shown."""
    dlq = ctx.params.get("dlq") or ctx.params.get("resource")
    causes = load_names(_target_of(ctx)).causes.get(getattr(dlq, "name", ""), {})
    return _matching(causes.items(), incomplete)


def complete_run(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Runs in the journal, the newest first."""
    from mqtui.domain.times import format_time
    from mqtui.state.journal import Journal
    from mqtui.state.paths import state_dir

    try:
        if not (state_dir() / "runs.sqlite").exists():
            return []
        with Journal() as journal:
            runs = [
                (journal.short_id(run.id), f"{run.verb} {run.source.name} {format_time(run.started, '%m-%d %H:%M')}")
                for run in journal.list_runs(MAX_RUNS)
            ]
    except MqtuiError:
        return []
    return _matching(runs, incomplete.upper())


FOLLOWING = {"resource": complete_resource, "stream": complete_resource, "dlq": complete_resource}
"""The arguments that name a resource of the target."""


def _target_of(ctx: click.Context) -> str:
    from mqtui.cli.target_command import default_target

    return str(ctx.params.get("target") or "") or default_target()


def _resources(target: str, incomplete: str) -> list[CompletionItem]:
    return _matching(((name, "") for name in _names_of(target).resources), incomplete)


def _names_of(target: str) -> KnownNames:
    """What is known of a target; another process is started to ask where that is old."""
    names = load_names(target)
    if target and not names.is_fresh:
        names.asked = time()
        store_names(target, names)
        _ask_in_background(target)
    return names


def _ask_in_background(target: str) -> None:
    """Start a process that asks, where that shows no password and runs no program of the user."""
    from mqtui.state.redact import mask_target

    if mask_target(target) != target or _runs_a_program(target):
        return
    environment = {name: value for name, value in os.environ.items() if name != "_MQTUI_COMPLETE"}
    subprocess.Popen(
        [sys.executable, "-m", "mqtui", "completion", "--learn", target],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _runs_a_program(target: str) -> bool:
    """Whether a secret of the profile comes from a command, which may ask the user something."""
    from mqtui.profiles.store import ProfileStore

    try:
        profiles = [] if "://" in target else [ProfileStore().find(target.partition("/")[0])]
    except MqtuiError:
        return True
    sources = [source for each in profiles for end in each.brokers.values() for source in end.secrets.values()]
    return any(source.startswith("command:") for source in [*sources, *(each.secret for each in profiles)])


def _matching(names: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem]:
    """Those that begin so and can be typed: names with line breaks or control characters are left out."""
    return [
        CompletionItem(name, help=printable(about))
        for name, about in names
        if name.startswith(incomplete) and printable(name) == name
    ]
