"""Showing a plan and asking for consent."""

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
from mqtui.services.plan_lines import lines


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the options of a write said."""

    dry_run: bool
    yes: bool
    typed: str
    allowed: frozenset[str] = frozenset()


def show(output: Output, plan: Plan) -> None:
    """The plan, word for word what a dry run prints. With `--json` one object."""
    if output.json:
        from mqtui.services.json_rows import plan_row

        output.json_line({"plan": plan_row(plan)})
        return
    for line in lines(plan):
        output.line(line)


def ask(output: Output, plan: Plan, policy: Policy, agreed: Agreed) -> Consent | None:
    """Show the plan and get consent; None after a dry run.

    Raises:
        Refused: the profile or a risk forbids it, and no consent lifts that.
        NeedsConsent: nobody is there to ask, or what a dry run was given would not do.
    """
    consent = Consent(yes=agreed.yes, typed=agreed.typed, allowed=agreed.allowed)
    show(output, plan)
    if agreed.dry_run:
        rehearse(policy, plan, agreed)
        return None
    try:
        check(policy, plan, consent)
        return consent
    except NeedsConsent:
        if output.json or not (sys.stdin.isatty() and sys.stderr.isatty()) or agreed.typed:
            raise
    with _interruptible():
        if policy.protected:
            typed = click.prompt(f"Type {policy.profile} to go on", default="", show_default=False, err=True)
            return Consent(yes=agreed.yes, typed=typed, allowed=agreed.allowed)
        if not click.confirm("Do it?", default=False, err=True):
            raise NeedsConsent("Nothing was changed", "The plan was not agreed to.")
        return Consent(yes=True, typed=agreed.typed, allowed=agreed.allowed)


def rehearse(policy: Policy, plan: Plan, agreed: Agreed) -> None:
    """Let through what a run would let through, with the consent that was given, or any where none was.

    Raises:
        Refused, NeedsConsent: as the run would.
    """
    typed = agreed.typed or ("" if agreed.yes else policy.profile)
    check(policy, plan, Consent(yes=True, typed=typed, allowed=agreed.allowed))


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let ctrl+c end a question: the event loop's own handler would wait for the answer first."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except click.Abort as abort:
        raise KeyboardInterrupt from abort
    finally:
        signal.signal(signal.SIGINT, before)
