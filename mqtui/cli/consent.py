"""Prints a plan and asks for consent."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from mqtui.cli.output import Output
from mqtui.domain.errors import NeedsConsent
from mqtui.domain.plan import Plan
from mqtui.domain.policy import Consent, Policy, check
from mqtui.domain.printable import printable
from mqtui.services.plan_text import TEXT_COLUMN, plan_lines


@dataclass(frozen=True, slots=True)
class ConsentFlags:
    """The consent given by options: `--dry-run`, `--yes`, `--confirm NAME`, `--allow RISK`."""

    dry_run: bool
    yes: bool
    typed_name: str
    allowed_risks: frozenset[str] = frozenset()


def print_plan(output: Output, plan: Plan) -> None:
    """Print the plan: the same in a dry run and before a run. With `--json` one object."""
    if output.json:
        from mqtui.services.json_rows import plan_row

        output.json_line({"plan": plan_row(plan)})
        return
    for line in plan_lines(plan):
        output.paragraph(line, TEXT_COLUMN)


def confirm_plan(output: Output, plan: Plan, policy: Policy, flags: ConsentFlags) -> Consent | None:
    """Print the plan and get consent; None after a dry run.

    Raises:
        Refused: the profile or a risk forbids it, and no consent lifts that.
        NeedsConsent: there is no terminal to ask on, or a dry run's options would not be enough.
    """
    print_plan(output, plan)
    return agree_to_plan(output, plan, policy, flags)


def agree_to_plan(output: Output, plan: Plan, policy: Policy, flags: ConsentFlags) -> Consent | None:
    """Get consent to a plan that was printed; None after a dry run. Raises as `confirm_plan`."""
    consent = Consent(yes=flags.yes, typed=flags.typed_name, allowed=flags.allowed_risks)
    if flags.dry_run:
        check_dry_run(policy, plan, flags)
        return None
    try:
        check(policy, plan, consent)
        return consent
    except NeedsConsent:
        if output.json or not (sys.stdin.isatty() and sys.stderr.isatty()) or flags.typed_name:
            raise
    with _interruptible():
        if wanted := plan.deletes or (policy.profile if policy.protected else ""):
            typed = click.prompt(f"Type {printable(wanted)} to continue", default="", show_default=False, err=True)
            return Consent(yes=flags.yes, typed=typed, allowed=flags.allowed_risks)
        if not click.confirm("Do it?", default=False, err=True):
            raise NeedsConsent("Nothing was changed", "The plan was not confirmed.")
        return Consent(yes=True, typed=flags.typed_name, allowed=flags.allowed_risks)


def check_dry_run(policy: Policy, plan: Plan, flags: ConsentFlags) -> None:
    """Check the plan as a run would, with the consent that was given, or full consent where none was.

    Raises:
        Refused, NeedsConsent: as the run would.
    """
    agreed = not (flags.typed_name or flags.yes)
    typed, named = (policy.profile, plan.deletes) if agreed else (flags.typed_name, "")
    check(policy, plan, Consent(yes=True, typed=typed, named=named, allowed=flags.allowed_risks))


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let ctrl+c end a prompt: the event loop's own handler would wait for the answer first."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except click.Abort as abort:
        raise KeyboardInterrupt from abort
    finally:
        signal.signal(signal.SIGINT, before)
