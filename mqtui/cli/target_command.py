"""Commands that take a TARGET: without one they use that of `MQTUI_PROFILE` or `mqtui profile use`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import click

from mqtui.domain.errors import MqtuiError

STDIN = "-"
NO_TARGET = "Give a URL or a profile, or choose one for all commands: mqtui profile use NAME."


class TargetCommand(click.Command):
    """A command whose first argument is a target, which may be left out where one is in use."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, with the target in use where the first argument is none.

        When a shell asks for completions, an option whose value is to be completed has none, at which click would give
        up the arguments too.
        """
        if ctx.resilient_parsing:
            return super().parse_args(ctx, args[:-1] if args and args[-1].startswith("-") else args)
        try:
            return super().parse_args(ctx, self._with_target(ctx, args))
        except click.MissingParameter as error:
            if error.param is not None and error.param.name == "target":
                raise click.UsageError(f"Missing argument 'TARGET'. {NO_TARGET}", ctx) from error
            raise

    def _with_target(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            given, rest, _ = self.make_parser(ctx).parse_args(list(args))
        except click.UsageError:
            return args
        first = given.get("target")
        if isinstance(first, str) and (is_target(first) or not self._fits_without_target(given, rest)):
            return args
        used = default_target()
        return [used, *args] if used else args

    def _fits_without_target(self, given: Mapping[str, object], rest: Sequence[str]) -> bool:
        """Whether the words may be the arguments after the target: there are not more of them than arguments."""
        after = [each for each in self.params if isinstance(each, click.Argument) and each.name != "target"]
        if any(each.nargs < 0 for each in after):
            return True
        words = [*rest, *(given.get(each.name or "") for each in self.params if isinstance(each, click.Argument))]
        typed = [word for word in words if isinstance(word, str) and word != STDIN]
        return len(typed) <= sum(not isinstance(each.type, click.File) for each in after)


def default_target() -> str:
    """The target in use: `MQTUI_PROFILE`, else that of `mqtui profile use`; "" for none."""
    from mqtui.profiles.store import ProfileStore

    try:
        return os.environ.get("MQTUI_PROFILE", "") or ProfileStore().used()
    except MqtuiError:
        return ""


def is_target(word: str) -> bool:
    """Whether a word is a URL or names a profile."""
    return "://" in word or word.partition("/")[0] in profile_names()


def profile_names() -> list[str]:
    """The names of all profiles; none where they can't be read."""
    from mqtui.profiles.store import ProfileStore

    try:
        return [known.name for known in ProfileStore().list_profiles()]
    except MqtuiError:
        return []
