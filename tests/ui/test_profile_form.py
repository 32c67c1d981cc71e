"""The form of a profile: every option that an adapter declares, and nothing is saved without being asked."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend

from mqtui.brokers.options import OptionKind
from mqtui.brokers.registry import all_traits, traits_of
from mqtui.domain.policy import Environment
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import BrokerEndpoint, Profile
from mqtui.profiles.store import ProfileStore
from mqtui.ui.app import Console
from mqtui.ui.screens.home.profile_fields import (
    PLACES,
    FieldError,
    FormSource,
    kinds_in,
    option_fields,
    option_key,
    profile_fields,
    read_profile,
    url_forms,
)
from mqtui.ui.session.demo_brokers import BrokerEvent
from tests.ui.driver import at_console
from tests.ui.memory_shop import MemoryShop

HTTP_URLS = ("management", "schema.registry")

FULL = Profile(
    "prod",
    {
        BrokerKind.KAFKA: BrokerEndpoint(
            "kafka+ssl://svc@h:9093",
            {"sasl.mechanism": "SCRAM-SHA-512", "tls.ca": "/my ca.pem", "client.id": "ops 1"},
            {"tls.key-password": "command:pass show kafka", "ssl.key.password": "env:WORD"},
        ),
        BrokerKind.RABBITMQ: BrokerEndpoint("amqp://svc@h:5672/v", {"management": "http://h:15672"}),
        BrokerKind.REDIS: BrokerEndpoint("redis://h:6379", {"wait-ms": "700"}, {"password": "env:REDIS_WORD"}),
    },
    Environment.PROD,
    read_only=True,
    protected=True,
    secret="keyring",
    prefix="ops",
    dead_letters=("{origin}.dead",),
)


def held_of(profile: Profile) -> dict[str, str]:
    source = FormSource(profile)
    fields = profile_fields(source)
    urls = next(field.value for field in fields if field.key == "urls")
    return {field.key: field.value for field in (*fields, *option_fields(kinds_in(urls), source))}


def test_a_profile_goes_through_its_fields_unchanged() -> None:
    assert read_profile(held_of(FULL), FormSource(FULL)) == FULL


def test_arguments_of_a_command_are_not_shown() -> None:
    """They may hold a secret; where the field is left as it is they stay."""
    made = replace(FULL, secret="command:vault --token hunter2")
    assert "hunter2" not in str(held_of(made)) and "pass show" not in str(held_of(made))
    assert read_profile(held_of(made), FormSource(made)) == made
    assert read_profile({**held_of(made), "secret_in": "env:WORD"}, FormSource(made)).secret == "env:WORD"


@pytest.mark.parametrize("kind", list(BrokerKind))
def test_every_option_that_is_declared_can_be_given(kind: BrokerKind) -> None:
    """Those with a meaning have a field in their section with their values; each other one can be typed."""
    traits, source = traits_of(kind), FormSource()
    fields = {field.key: field for field in option_fields([kind], source)}
    for option in traits.options.options.values():
        if option.meaning:
            field = fields[option_key(kind, option.name)]
            assert field.section == f"{traits.title} › {option.section}"
            assert field.choices == (PLACES if option.kind is OptionKind.SECRET else option.choices)
        given = option.choices[0] if option.choices else "http://h:1" if option.name in HTTP_URLS else "1"
        value = "env:WORD" if option.kind is OptionKind.SECRET else given
        key = option_key(kind, option.name) if option.meaning else f"{kind}-others"
        base = {field.key: field.value for field in profile_fields(source)}
        held = {**base, "name": "x", "urls": traits.url.example, key: value if option.meaning else f"{option.name}=1"}
        if option.kind is OptionKind.SECRET:
            held[key] = value if option.meaning else f"{option.name}={value}"
        endpoint = read_profile(held, source).brokers[kind]
        assert option.name in {**endpoint.options, **endpoint.secrets}


def test_options_stand_by_section() -> None:
    for traits in all_traits():
        sections = [field.section for field in option_fields([traits.kind], FormSource())]
        assert sections == sorted(sections, key=sections.index), "a section stands once"
        assert any(section.endswith("› TLS") for section in sections)


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("redis-tls-verify", "perhaps", "tls.verify is yes or no"),
        ("redis-tls-key-password", "hunter2", "is secret"),
        ("redis-others", "nosuch=1", "has no option nosuch"),
        ("redis-others", "reply-ms", "has no value"),
        ("redis-others", "reply-ms='1", "quote"),
        ("secret_in", "hunter2", "where the secret is"),
        ("mode", "perhaps", "Mode"),
        ("urls", "redis://u:hunter2@h", "holds a password"),
    ],
)
def test_a_mistake_stands_under_its_field(key: str, text: str, words: str) -> None:
    held = {**held_of(Profile("x", {BrokerKind.REDIS: BrokerEndpoint("redis://h:6379")})), key: text}
    with pytest.raises(FieldError) as found:
        read_profile(held, FormSource())
    assert found.value.key == key
    assert words in found.value.cause.title
    assert "hunter2" not in f"{found.value} {found.value.cause!r}"


async def test_options_follow_the_urls_and_the_arrows_choose(shop: MemoryShop) -> None:
    async with at_console(shop.console(), (120, 60)) as user:
        await user.is_at("WelcomeScreen").presses("+").is_at("ProfileFormScreen").sees_no("sasl.mechanism")
        form = user.screen.query_one("Form")
        await user.then_calls(lambda: form.query_one("#field-urls").focus()).types("kafka://h:9092")
        await user.sees("Kafka › login", "sasl.mechanism", "Kafka › TLS")
        await user.then_calls(lambda: form.query_one("#field-kafka-sasl-mechanism").focus())
        await user.presses("down").sees("-o sasl.mechanism=PLAIN").presses("down").sees("=SCRAM-SHA-256")
        await user.presses("up").sees("-o sasl.mechanism=PLAIN")
        await user.then_calls(lambda: form.query_one("#field-urls").focus()).types(" redis://h:6379")
        await user.sees("Redis › writes", "sasl.mechanism=PLAIN")


async def test_without_a_keyring_a_variable_is_offered(shop: MemoryShop) -> None:
    """The form is filled with the way that works; saved it is only by another ctrl+r."""
    async with at_console(shop.console(), (120, 60)) as user:
        await user.is_at("WelcomeScreen").presses("+").is_at("ProfileFormScreen").types("mine")
        form = user.screen.query_one("Form")
        await user.then_calls(lambda: form.query_one("#field-urls").focus()).types("redis://u@h:6379")
        await user.then_calls(lambda: form.query_one("#field-password").focus()).types("hunter2").presses("ctrl+r")
        await user.sees("env:MQTUI_SECRET_MINE", "No keyring here")
        assert ProfileStore().list_profiles() == []
        await user.presses("ctrl+r").is_at("WelcomeScreen")
    (saved,) = ProfileStore().list_profiles()
    assert saved.secret == "env:MQTUI_SECRET_MINE"
    assert "hunter2" not in ProfileStore().path.read_text()


class MemoryKeyring(KeyringBackend):
    """A keyring that ends with the test."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.held: dict[str, str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get(username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[username] = password


@pytest.fixture
def memory_keyring() -> Iterator[MemoryKeyring]:
    before, made = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


async def test_a_secret_option_is_asked_for_when_it_is_saved(shop: MemoryShop, memory_keyring: MemoryKeyring) -> None:
    """Where its field says keyring and the keyring lacks it; what is typed is not shown, and esc saves nothing."""
    async with at_console(shop.console(), (120, 60)) as user:
        await user.is_at("WelcomeScreen").presses("+").is_at("ProfileFormScreen").types("mine")
        form = user.screen.query_one("Form")
        await user.then_calls(form.query_one("#field-urls").focus).types("kafka+ssl://h:9093")
        await user.sees("Kafka › TLS").then_calls(form.query_one("#field-kafka-tls-key-password").focus)
        await user.presses("down").sees("tls.key-password=keyring").presses("ctrl+r")
        await user.sees("kafka tls.key-password", "for the keyring").types("hunter2").sees_no("hunter2")
        await user.presses("esc").reads_in_prompt("nothing was saved")
        assert (ProfileStore().list_profiles(), memory_keyring.held) == ([], {})
        await user.presses("ctrl+r").sees("for the keyring").types("hunter2").presses("enter").is_at("WelcomeScreen")
    assert memory_keyring.held == {"mine/kafka/tls.key-password": "hunter2"}
    assert "hunter2" not in ProfileStore().path.read_text()


async def test_without_a_keyring_a_secret_option_gets_a_variable_too(shop: MemoryShop) -> None:
    async with at_console(shop.console(), (120, 60)) as user:
        await user.is_at("WelcomeScreen").presses("+").is_at("ProfileFormScreen").types("mine")
        form = user.screen.query_one("Form")
        await user.then_calls(form.query_one("#field-urls").focus).types("kafka+ssl://h:9093")
        await user.sees("Kafka › TLS").then_calls(form.query_one("#field-kafka-tls-key-password").focus)
        await user.presses("down").presses("ctrl+r").sees("=env:MQTUI_SECRET_MINE_KAFKA", "No keyring here")
        assert ProfileStore().list_profiles() == []


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("", "kafka[+ssl]://[user@]host:port"),
        ("redis+s", "redis[s]+sentinel://host:port[,host:port]/service/db"),
        ("kafka://h amqps://", "amqp[s]://user@host:port/vhost[?management=http://host:port]"),
    ],
)
def test_the_shape_of_a_url_is_said_while_it_is_typed(typed: str, shown: str) -> None:
    """Each form that is declared can be found, and none asks for a password."""
    assert url_forms(typed).startswith(shown)
    assert ":pass" not in url_forms(typed)


async def test_each_field_says_what_it_is_for(shop: MemoryShop) -> None:
    """Also on a narrow screen, where its hint is cut or covered; those with values say that the arrows choose."""
    async with at_console(shop.console(), (80, 24)) as user:
        await user.is_at("WelcomeScreen").presses("+").is_at("ProfileFormScreen").reads_in_prompt("ctrl+t tests")
        await user.presses("tab").reads_in_prompt("URLs: kafka[+ssl]://").types("rediss://h")
        await user.reads_in_prompt("URLs: redis[s]://[user@]host:port/db")
        for words in ("Environment: ↑ ↓ choose", "Mode: ↑ ↓ choose", "Password: ", "Secret in: ↑ ↓ choose"):
            await user.presses("tab").reads_in_prompt(words)
        for place in ("keyring", "env:", "command:"):
            await user.presses("down").sees(place)


async def test_the_test_says_which_step_failed(shop: MemoryShop) -> None:
    """On a narrow screen too, where nothing stands beside the form."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    for host, words in ((f"127.0.0.1:{port}", "name ✓  port ✗"), ("no-such-host.invalid:6379", "name ✗")):
        async with at_console(shop.console(), (80, 24)) as user:
            await user.is_at("WelcomeScreen").presses("+").is_at("ProfileFormScreen").types("mine")
            form = user.screen.query_one("Form")
            await user.then_calls(form.query_one("#field-urls").focus).types(f"redis://{host}")
            await user.presses("ctrl+t").reads_in_prompt(words, within=30)


async def test_import_offers_a_form_and_saves_nothing(shop: MemoryShop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTUI_REDIS", "redis://somewhere:6379/0")
    async with at_console(shop.console()) as user:
        await user.is_at("WelcomeScreen").moves_to("Import").presses("enter").is_at("ProfileFormScreen")
        await user.sees("environment", "redis://somewhere:6379").presses("esc").is_at("WelcomeScreen")
        assert ProfileStore().list_profiles() == []
        await user.presses("enter").is_at("ProfileFormScreen").presses("ctrl+r").is_at("WelcomeScreen")
    assert [profile.name for profile in ProfileStore().list_profiles()] == ["environment"]


def write_client_properties(folder: Path) -> Path:
    settings = ("bootstrap.servers=h:9093", "security.protocol=SASL_SSL", "sasl.username=ada", "sasl.password=hunter2")
    (folder / "client.properties").write_text("\n".join([*settings, "acks=all"]))
    return folder


async def test_the_file_of_another_client_is_offered(
    shop: MemoryShop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its form has what the file says; what has no use here is named, and its password is not shown."""
    monkeypatch.chdir(write_client_properties(tmp_path))
    async with at_console(shop.console(), (80, 24)) as user:
        await (
            user.is_at("WelcomeScreen")
            .sees("client.properties")
            .moves_to("Import")
            .presses("enter")
            .is_at("ProfileFormScreen")
        )
        await user.sees("kafka+ssl://ada@h:9093").sees_no("hunter2").reads_in_prompt("left out: acks")
        assert ProfileStore().list_profiles() == []


class TwoBrokers:
    """Brokers that are up at once."""

    name = "demo"

    async def events(self) -> AsyncIterator[BrokerEvent]:
        yield BrokerEvent(BrokerKind.KAFKA, url="kafka://demo:9092")
        yield BrokerEvent(BrokerKind.REDIS, url="redis://demo:6379")


async def test_home_has_the_running_demo_and_the_other_ways(shop: MemoryShop) -> None:
    shop.profiles()
    console = Console(adapters=shop.world.connect, demo=TwoBrokers)
    async with at_console(console) as user:
        await user.is_at("HomeScreen").moves_to("other ways").presses("enter").is_at("WelcomeScreen")
        await user.on_row("Try the demo").sees("Paste a URL", "Import").presses("enter").is_at("DestinationsScreen")
        await user.presses("0").is_at("HomeScreen").sees("prod-eu").moves_to("demo").sees("kafka, redis")
        await user.presses("D").reads_in_prompt("it is no profile")
        await user.presses("enter").is_at("DestinationsScreen")
        await user.presses("0").is_at("HomeScreen").moves_to("other ways").presses("enter").is_at("WelcomeScreen")
        await user.sees("it is running").presses("enter").is_at("DestinationsScreen")
        opened = console.sessions.broker_sessions
        assert {kind for target, kind in opened if target == "demo"} == {BrokerKind.KAFKA, BrokerKind.REDIS}
