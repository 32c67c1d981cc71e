"""Policies: what a profile allows; consent: what its user agreed to; and the check of a plan against both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mqtui.domain.capability import SUPPORTED, WRITES, Support, Verb, not_supported
from mqtui.domain.errors import NeedsConsent, Refused

if TYPE_CHECKING:
    from mqtui.domain.plan import Plan


class Environment(StrEnum):
    """The environment that a profile belongs to, the strictest last."""

    NONE = "none"
    DEV = "dev"
    STAGE = "stage"
    PROD = "prod"


@dataclass(frozen=True, slots=True)
class Policy:
    """What one profile allows. `allow` has verbs that are allowed although it is read-only (`spend`).

    `together` are the policies that `strictest` combined, the requested one first. `unknown` says why the profiles
    can't be read: then nothing is written. Runs are stored with their policies, under these field names.
    """

    profile: str
    environment: Environment = Environment.NONE
    read_only: bool = False
    protected: bool = False
    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()
    together: tuple[Policy, ...] = ()
    unknown: str = ""

    @property
    def restricts(self) -> bool:
        """Whether it forbids anything, or requires its name to be typed."""
        return self.read_only or self.protected or bool(self.deny) or bool(self.unknown)

    def permits(self, verb: Verb) -> Support:
        """Whether this profile, and each other profile for the same broker, allows the verb."""
        if verb not in WRITES:
            return SUPPORTED
        for place, each in enumerate(self.together or (self,)):
            support = each._permits(verb)
            if not support:
                is_other = place and not each.unknown
                return not_supported(f"{support.reason}, and it names this broker", EDIT) if is_other else support
        return SUPPORTED

    def _permits(self, verb: Verb) -> Support:
        if self.unknown:
            return not_supported(f"the profiles can't be read: {self.unknown}", "Correct profiles.toml first.")
        if verb in self.deny:
            return not_supported(f"the profile {self.profile} denies {verb}", "Use another profile, or edit this one.")
        if self.read_only and verb not in self.allow:
            return not_supported(
                f"the profile {self.profile} is read-only", f"Use another profile, or add {verb} to its `allow`."
            )
        return SUPPORTED


EDIT = "It holds however the broker is addressed. Edit or remove that profile where it should not."
SEVERITY = {environment: place for place, environment in enumerate(Environment)}


def strictest(own: Policy, others: Iterable[Policy]) -> Policy:
    """The policy of a broker that several profiles point at (C17): what one of them forbids is forbidden.

    Its name is the one that has to be typed: that of a protected profile, `own` before the others. Policies that
    restrict nothing are left out.
    """
    known = own.together or (own,)
    added = [part for each in others for part in each.together or (each,) if part.restricts and part not in known]
    if not added:
        return own
    together = (*known, *dict.fromkeys(added))
    chief = max(together, key=lambda each: (each.protected, each.read_only))
    closed = [each.allow for each in together if each.read_only]
    return Policy(
        profile=chief.profile,
        environment=max((each.environment for each in together), key=SEVERITY.__getitem__),
        read_only=bool(closed),
        protected=chief.protected,
        allow=frozenset.intersection(*closed) if closed else frozenset(),
        deny=frozenset[str]().union(*(each.deny for each in together)),
        together=together,
        unknown=next((each.unknown for each in together if each.unknown), ""),
    )


@dataclass(frozen=True, slots=True)
class Consent:
    """What a user agreed to. `typed` is the typed name (`--confirm`); `allowed` are risks that were allowed by name.

    `named` is the name of what is deleted, where it was typed besides the profile's.
    """

    yes: bool = False
    typed: str = ""
    named: str = ""
    spend: bool = False
    allowed: frozenset[str] = frozenset()


def check(policy: Policy, plan: Plan, consent: Consent) -> None:
    """Check a plan before it is executed.

    Raises:
        Refused: the profile forbids the verb, or a risk refuses and was not allowed by name.
        NeedsConsent: the plan was not confirmed, or the name of a protected profile was not typed.
    """
    from mqtui.domain.plan import PeekUnacked, Severity  # the console's first paint needs policies, and no plans

    spends = [step for step in plan.steps if isinstance(step, PeekUnacked)]
    free_look = plan.verb is Verb.SPEND and not any(step.spends for step in spends)
    support = SUPPORTED if free_look else policy.permits(plan.verb)
    if not support:
        raise Refused(f"{plan.verb} is refused", support.reason, support.hint)
    for risk in plan.risks:
        if risk.severity is Severity.REFUSE and (risk.final or risk.name not in consent.allowed):
            hint = "" if risk.final else f"Accept the risk with --allow {risk.name}."
            raise Refused(f"{plan.verb} is refused: {risk.name}", risk.text, hint)
    if plan.verb is Verb.SPEND:
        if not free_look and policy.protected and not consent.spend:
            raise NeedsConsent(
                "Peeking this queue uses up deliveries",
                plan.facts[0][1] if plan.facts else "",
                "Confirm with --yes-spend.",
            )
        return
    if plan.deletes:
        if plan.deletes not in (consent.typed, consent.named):
            raise NeedsConsent(
                "What is deleted is named",
                f"{plan.deletes} is typed, on every profile.",
                "Repeat it with --confirm NAME.",
            )
        return
    if policy.protected and consent.typed != policy.profile:
        same = "It names this broker. " if policy.together and policy.together[0].profile != policy.profile else ""
        raise NeedsConsent(
            f"{policy.profile} is protected",
            f"{same}--yes is not enough there: the profile's name is typed.",
            f"Repeat it with --confirm {policy.profile}.",
        )
    if not (consent.yes or consent.typed == policy.profile):
        raise NeedsConsent("The plan is not confirmed", "Nothing was changed.", "Repeat it with --yes.")
