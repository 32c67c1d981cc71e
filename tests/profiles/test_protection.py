"""Which addresses are taken for one broker, and what several profiles of it allow together."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest

from mqtui.domain.capability import Verb
from mqtui.domain.policy import Environment, Policy, strictest
from mqtui.domain.resource import BrokerKind
from mqtui.profiles import protection
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from mqtui.profiles.url import parse_url
from mqtui.state.broker_identities import KEPT, BrokerIdentities


def held(profile_url: str, url: str) -> Sequence[str]:
    """The profiles that hold for a URL where one protected profile has another."""
    address, _ = parse_url(profile_url)
    ProfileStore().add(Profile("prod", {address.kind: BrokerEndpoint(profile_url)}, protected=True))
    return [policy.profile for policy in protection.policies_at(parse_url(url)[0])]


@pytest.mark.parametrize(
    ("profile_url", "url"),
    [
        ("redis://127.0.0.1", "redis://localhost:6379/0"),
        ("redis://alice@localhost:6379/0", "redis://[::1]"),
        ("redis://LocalHost.:6379", "redis://127.0.0.1"),
        ("redis://0.0.0.0", "redis://127.0.0.1"),
        ("redis://[::ffff:127.0.0.1]", "redis://127.0.0.1"),
        ("redis+cluster://127.0.0.1:7000,127.0.0.1:7001", "redis://127.0.0.1:7001"),
        ("redis+sentinel://s1.invalid,s2.invalid/shop/0", "redis+sentinel://s2.invalid:26379/shop"),
        ("kafka://k1.invalid,k2.invalid:9092", "kafka://K2.invalid."),
        ("kafka+ssl://k1.invalid:9092", "kafka://k1.invalid"),
        ("amqp://guest@rabbit.invalid", "amqp://rabbit.invalid:5672/%2F"),
        ("amqp://guest@127.0.0.1:5672/shop", "amqp://bob@localhost/shop"),
    ],
)
def test_one_broker(profile_url: str, url: str) -> None:
    assert held(profile_url, url) == ["prod"]


@pytest.mark.parametrize(
    ("profile_url", "url"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/1"),
        ("redis://127.0.0.1:6379", "redis://127.0.0.1:6380"),
        ("redis://127.0.0.2:6379", "redis://127.0.0.1:6379"),
        ("redis://192.0.2.7", "redis://192.0.2.8"),
        ("redis+sentinel://s1.invalid/shop/0", "redis+sentinel://s1.invalid/other/0"),
        ("redis+sentinel://127.0.0.1:26379/shop", "redis://127.0.0.1:26379"),
        ("amqp://guest@127.0.0.1/shop", "amqp://guest@127.0.0.1/"),
        ("kafka://127.0.0.1:6379", "redis://127.0.0.1:6379"),
    ],
)
def test_two_brokers(profile_url: str, url: str) -> None:
    assert held(profile_url, url) == []


def test_this_machine_is_known_by_its_own_address() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but its loopback")
        own = probe.getsockname()[0]
    assert held("redis://127.0.0.1", f"redis://{own}") == ["prod"]


def test_a_name_that_nobody_answers_for_costs_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protection, "LOOKUP_SECONDS", 0.05)
    assert held("redis://a-name-that-is-not-there.invalid", "redis://another.invalid") == []


OWN = Policy("own")
PROD = Policy("prod", Environment.PROD, protected=True)
CLOSED = Policy("closed", Environment.STAGE, read_only=True, allow=frozenset({Verb.SPEND}))
DENIES = Policy("denies", deny=frozenset({Verb.DISCARD}))


def test_combined_policies_forbid_what_one_of_them_forbids() -> None:
    made = strictest(OWN, [PROD, CLOSED, DENIES])
    assert (made.profile, made.environment) == ("prod", Environment.PROD)
    assert made.protected
    assert made.read_only
    assert made.permits(Verb.SPEND)
    assert "closed is read-only" in made.permits(Verb.PUBLISH).reason
    assert "denies denies discard" in strictest(OWN, [DENIES]).permits(Verb.DISCARD).reason


def test_combined_policies_do_not_depend_on_the_order() -> None:
    step = strictest(strictest(OWN, [PROD]), [CLOSED, PROD])
    assert step == strictest(OWN, [PROD, CLOSED])
    assert strictest(step, [step]) == step


def test_what_restricts_nothing_changes_nothing() -> None:
    assert strictest(PROD, [OWN, Policy("dev", Environment.DEV)]) is PROD


def test_only_what_every_read_only_profile_allows_is_allowed() -> None:
    made = strictest(CLOSED, [Policy("shut", read_only=True)])
    assert not made.permits(Verb.SPEND)
    assert "shut is read-only" in made.permits(Verb.SPEND).reason


def test_identities_are_remembered_by_profile_and_the_oldest_are_forgotten() -> None:
    known = BrokerIdentities()
    assert known.profiles_of(BrokerKind.REDIS, "first") == frozenset()
    known.remember("prod", BrokerKind.REDIS, "first")
    known.remember("looking", BrokerKind.REDIS, "first")
    assert known.profiles_of(BrokerKind.REDIS, "first") == {"prod", "looking"}
    assert known.profiles_of(BrokerKind.KAFKA, "first") == frozenset()
    for number in range(KEPT):
        known.remember("prod", BrokerKind.REDIS, f"later {number:02}")
    assert known.profiles_of(BrokerKind.REDIS, "first") == {"looking"}
    assert known.profiles_of(BrokerKind.REDIS, f"later {KEPT - 1}") == {"prod"}
