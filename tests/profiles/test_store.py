"""profiles.toml: comments and order stay, mistakes name their line, nothing is ever half written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mqtui.domain.errors import BadInput, NotFound, StorageFailed
from mqtui.domain.policy import Environment
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore

ROOT = Path(__file__).parents[2]
TEXT = """\
# Our brokers

[[profile]]
name = "prod"   # handle with care
protected = true
environment = "prod"
secret = "keyring"
# the cluster
[profile.kafka]
url = "kafka+ssl://alice@k1:9093" # two more behind it
options = { "sasl.mechanism" = "PLAIN", retries = 3, "socket.keepalive.enable" = true }

[[profile]] # the laptop
name = "local"
[profile.redis]
url = "redis://127.0.0.1"
[profile.rabbitmq]
url = "amqp://guest@127.0.0.1"
[profile.rabbitmq.options]
management = "http://127.0.0.1:15672"
"""
PROD = Profile(
    "prod",
    {
        BrokerKind.KAFKA: BrokerEndpoint(
            "kafka+ssl://alice@k1:9093", {"sasl.mechanism": "PLAIN", "retries": "3", "socket.keepalive.enable": "true"}
        )
    },
    environment=Environment.PROD,
    protected=True,
    secret="keyring",
)
LOCAL = Profile(
    "local",
    {
        BrokerKind.RABBITMQ: BrokerEndpoint("amqp://guest@127.0.0.1", {"management": "http://127.0.0.1:15672"}),
        BrokerKind.REDIS: BrokerEndpoint("redis://127.0.0.1"),
    },
)
NEW = Profile("new", {BrokerKind.REDIS: BrokerEndpoint("redis://h/3", {"tls.ca": "/x"})}, allow=frozenset({"spend"}))


@pytest.fixture
def path(folders: Path) -> Path:
    (folders / "config").mkdir(mode=0o700)
    file = folders / "config" / "profiles.toml"
    file.write_text(TEXT)
    return file


def test_profiles_are_read(path: Path) -> None:
    assert ProfileStore().list_profiles() == [PROD, LOCAL]
    assert ProfileStore().find("local") == LOCAL


def test_no_file_is_no_profile() -> None:
    assert ProfileStore().list_profiles() == []
    with pytest.raises(NotFound, match="no profile prod"):
        ProfileStore().find("prod")


def test_a_name_near_it_is_offered(path: Path) -> None:
    with pytest.raises(NotFound) as told:
        ProfileStore().find("prdo")
    assert "prod" in told.value.detail


def test_a_profile_is_added_replaced_and_removed(path: Path) -> None:
    store = ProfileStore()
    store.add(NEW)
    assert store.list_profiles() == [PROD, LOCAL, NEW]
    assert path.read_text().startswith(TEXT)
    store.remove("new")
    assert path.read_text().rstrip() == TEXT.rstrip()
    store.remove("prod")
    store.remove("local")
    assert store.list_profiles() == []
    store.add(NEW)
    assert store.list_profiles() == [NEW]


def test_adding_what_is_there_is_refused(path: Path) -> None:
    with pytest.raises(BadInput, match="already"):
        ProfileStore().add(PROD)
    with pytest.raises(NotFound):
        ProfileStore().remove("nobody")
    with pytest.raises(NotFound):
        ProfileStore().replace(NEW)
    assert path.read_text() == TEXT


def test_replacing_with_the_same_changes_nothing(path: Path) -> None:
    ProfileStore().replace(PROD)
    ProfileStore().replace(LOCAL)
    assert path.read_text() == TEXT


def test_replacing_keeps_comments_and_order(path: Path) -> None:
    changed = Profile(
        "prod",
        {BrokerKind.KAFKA: BrokerEndpoint("kafka://k2"), BrokerKind.REDIS: BrokerEndpoint("redis://r")},
        environment=Environment.STAGE,
        read_only=True,
        deny=frozenset({"discard", "ack"}),
        prefix="ops",
    )
    store = ProfileStore()
    store.replace(changed)
    assert store.list_profiles() == [changed, LOCAL]
    text = path.read_text()
    for kept in ("# Our brokers", "# handle with care", "# the cluster", "# two more behind it", "# the laptop"):
        assert kept in text
    assert text.index('"prod"') < text.index("environment") < text.index("[profile.kafka]") < text.index('"local"')


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        ("protected = true", "protected = 'yes'", "line 5, protected: Expected `bool`"),
        ("protected = true", "protectd = true", "line 5, protectd: Object contains unknown field"),
        ('"prod"\n', '"production"\n', "line 6, environment: Invalid enum value"),
        ('name = "local"', 'name = "peek"', "line 14, name: peek is a verb"),
        ('name = "local"', 'name = "prod"', "line 14, name: prod is there twice"),
        ('name = "local"', "", "line 13"),
        ("redis://127.0.0.1", "redis://127.0.0.1/x", "line 16, redis.url"),
        ("redis://127.0.0.1", "redis://:hunter2@h", "line 16, redis.url: A profile's URL holds no password"),
        ("retries = 3", "retries = 3.5", "line 11, kafka.options"),
        ('management = "http', 'password = "http', "line 19, rabbitmq.options"),
        ("[[profile]] #", "[[profile] #", "line 13: no TOML"),
        ("[[profile]] #", "[[profiles]] #", "unknown field `profiles`"),
    ],
)
def test_an_error_names_file_line_and_key(path: Path, before: str, after: str, where: str) -> None:
    assert TEXT.count(before) >= 1
    path.write_text(TEXT.replace(before, after, 1))
    with pytest.raises(BadInput) as told:
        ProfileStore().list_profiles()
    assert str(path) in told.value.title and where in told.value.title
    assert "hunter2" not in str(told.value)


def test_a_file_that_is_not_utf8_is_reported(path: Path) -> None:
    path.write_bytes(b'x = "\xff"')
    with pytest.raises(BadInput, match="not UTF-8"):
        ProfileStore().list_profiles()


def test_an_invalid_file_is_not_overwritten(path: Path) -> None:
    path.write_text(TEXT + "oops")
    with pytest.raises(BadInput):
        ProfileStore().add(NEW)
    assert path.read_text() == TEXT + "oops"


def test_the_file_is_private_and_a_link_stays_one(path: Path, folders: Path) -> None:
    real = folders / "dotfiles.toml"
    path.rename(real)
    path.symlink_to(real)
    ProfileStore().add(NEW)
    assert path.is_symlink() and "new" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir() if file.name.startswith(".profiles-")] == []


def test_a_failed_write_is_reported(folders: Path) -> None:
    (folders / "config").mkdir()
    (folders / "config" / "profiles.toml").mkdir()
    with pytest.raises(StorageFailed):
        ProfileStore().add(NEW)


def test_processes_that_add_at_once_lose_nothing(path: Path) -> None:
    code = """
import sys
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
for place in range(5):
    ProfileStore().add(Profile(f"p{sys.argv[1]}-{place}", {BrokerKind.REDIS: BrokerEndpoint("redis://h")}))
"""
    command = [sys.executable, "-c", code]
    children = [subprocess.Popen([*command, str(place)], cwd=ROOT, env={**os.environ}) for place in range(3)]
    assert [child.wait() for child in children] == [0, 0, 0]
    assert {profile.name for profile in ProfileStore().list_profiles()} == {"prod", "local"} | {
        f"p{place}-{step}" for place in range(3) for step in range(5)
    }
