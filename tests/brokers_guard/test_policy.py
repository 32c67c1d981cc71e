"""What a profile allows and what must be agreed to, as pure functions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mqtui.domain.capability import WRITES, Verb
from mqtui.domain.errors import NeedsConsent, Refused
from mqtui.domain.figure import exact
from mqtui.domain.plan import PeekUnacked, Plan, Risk, Severity
from mqtui.domain.policy import Consent, Policy, check
from mqtui.domain.resource import BrokerKind, Kind, Ref

QUEUE = Ref(Kind.QUEUE, "work.dlq")
PROD = Policy("prod", protected=True)
CHANGES = sorted(WRITES - {Verb.SPEND})
AGREED = Consent(yes=True)


def plan(verb: Verb, *risks: Risk, spends: bool = True) -> Plan:
    steps = (PeekUnacked(QUEUE, 10, spends=spends),) if verb is Verb.SPEND else ()
    facts = (("price", "spends 1 of at most 20"),)
    return Plan("0" * 32, verb, "prod", BrokerKind.RABBITMQ, steps, exact(1), facts, risks)


@pytest.mark.parametrize("verb", sorted(WRITES))
def test_a_read_only_profile_refuses_every_write(verb: Verb) -> None:
    policy = Policy("shop", read_only=True)
    consent = Consent(yes=True, typed="shop", spend=True)
    with pytest.raises(Refused, match=f"{verb} is refused") as refused:
        check(policy, plan(verb), consent)
    assert "read-only" in refused.value.detail
    assert refused.value.hint
    check(replace(policy, allow=frozenset({verb})), plan(verb), consent)


@pytest.mark.parametrize("verb", sorted(set(Verb) - WRITES))
def test_a_read_only_profile_allows_every_read(verb: Verb) -> None:
    assert Policy("shop", read_only=True).permits(verb)


@pytest.mark.parametrize("verb", CHANGES)
def test_a_denied_verb_is_refused_whatever_the_consent(verb: Verb) -> None:
    with pytest.raises(Refused, match="refused"):
        check(Policy("shop", deny=frozenset({verb}), allow=frozenset({verb})), plan(verb), AGREED)


def test_a_denied_verb_leaves_the_others_alone() -> None:
    check(Policy("shop", deny=frozenset({Verb.DISCARD})), plan(Verb.REDRIVE), AGREED)


@pytest.mark.parametrize("verb", CHANGES)
def test_without_consent_it_is_refused(verb: Verb) -> None:
    with pytest.raises(NeedsConsent) as needed:
        check(Policy("shop"), plan(verb), Consent())
    assert "--yes" in needed.value.hint
    check(Policy("shop"), plan(verb), AGREED)
    check(Policy("shop"), plan(verb), Consent(typed="shop"))


@pytest.mark.parametrize("verb", CHANGES)
def test_yes_is_not_enough_on_a_protected_profile(verb: Verb) -> None:
    for consent in (AGREED, Consent(yes=True, typed="pr0d"), Consent(yes=True, typed="PROD"), Consent(spend=True)):
        with pytest.raises(NeedsConsent) as needed:
            check(PROD, plan(verb), consent)
        assert "--confirm prod" in needed.value.hint
    check(PROD, plan(verb), Consent(typed="prod"))


def test_a_refusing_risk_stops_until_it_is_allowed_by_its_name() -> None:
    risky = plan(Verb.REDRIVE, Risk("room", "the target drops its head", Severity.REFUSE))
    for consent in (AGREED, Consent(yes=True, allowed=frozenset({"ttl"})), Consent(typed="shop")):
        with pytest.raises(Refused, match="room") as refused:
            check(Policy("shop"), risky, consent)
        assert "--allow room" in refused.value.hint
    check(Policy("shop"), risky, Consent(yes=True, allowed=frozenset({"room"})))


def test_a_warning_stops_nothing() -> None:
    check(Policy("shop"), plan(Verb.REDRIVE, Risk("ttl", "the target forgets")), AGREED)


def test_a_final_risk_is_not_overridden() -> None:
    risky = plan(Verb.REDRIVE, Risk("gone", "the target is gone", Severity.REFUSE, final=True))
    with pytest.raises(Refused) as refused:
        check(Policy("shop"), risky, Consent(yes=True, typed="shop", allowed=frozenset({"gone"})))
    assert not refused.value.hint


def test_a_peek_that_uses_up_deliveries_needs_yes_spend_on_a_protected_profile() -> None:
    with pytest.raises(NeedsConsent, match="uses up deliveries") as needed:
        check(PROD, plan(Verb.SPEND), Consent(yes=True, typed="prod"))
    assert needed.value.detail == "spends 1 of at most 20"
    check(PROD, plan(Verb.SPEND), Consent(spend=True))
    check(Policy("shop"), plan(Verb.SPEND), Consent())


def test_a_peek_that_uses_up_nothing_is_a_read_everywhere() -> None:
    free = plan(Verb.SPEND, spends=False)
    check(Policy("shop", read_only=True, protected=True), free, Consent())


def test_a_refused_peek_is_not_overridden() -> None:
    last = Risk("last delivery", "1 delivery is left", Severity.REFUSE, final=True)
    with pytest.raises(Refused, match="last delivery"):
        check(Policy("shop"), plan(Verb.SPEND, last), Consent(spend=True, allowed=frozenset({"last delivery"})))
