"""Each adapter says which of its options are secret; what it does not know is refused."""

from __future__ import annotations

import re

import pytest
from confluent_kafka import Consumer, KafkaException

from mqtui.brokers.kafka.config import RESERVED
from mqtui.brokers.options import OptionKind
from mqtui.brokers.registry import traits_of
from mqtui.domain.resource import BrokerKind
from mqtui.state.redact import SHOWN, mask, redact_command

KNOWN = traits_of(BrokerKind.KAFKA).options.options
PUBLIC = frozenset({"ssl.ca.pem", "ssl.certificate.pem", "https.ca.pem", "sasl.oauthbearer.token.endpoint.url"})


@pytest.mark.parametrize("name", sorted(name for name in KNOWN if not name.startswith(("tls.", "schema.registry"))))
def test_librdkafka_has_every_option_that_is_declared(name: str) -> None:
    """The next property is one it surely does not have: so no client is made."""
    with pytest.raises(KafkaException) as refused:
        Consumer({"group.id": "mqtui", "log_level": 0, name: "", "no.such": "1"})
    assert f'No such configuration property: "{name}"' not in str(refused.value)


@pytest.mark.parametrize("kind", list(BrokerKind))
def test_what_sounds_secret_is_secret_and_nothing_shown_is(kind: BrokerKind) -> None:
    options = traits_of(kind).options.options
    named = {name for name in options if re.search(r"pass|secret|\.pem$|token", name)} - PUBLIC
    assert named == {name for name, option in options.items() if option.kind is OptionKind.SECRET} - {
        "sasl.oauthbearer.config"
    }
    assert all(options[name].kind is not OptionKind.SECRET for name in SHOWN & set(options))
    assert not RESERVED & set(options)


def test_only_values_of_harmless_options_are_shown() -> None:
    url = "kafka://h?ssl.key.pem=hunter2&nosuch=hunter2&tls.ca=/ca&tls.key-password=env:WORD"
    assert mask(url) == "kafka://h?ssl.key.pem=…&nosuch=…&tls.ca=/ca&tls.key-password=env:WORD"
    words = ["mqtui", "profile", "add", "n", "kafka://h", "-o", "ssl.key.pem=hunter2", "-oanything=hunter2"]
    assert "hunter2" not in redact_command([*words, "-o", "tls.ca=/ca"]) and "tls.ca=/ca" in redact_command(
        [*words, "-o", "tls.ca=/ca"]
    )
