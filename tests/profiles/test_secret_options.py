"""`mqtui profile add`: secrets by their own slots, a keyring of one's own, and a password typed without echo."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mqtui.domain.resource import BrokerKind
from mqtui.profiles import keyring_store
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.resolve import resolve_target
from mqtui.profiles.secrets import copy_secrets, delete_secrets
from mqtui.profiles.store import ProfileStore
from tests.cli.broker_fixtures import all_file_bytes
from tests.cli.command_line import Mqtui
from tests.terminal import Terminal

KAFKA = BrokerKind.KAFKA
PEM = "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----"


@pytest.fixture
def kept(tmp_path: Path, keyring_session: dict[str, str], real_keyring: None) -> Mqtui:
    """Mqtui with the tests' keyring."""
    bus = keyring_session["DBUS_SESSION_BUS_ADDRESS"]
    backend = "keyring.backends.SecretService.Keyring"
    return Mqtui(tmp_path, "", {"DBUS_SESSION_BUS_ADDRESS": bus, "PYTHON_KEYRING_BACKEND": backend})


@pytest.fixture
def bare(tmp_path: Path) -> Mqtui:
    """Mqtui on a machine without a keyring."""
    return Mqtui(tmp_path, "")


def test_secret_options_go_to_the_keyring(kept: Mqtui) -> None:
    added = kept(
        *("profile", "add", "slots", "kafka+ssl://h:1", "-o", f"ssl.key.pem={PEM}", "-o", "ssl.key.password=keyring"),
        *("-o", "sasl.oauthbearer.client.secret=env:OIDC_SECRET", "-o", "client.rack=r1"),
        given=b"key-hunter2\n",
    ).ok()
    assert "ssl.key.pem is in the keyring now, but it was on the command line" in added.err
    shown = kept("profile", "show", "slots", "--json").ok()
    assert shown.rows()[0]["brokers"]["kafka"]["secrets"] == {
        "ssl.key.pem": "the keyring",
        "ssl.key.password": "the keyring",
        "sasl.oauthbearer.client.secret": "the environment variable OIDC_SECRET",
    }
    told = added.text + added.err + shown.text + kept("profile", "show", "slots").ok().text
    assert "hunter2" not in told and b"hunter2" not in all_file_bytes(kept.folder)


def test_no_password_is_shown(kept: Mqtui) -> None:
    kept("profile", "add", "n", "redis://h", "--password-stdin", given=b"\n").fails(2, "There is no password on stdin")


def test_every_secret_option_is_found_again(kept: Mqtui, monkeypatch: pytest.MonkeyPatch) -> None:
    kept("profile", "add", "again", "kafka+ssl://h:1", "-o", f"ssl.key.pem={PEM}").ok()
    command = f'-o=ssl.key.password=command:{sys.executable} -c "print(1);print(2)"'
    kept("profile", "add", "again", "redis://h", "--password-stdin", "--protected", given=b"redis-hunter2\n").ok()
    kept("profile", "add", "other", "kafka+ssl://h:1", "-o", command.removeprefix("-o=")).ok()
    (address,) = resolve_target("again/kafka").addresses
    assert address.settings["ssl.key.pem"] == PEM and "hunter2" not in repr(address)
    assert resolve_target("again/redis").addresses[0].secret == "redis-hunter2"
    assert resolve_target("other").addresses[0].settings["ssl.key.password"] == "1\n2"
    monkeypatch.setenv("MQTUI_SECRET_OTHER_KAFKA_SSL_KEY_PASSWORD", "from here")
    assert resolve_target("other").addresses[0].settings["ssl.key.password"] == "from here"
    again = ProfileStore().find("again")
    assert again.protected and again.secret == "" and again.brokers[BrokerKind.REDIS].secrets == {"password": "keyring"}
    copy_secrets(again, "moved")
    assert keyring_store.get("moved/kafka/ssl.key.pem") == PEM and keyring_store.get("moved/redis") == "redis-hunter2"
    kept("profile", "remove", "again", "--confirm", "again").ok()
    assert keyring_store.get("again/kafka/ssl.key.pem") is None and keyring_store.get("again/redis") is None
    delete_secrets(Profile("moved", {KAFKA: BrokerEndpoint("kafka://h", {}, {"ssl.key.pem": "keyring"})}))
    assert keyring_store.get("moved/kafka/ssl.key.pem") is None


@pytest.mark.parametrize(
    "words",
    [
        ("kafka+ssl://h:1", "-o", f"ssl.key.pem={PEM}"),
        ("kafka+ssl://h:1", "-o", "sasl.oauthbearer.assertion.private.key.passphrase=hunter2"),
        ("kafka+ssl://h:1?ssl.key.pem=hunter2",),
        ("rediss://h:1?ssl_password=hunter2",),
        ("redis://h:1", "-o", "password=hunter2"),
        ("amqps://h:1", "-o", "tls.key-password=hunter2"),
    ],
)
def test_without_a_keyring_no_secret_is_stored_or_shown(bare: Mqtui, words: tuple[str, ...]) -> None:
    refused = bare("profile", "add", "n", *words)
    assert refused.code in (1, 2) and "hunter2" not in refused.err + refused.text
    assert "env:NAME" in refused.err or "--password-stdin" in refused.err
    assert b"hunter2" not in all_file_bytes(bare.folder)


def test_an_option_that_does_not_exist_is_refused_when_it_is_added(bare: Mqtui) -> None:
    for url in ("kafka://h", "amqp://h", "redis://h"):
        bare("profile", "add", "n", url, "-o", "nosuch=1").fails(2, "no option nosuch")
    assert bare("profile", "list", "--json").ok().rows() == []


@pytest.mark.parametrize(
    ("url", "option", "words"),
    [
        ("kafka://h:1", "tls.ca=/x.pem", "the URL asks for no TLS"),
        ("redis://h:1", "tls.verify=no", "the URL asks for no TLS"),
        ("amqp://h:1", "tls.cert=/x.pem", "the URL asks for no TLS"),
        ("kafka+ssl://h:1", "tls.key=/x.key", "without tls.cert"),
        ("kafka://h:1", "sasl.mechanism=SCRAM-SHA-512", "wants a user"),
        ("amqps://h:1", "heartbeat=soon", "whole number"),
        ("redis://h:1", "timeout-ms=long", "whole number"),
        ("amqp://h:1", "sasl.mechanism=SCRAM-SHA-512", "PLAIN or EXTERNAL"),
    ],
)
def test_an_option_that_the_first_use_would_refuse_is_refused_when_it_is_added(
    bare: Mqtui, url: str, option: str, words: str
) -> None:
    bare("profile", "add", "odd", url, "-o", option).fails(2, words)
    assert "odd" not in bare("profile", "list").ok().text


def test_a_password_is_asked_for_without_echo(kept: Mqtui) -> None:
    words = [sys.executable, "-m", "mqtui", "profile", "add", "typed", "redis://u@h", "--password-stdin"]
    with Terminal(words, kept.environment()) as terminal:
        terminal.writes(b"Password:")
        terminal.press("hunter2\r")
        assert terminal.ended() == 0
    assert b"hunter2" not in terminal.written
    assert resolve_target("typed").addresses[0].secret == "hunter2"


def test_without_a_keyring_nothing_is_asked_for(bare: Mqtui) -> None:
    words = [sys.executable, "-m", "mqtui", "profile", "add", "x", "amqp://u@h", "--password-stdin"]
    with Terminal(words, bare.environment()) as terminal:
        assert terminal.ended() == 1
    assert b"keyring" in terminal.written and b"Password:" not in terminal.written
