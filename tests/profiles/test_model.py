"""Profiles that can't be, and what a profile tells the guard and the adapter."""

from typing import Any

import pytest

from mqtui.brokers.port import Address
from mqtui.domain.errors import BadInput
from mqtui.domain.policy import Environment, Policy
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import VERBS, BadProfile, BrokerEndpoint, Profile

KAFKA = {
    BrokerKind.KAFKA: BrokerEndpoint("kafka+ssl://alice@h:1?client.rack=1", {"linger.ms": "2", "tls.verify": "off"})
}


def test_policy_and_address() -> None:
    profile = Profile(
        "prod", KAFKA, Environment.PROD, True, True, frozenset({"spend"}), frozenset({"discard"}), prefix="ops"
    )
    assert profile.policy() == Policy(
        "prod", Environment.PROD, True, True, frozenset({"spend"}), frozenset({"discard"})
    )
    assert profile.address(BrokerKind.KAFKA, "pw") == Address(
        BrokerKind.KAFKA,
        (("h", 1),),
        "alice",
        "pw",
        True,
        options={"client.rack": "1", "linger.ms": "2", "tls.verify": "no"},
        prefix="ops",
    )
    with pytest.raises(BadInput, match="no redis"):
        profile.address(BrokerKind.REDIS)


@pytest.mark.parametrize("name", sorted(VERBS))
def test_a_verb_is_no_name(name: str) -> None:
    with pytest.raises(BadProfile, match="verb of mqtui"):
        Profile(name, KAFKA)


@pytest.mark.parametrize("name", ["", "a/b", "a:b", "a b", "-a", ".a", "x" * 65, "ä", "a\n"])
def test_other_names_that_can_not_be(name: str) -> None:
    with pytest.raises(BadProfile) as told:
        Profile(name, KAFKA)
    assert told.value.key == "name"


@pytest.mark.parametrize(
    ("key", "setting"),
    [
        ("name", {"brokers": {}}),
        ("allow", {"allow": frozenset({"peek"})}),
        ("deny", {"deny": frozenset({"everything"})}),
        ("prefix", {"prefix": "a b"}),
        ("prefix", {"prefix": ""}),
        ("secret", {"secret": "hunter2"}),
        ("secret", {"secret": "keyring:x"}),
        ("secret", {"secret": "env:"}),
        ("secret", {"secret": "command: "}),
        ("bundle_key", {"bundle_key": "env:1X"}),
        ("kafka.url", {"brokers": {BrokerKind.KAFKA: BrokerEndpoint("kafka://a:hunter2@h")}}),
        ("kafka.url", {"brokers": {BrokerKind.KAFKA: BrokerEndpoint("redis://h")}}),
        ("kafka.url", {"brokers": {BrokerKind.KAFKA: BrokerEndpoint("h")}}),
        ("redis.options", {"brokers": {BrokerKind.REDIS: BrokerEndpoint("redis://h", {"password": "hunter2"})}}),
        ("redis.options", {"brokers": {BrokerKind.REDIS: BrokerEndpoint("redis://h", {"tls.x": "1"})}}),
        ("kafka.options", {"brokers": {BrokerKind.KAFKA: BrokerEndpoint("kafka://h", {"nosuch": "1"})}}),
        ("kafka.options", {"brokers": {BrokerKind.KAFKA: BrokerEndpoint("kafka://h", {"ssl.key.pem": "hunter2"})}}),
        ("kafka.secrets", {"brokers": {BrokerKind.KAFKA: BrokerEndpoint("kafka://h", {}, {"client.rack": "keyring"})}}),
        ("kafka.secrets", {"brokers": {BrokerKind.KAFKA: BrokerEndpoint("kafka://h", {}, {"ssl.key.pem": "hunter2"})}}),
    ],
)
def test_an_error_names_its_setting(key: str, setting: dict[str, Any]) -> None:
    with pytest.raises(BadProfile) as told:
        Profile(**{"name": "prod", "brokers": KAFKA, **setting})
    assert told.value.key == key
    assert "hunter2" not in str(told.value)
