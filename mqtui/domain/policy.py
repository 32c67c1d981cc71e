"""What a profile allows, and what a person agreed to."""

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
    """Where a profile points; a later one is the stricter."""

    NONE = "none"
    DEV = "dev"
    STAGE = "stage"
    PROD = "prod"


@dataclass(frozen=True, slots=True)
class Policy:
    """What one profile allows. `allow` lifts single verbs over read-only (`spend`), `deny` takes single ones away.

    `together` are the policies it was made of by `strictest`, the one that was asked for first; `unknown` says why
    nobody knows what is protected: nothing is written then.
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
        """Whether it forbids anything, or wants its name typed."""
        return self.read_only or self.protected or bool(self.deny) or bool(self.unknown)

    def permits(self, verb: Verb) -> Support:
        """Whether the profile lets the verb through at all, and every other profile that names the same broker."""
        if verb not in WRITES:
            return SUPPORTED
        for place, each in enumerate(self.together or (self,)):
            support = each._permits(verb)
            if not support:
                return not_supported(f"{support.reason}, and it names this broker", EDIT) if place else support
        return SUPPORTED

    def _permits(self, verb: Verb) -> Support:
        if self.unknown:
            return not_supported(
                f"what the profiles protect can't be read: {self.unknown}", "Mend the file of profiles first."
            )
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
    """The policy of a broker that further profiles name (C17): what one of them forbids is forbidden.

    Its name is the one to be typed: that of a protected profile, `own` before the others. Others that restrict nothing
    change nothing.
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
    from mqtui.domain.plan import PeekUnacked, Severity  # the console's first paint needs policies, and no plans

    spends = [step for step in plan.steps if isinstance(step, PeekUnacked)]
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
        same = "It names this broker. " if policy.together and policy.together[0].profile != policy.profile else ""
        raise NeedsConsent(
            f"{policy.profile} is protected",
            f"{same}--yes is not enough there: the profile's name is typed.",
            f"Repeat it with --confirm {policy.profile}.",
        )
    if not (consent.yes or consent.typed == policy.profile):
        raise NeedsConsent("Nobody agreed to the plan", "Nothing was changed.", "Repeat it with --yes.")
