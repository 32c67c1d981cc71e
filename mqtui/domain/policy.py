"""What a profile allows, and what a person agreed to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mqtui.domain.capability import WRITES, Support, Verb, no
from mqtui.domain.capability import YES as SUPPORTED
from mqtui.domain.errors import NeedsConsent, Refused

if TYPE_CHECKING:
    from mqtui.domain.plan import Plan


class Environment(StrEnum):
    """Where a profile points."""

    NONE = "none"
    DEV = "dev"
    STAGE = "stage"
    PROD = "prod"


@dataclass(frozen=True, slots=True)
class Policy:
    """What one profile allows. `allow` lifts single verbs over read-only (`spend`), `deny` takes single ones away."""

    profile: str
    environment: Environment = Environment.NONE
    read_only: bool = False
    protected: bool = False
    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()

    def permits(self, verb: Verb) -> Support:
        """Whether the profile lets the verb through at all."""
        if verb not in WRITES:
            return SUPPORTED
        if verb in self.deny:
            return no(f"the profile {self.profile} denies {verb}", "Use another profile, or edit this one.")
        if self.read_only and verb not in self.allow:
            return no(f"the profile {self.profile} is read-only", f"Use another profile, or add {verb} to its `allow`.")
        return SUPPORTED


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person agreed to. `typed` is the name typed (`--confirm`); `allowed` are risks let through by name."""

    yes: bool = False
    typed: str = ""
    spend: bool = False
    allowed: frozenset[str] = frozenset()


def check(policy: Policy, plan: Plan, consent: Consent) -> None:
    """Let the plan through or raise.

    Raises:
        Refused: the profile forbids the verb, or a risk refuses and was not allowed by name.
        NeedsConsent: nobody agreed, or a protected profile's name was not typed.
    """
    from mqtui.domain.plan import Borrow, Severity  # the console's first paint needs policies, and no plans

    spends = [step for step in plan.steps if isinstance(step, Borrow)]
    free_look = plan.verb is Verb.SPEND and not any(step.spends for step in spends)
    support = SUPPORTED if free_look else policy.permits(plan.verb)
    if not support:
        raise Refused(f"{plan.verb} is refused", support.reason, support.hint)
    for risk in plan.risks:
        if risk.severity is Severity.REFUSE and (risk.final or risk.name not in consent.allowed):
            hint = "" if risk.final else f"Let it through with --allow {risk.name}."
            raise Refused(f"{plan.verb} is refused: {risk.name}", risk.text, hint)
    if plan.verb is Verb.SPEND:
        if not free_look and policy.protected and not consent.spend:
            raise NeedsConsent(
                "The look has a price", plan.facts[0][1] if plan.facts else "", "Agree with --yes-spend."
            )
        return
    if policy.protected and consent.typed != policy.profile:
        raise NeedsConsent(
            f"{policy.profile} is protected",
            "--yes is not enough there: the profile's name is typed.",
            f"Repeat it with --confirm {policy.profile}.",
        )
    if not (consent.yes or consent.typed == policy.profile):
        raise NeedsConsent("Nobody agreed to the plan", "Nothing was changed.", "Repeat it with --yes.")
