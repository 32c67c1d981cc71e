"""Secrets: found where the profile says, and told to nobody."""

import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from mqtui.domain.errors import BadInput, MqtuiError, NotAuthenticated, NotFound, Refused, StorageFailed
from mqtui.domain.policy import Policy
from mqtui.domain.resource import BrokerKind
from mqtui.profiles import keyring_store, keys, secrets
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.resolve import resolve_target
from mqtui.profiles.store import ProfileStore
from mqtui.profiles.url import parse_url

KAFKA = BrokerKind.KAFKA
ROOT = Path(__file__).parents[2]
HUNTER = "hunter2"


def profile(secret: str = "", bundle_key: str = "") -> Profile:
    brokers = {KAFKA: BrokerEndpoint("kafka://alice@h"), BrokerKind.REDIS: BrokerEndpoint("redis://h")}
    return Profile("team-a", brokers, secret=secret, bundle_key=bundle_key)


def python(code: str) -> str:
    return f"command:{sys.executable} -c '{code}'"


def test_the_environment_is_asked_first_the_broker_before_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = profile("env:MINE")
    monkeypatch.setenv("MINE", "3")
    assert secrets.secret_of(asked, KAFKA) == "3"
    monkeypatch.setenv("MQTUI_SECRET_TEAM_A", "2")
    assert secrets.secret_of(asked, KAFKA) == "2"
    monkeypatch.setenv("MQTUI_SECRET_TEAM_A_KAFKA", "1")
    assert secrets.secret_of(asked, KAFKA) == "1"
    assert secrets.secret_of(asked, BrokerKind.REDIS) == "2"


def test_a_profile_without_a_secret_asks_nobody(broken_keyring: None) -> None:
    assert secrets.secret_of(profile(), KAFKA) == ""


def test_a_command_gives_its_first_line_and_knows_who_asks() -> None:
    code = 'import os; print(os.environ["MQTUI_PROFILE"], os.environ["MQTUI_KIND"]); print("more")'
    assert secrets.secret_of(profile(python(code)), KAFKA) == "team-a kafka"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (python('print("hunter2"); raise SystemExit(3)'), "ended with 3"),
        (python("pass"), "wrote nothing"),
        (python('import sys; sys.stdout.buffer.write(b"hunter2\\xff")'), "can't be read"),
        ("command:/nonexistent/hunter hunter2", "No such file"),
        ("command:'unclosed hunter2", "can't be read"),
    ],
)
def test_a_command_that_fails_is_reported_without_its_output(source: str, words: str) -> None:
    with pytest.raises(NotAuthenticated) as told:
        secrets.secret_of(profile(source), KAFKA)
    assert words in told.value.detail
    assert HUNTER not in "".join(traceback.format_exception(told.value)).replace(source, "")


def test_a_command_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "COMMAND_SECONDS", 0.2)
    with pytest.raises(NotAuthenticated, match="failed") as told:
        secrets.secret_of(profile("command:sleep 60"), KAFKA)
    assert "took more" in told.value.detail


def test_a_missing_secret_is_reported_with_a_hint() -> None:
    with pytest.raises(NotAuthenticated) as told:
        secrets.secret_of(profile("env:NOT_SET"), KAFKA)
    assert "NOT_SET" in told.value.detail and "MQTUI_SECRET_TEAM_A" in told.value.hint


def test_a_real_keyring_stores_and_deletes(real_keyring: None) -> None:
    asked = profile("keyring")
    with pytest.raises(NotAuthenticated, match="no secret"):
        secrets.secret_of(asked, KAFKA)
    secrets.store_secret("team-a", "for all")
    secrets.store_secret("team-a", "for kafka €", KAFKA)
    assert secrets.secret_of(asked, KAFKA) == "for kafka €"
    assert secrets.secret_of(asked, BrokerKind.REDIS) == "for all"
    secrets.delete_secrets(asked)
    secrets.delete_secrets(asked)
    assert keyring_store.get("team-a") is None


def test_a_url_s_secret_is_kept_for_the_resume(real_keyring: None) -> None:
    for url, bare in (("amqp://u:pw@h/v", "amqp://u@h:5672/v"), ("redis://:pw@h/3", "redis://:@h:6379/3")):
        address = parse_url(url)[0]
        assert secrets.store_url_secret(address)
        resolved = resolve_target(bare)
        assert (resolved.addresses, resolved.shown, resolved.warnings) == ((address,), bare, ())


def test_a_url_s_secret_from_the_environment(no_keyring: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_target("amqp://guest@h").addresses[0].secret == "guest"
    assert resolve_target("amqp://alice@h").addresses[0].secret == ""
    monkeypatch.setenv("MQTUI_SECRET_RABBITMQ", "pw")
    assert resolve_target("amqp://alice@h").addresses[0].secret == "pw"
    assert resolve_target("amqp://alice:mine@h").addresses[0].secret == "mine"
    assert not secrets.store_url_secret(parse_url("amqp://alice:mine@h")[0])


def test_the_bundle_key_is_made_once(real_keyring: None) -> None:
    code = "from mqtui.profiles.keys import bundle_key; input(); print(bundle_key().decode())"
    children = [
        subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, cwd=ROOT, text=True) for _ in range(3)
    ]
    said = [child.communicate("go\n")[0].strip() for child in children]
    assert said == [keys.bundle_key().decode()] * 3
    assert keys.bundle_key(profile(bundle_key="keyring")) == keys.bundle_key()


@pytest.mark.parametrize("trouble", ["no_keyring", "broken_keyring"])
def test_without_a_keyring_errors_say_what_else_helps(trouble: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(trouble)
    with pytest.raises(Refused, match="nothing is moved") as refused:
        keys.bundle_key()
    assert "MQTUI_BUNDLE_KEY" in refused.value.hint
    with pytest.raises(NotAuthenticated, match="can't be used") as missing:
        secrets.secret_of(profile("keyring"), KAFKA)
    assert "MQTUI_SECRET_TEAM_A" in missing.value.hint
    with pytest.raises(StorageFailed) as unkept:
        secrets.store_secret("team-a", HUNTER)
    with pytest.raises(NotFound) as unknown:
        keys.fernet_key("orders")
    for error in (refused, missing, unkept, unknown):
        assert HUNTER not in "".join(traceback.format_exception(error.value)).replace("HUNTER", "")


def test_the_bundle_key_may_come_from_elsewhere(no_keyring: None, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.new_key()
    assert keys.bundle_key(profile(bundle_key=python(f'print("{key}")'))) == key.encode()
    with pytest.raises(Refused, match="nothing is moved"):
        keys.bundle_key(profile(bundle_key=python("raise SystemExit(1)")))
    with pytest.raises(Refused, match="no bundle key"):
        keys.bundle_key(profile(bundle_key="env:NOT_SET"))
    monkeypatch.setenv("MQTUI_BUNDLE_KEY", key)
    assert keys.bundle_key() == key.encode()


@pytest.mark.parametrize("key", ["", "hunter2", "hunter2" * 10, "é" * 44, "A" * 43])
def test_what_is_no_fernet_key_is_refused_without_showing_it(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTUI_BUNDLE_KEY", key)
    monkeypatch.setenv("MQTUI_KEY_ORDERS", key)
    with pytest.raises(Refused, match="no Fernet key") as told:
        keys.bundle_key()
    with pytest.raises(Refused, match="no Fernet key") as also:
        keys.fernet_key("orders")
    assert not key or key not in f"{told.value} {also.value}"


def test_named_keys(real_keyring: None, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.new_key()
    with pytest.raises(NotFound, match="no key orders-v2"):
        keys.fernet_key("orders-v2")
    keyring_store.put("key:orders-v2", key)
    assert keys.fernet_key("orders-v2") == key.encode()
    other = keys.new_key()
    monkeypatch.setenv("MQTUI_KEY_ORDERS_V2", other)
    assert keys.fernet_key("orders-v2") == other.encode()


def test_a_target_is_a_profile_a_broker_of_it_or_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    ProfileStore().add(profile("env:MINE"))
    monkeypatch.setenv("MINE", HUNTER)
    both = resolve_target("team-a")
    assert [address.kind for address in both.addresses] == [KAFKA, BrokerKind.REDIS]
    assert (both.profile, both.policy, both.shown, both.warnings) == (
        profile("env:MINE"),
        Policy("team-a"),
        "team-a",
        (),
    )
    assert [address.secret for address in both.addresses] == [HUNTER, HUNTER]
    assert (
        resolve_target("team-a/redis").addresses
        == resolve_target("team-a", BrokerKind.REDIS).addresses
        == both.addresses[1:]
    )
    url = resolve_target("amqp://u:hunter2@h/v?management=http://m:1")
    assert url.profile is None and url.shown == "amqp://u@h:5672/v?management=http://m:1"
    assert url.policy == Policy(url.shown) and "password" in url.warnings[0]
    assert HUNTER not in repr(both) + repr(url)


@pytest.mark.parametrize(
    ("target", "kind", "error"),
    [
        ("nobody", None, NotFound),
        ("team-a/rabbitmq", None, BadInput),
        ("team-a/mongodb", None, BadInput),
        ("team-a/kafka", BrokerKind.REDIS, BadInput),
        ("team-a", BrokerKind.RABBITMQ, BadInput),
        ("localhost:9092", None, BadInput),
        ("", None, BadInput),
        ("/kafka", None, BadInput),
        ("kafka://h", BrokerKind.REDIS, BadInput),
    ],
)
def test_what_is_no_target_is_reported(target: str, kind: BrokerKind | None, error: type[MqtuiError]) -> None:
    ProfileStore().add(profile())
    with pytest.raises(error):
        resolve_target(target, kind)


def test_nothing_loads_the_keyring_or_a_broker_client_before_it_is_needed() -> None:
    code = """
import sys
import mqtui.profiles.resolve, mqtui.profiles.keys, mqtui.state.journal, mqtui.state.bundles, mqtui.state.audit
mqtui.profiles.resolve.resolve_target("amqp://guest:guest@h")
heavy = {"keyring", "cryptography", "secretstorage", "pika", "redis", "confluent_kafka", "textual", "httpx2"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
