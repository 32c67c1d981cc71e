"""docker-compose.yml offers the same brokers as those that mqtui starts by itself."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from mqtui.demo.servers import KINDS, compose, external_brokers, kafka

FILE = Path(__file__).parents[2] / "docker-compose.yml"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]
    return services


def test_every_broker_is_there_and_nothing_else(services: dict[str, Any]) -> None:
    assert set(services) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_images_have_the_versions_of_the_code(services: dict[str, Any], kind: str) -> None:
    assert services[kind]["image"] == compose.IMAGES[kind]


def test_kafka_has_the_version_that_is_downloaded() -> None:
    assert compose.IMAGES["kafka"].endswith(f":{kafka.KAFKA_VERSION}")
    assert any(coordinate.endswith(f":{kafka.KAFKA_VERSION}") for coordinate in kafka.COORDINATES)


@pytest.mark.parametrize("kind", KINDS)
def test_ports_are_published_on_the_loopback_address_alone(services: dict[str, Any], kind: str) -> None:
    assert services[kind]["ports"] == [f"127.0.0.1:{port}:{port}" for port in compose.PORTS[kind]]


@pytest.mark.parametrize("kind", KINDS)
def test_the_urls_lead_to_the_published_ports(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(external_brokers.VARIABLES[kind], compose.URLS[kind])
    assert external_brokers.external_url(kind) == compose.URLS[kind]
    for port in compose.PORTS[kind][:2]:
        assert f":{port}" in compose.URLS[kind]
    assert compose.URLS[kind] in FILE.read_text(encoding="utf-8")


def test_rabbitmq_enables_the_same_plugins(services: dict[str, Any]) -> None:
    words = services["rabbitmq"]["command"][-1].split()
    enabled = words[words.index("--offline") + 1 : words.index("&&")]
    assert sorted(enabled) == sorted(compose.ENABLED)


def test_kafka_has_the_same_settings(services: dict[str, Any]) -> None:
    environment = services["kafka"]["environment"]
    spelled = {f"KAFKA_{key.upper().replace('.', '_')}": value for key, value in kafka.SETTINGS.items()}
    assert {key: environment.get(key) for key in spelled} == spelled


@pytest.mark.parametrize("kind", KINDS)
def test_each_broker_tells_when_it_is_ready(services: dict[str, Any], kind: str) -> None:
    assert services[kind]["healthcheck"]["test"]
