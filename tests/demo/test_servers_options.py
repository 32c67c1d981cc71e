"""Servers that differ: ACLs and passwords on Kafka, passwords, users and clusters on Redis, other programs."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from confluent_kafka import KafkaException, Producer
from redis.cluster import RedisCluster

from mqtui.demo.servers import RabbitMQMissing, Servers
from mqtui.demo.servers.rabbitmq import find_script
from mqtui.demo.servers.redis import find_valkey

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with Servers() as running:
        yield running


def delivered(producer: Producer, topic: str) -> str:
    """Send one record and return the name of its error, or an empty text."""
    told: list[str] = []
    producer.produce(topic, b"x", on_delivery=lambda error, _: told.append(error.name() if error else ""))
    assert producer.flush(30) == 0
    return told[0]


def test_kafka_with_users_refuses_who_has_no_right(servers: Servers) -> None:
    rights = ["super.users=User:ANONYMOUS;User:bob"]
    url = servers.start_kafka("guarded", sasl_users={"bob": "pw", "eve": "pw"}, config=rights)
    plain = Producer({"bootstrap.servers": urlsplit(url).netloc})

    def producer(user: str, password: str) -> Producer:
        return Producer(
            {
                "bootstrap.servers": f"127.0.0.1:{servers.ports('guarded')['sasl']}",
                "security.protocol": "SASL_PLAINTEXT",
                "sasl.mechanism": "PLAIN",
                "sasl.username": user,
                "sasl.password": password,
                "message.timeout.ms": 20000,
            }
        )

    assert delivered(plain, "orders") == ""
    assert delivered(producer("bob", "pw"), "orders") == ""
    assert delivered(producer("eve", "pw"), "orders") == "TOPIC_AUTHORIZATION_FAILED"
    with pytest.raises(KafkaException, match="_TRANSPORT"):
        producer("bob", "wrong").list_topics(timeout=2)
    servers.discard("guarded")


def test_redis_with_a_password_and_users(servers: Servers) -> None:
    url = servers.start_redis("locked", config=["requirepass secret@1", "user alice on >pw ~orders* +xadd"])
    assert url.startswith("redis://:secret%401@127.0.0.1:")
    with redis.Redis.from_url(url) as client:
        assert client.ping() is True
    port = servers.ports("locked")["redis"]
    with redis.Redis(port=port, username="alice", password="pw") as alice:
        assert alice.xadd("orders", {"a": "1"})
        with pytest.raises(redis.exceptions.NoPermissionError):
            alice.get("orders")
    servers.discard("locked")


def test_a_redis_cluster_of_one_owns_every_slot(servers: Servers) -> None:
    url = servers.start_redis("cluster", config=["cluster-enabled yes"])
    with RedisCluster.from_url(url.removesuffix("/0")) as client:
        assert client.set("{a}", "1") is True
        assert client.cluster_info(target_nodes=client.get_random_node())["cluster_slots_assigned"] == "16384"
    servers.restart("cluster")
    with RedisCluster.from_url(url.removesuffix("/0")) as client:
        assert client.get("{a}") == b"1"
    servers.discard("cluster")


def test_a_redis_replica_follows_its_primary(servers: Servers) -> None:
    primary = servers.start_redis("primary")
    replica = servers.start_redis("replica", config=[f"replicaof 127.0.0.1 {servers.ports('primary')['redis']}"])
    with redis.Redis.from_url(primary) as client:
        client.set("a", "1")
        assert client.wait(1, 10_000) == 1
    with redis.Redis.from_url(replica) as client:
        assert client.get("a") == b"1"
    servers.discard("replica")
    servers.discard("primary")


def test_the_server_of_the_wheel_is_used_where_redis_is_missing(servers: Servers) -> None:
    url = servers.start_redis("valkey", server=find_valkey())
    with redis.Redis.from_url(url) as client:
        assert client.info("server")["server_name"] == "valkey"
        assert client.xadd("s", {"a": "1"})
    servers.restart("valkey")
    with redis.Redis.from_url(url) as client:
        assert client.xlen("s") == 1
    servers.discard("valkey")


def test_a_machine_without_rabbitmq_is_told_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RabbitMQMissing) as missing:
        find_script(tmp_path)
    assert "apt-get install rabbitmq-server" in missing.value.remedy


def test_the_newest_of_several_rabbitmqs_is_run(tmp_path: Path) -> None:
    for release in ("3.9.1", "3.10.8"):
        script = tmp_path / f"usr/lib/rabbitmq/lib/rabbitmq_server-{release}/sbin/rabbitmq-server"
        script.parent.mkdir(parents=True)
        script.touch()
    assert "3.10.8" in str(find_script(tmp_path))
