"""Connections in the files of other clients: what their settings amount to, and what is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from mqtui.brokers.kafka import client_files
from mqtui.brokers.registry import all_traits
from mqtui.brokers.traits import ImportedUrl
from mqtui.domain.errors import BadInput
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.url import parse_url

KCAT = r"""
# production
bootstrap.servers=b1.eu:9093,b2.eu:9093
security.protocol=SASL_SSL
sasl.mechanisms=SCRAM-SHA-512
sasl.username=svc@shop
sasl.password=hunter2
ssl.ca.location=/etc/ssl/shop ca.pem
group.id=mine
"""
JAVA = """
bootstrap.servers = PLAINTEXT://b1:9092, \\
    b2:9092
sasl.mechanism: SCRAM-SHA-256
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="ada" password="a b;c";
key.serializer=org.apache.kafka.common.serialization.StringSerializer
ssl.truststore.location=/trust.jks
"""


def read(tmp_path: Path, text: str) -> ImportedUrl:
    path = tmp_path / "client.properties"
    path.write_text(text)
    return client_files.read(path)


def test_a_file_of_kcat(tmp_path: Path) -> None:
    found = read(tmp_path, KCAT)
    address, had_password = parse_url(found.url)
    assert (address.kind, address.tls, address.user, address.secret) == (BrokerKind.KAFKA, True, "svc@shop", "hunter2")
    assert address.hosts == (("b1.eu", 9093), ("b2.eu", 9093))
    assert address.options == {"sasl.mechanism": "SCRAM-SHA-512", "tls.ca": "/etc/ssl/shop ca.pem"}
    assert (had_password, found.left_out) == (True, ("group.id",))
    assert "hunter2" not in repr(found)


def test_a_properties_file_of_java(tmp_path: Path) -> None:
    """Continued lines, a login in the JAAS text; a truststore of Java's is no PEM file."""
    found = read(tmp_path, JAVA)
    address, _ = parse_url(found.url)
    assert address.hosts == (("b1", 9092), ("b2", 9092))
    assert (address.tls, address.user, address.secret) == (False, "ada", "a b;c")
    assert address.options == {"sasl.mechanism": "SCRAM-SHA-256"}
    assert found.left_out == ("key.serializer", "ssl.truststore.location")


@pytest.mark.parametrize("text", ["", "# nothing\n", "bootstrap.servers=\n", "\x00\xff=1"])
def test_a_file_without_a_broker_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput) as found:
        read(tmp_path, text)
    assert "names no broker" in found.value.title


def test_files_are_found_where_those_clients_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KCAT_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    assert client_files.find() == []
    (tmp_path / ".config").mkdir()
    for path in (tmp_path / ".config" / "kcat.conf", tmp_path / "client.properties"):
        path.write_text(KCAT)
    declared = [path for traits in all_traits() for path in traits.client_files.find()]
    assert [path.name for path in declared] == ["kcat.conf", "client.properties"]
