"""Three real brokers side by side: they answer, can be killed, and come back with their data."""

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pika
import pytest
import redis
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from mqtui.demo.servers import KINDS, BorrowedServer, Progress, ServerFailed, Servers
from mqtui.demo.servers.external_brokers import VARIABLES
from tests.demo.processes import until

pytestmark = pytest.mark.timeout(240)  # the first run of a machine downloads Kafka


class Running:
    """The three servers of this file, what was told meanwhile, and when each came (seconds after the start)."""

    def __init__(self, servers: Servers, told: list[Progress]) -> None:
        self.servers, self.told = servers, told
        self.urls: dict[str, str] = {}
        self.order: list[str] = []
        began = time.monotonic()
        for arrival in servers.start_each():
            assert arrival.trouble is None, arrival
            self.urls[arrival.kind] = str(arrival.url)
            self.order.append(arrival.kind)
        self.seconds = time.monotonic() - began


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    told: list[Progress] = []
    with pytest.MonkeyPatch.context() as patch:
        for variable in VARIABLES.values():
            patch.delenv(variable, raising=False)
        with Servers(progress=told.append) as servers:
            yield Running(servers, told)


def bootstrap(url: str) -> str:
    return urlsplit(url).netloc


def send(url: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap(url), "acks": "all"})
    failures: list[object] = []
    producer.produce(topic, value, on_delivery=lambda error, _: failures.append(error))
    assert producer.flush(30) == 0
    assert failures == [None]


def read(url: str, topic: str) -> object:
    consumer = Consumer(
        {"bootstrap.servers": bootstrap(url), "group.id": "servers-test", "auto.offset.reset": "earliest"}
    )
    try:
        consumer.subscribe([topic])
        message = consumer.poll(30)
        assert message is not None
        assert message.error() is None
        return message.value()
    finally:
        consumer.close()


def test_the_quick_one_is_there_first(running: Running) -> None:
    assert running.order[0] == "redis"
    assert sorted(running.order) == sorted(KINDS)


@pytest.mark.perf
def test_all_are_ready_in_time(running: Running) -> None:
    if not any(progress.stage in ("downloading", "waiting", "preparing") for progress in running.told):
        assert running.seconds < 15


def test_each_tells_that_it_starts_and_that_it_is_ready(running: Running) -> None:
    for kind in KINDS:
        stages = [progress.stage for progress in running.told if progress.server == kind]
        assert stages[-2:] == ["starting", "ready"]


def test_kafka_answers_and_creates_topics_that_are_written_to(running: Running) -> None:
    send(running.urls["kafka"], "servers.created", b"one")
    assert read(running.urls["kafka"], "servers.created") == b"one"


def test_rabbitmq_answers_on_amqp_management_and_streams(running: Running) -> None:
    url = running.urls["rabbitmq"]
    with pika.BlockingConnection(pika.URLParameters(url.partition("?")[0])) as connection:
        channel = connection.channel()
        channel.queue_declare("servers.stream", durable=True, arguments={"x-queue-type": "stream"})
        channel.queue_delete("servers.stream")
    management = url.partition("management=")[2]
    shovels = httpx2.get(f"{management}/api/shovels", auth=("guest", "guest"))
    assert shovels.status_code == 200
    assert shovels.json() == []


def test_redis_answers(running: Running) -> None:
    with redis.Redis.from_url(running.urls["redis"]) as client:
        assert client.ping() is True


def test_kafka_killed_comes_back_with_its_records(running: Running) -> None:
    send(running.urls["kafka"], "servers.kept", b"kept")
    running.servers.kill("kafka")
    running.servers.restart("kafka")
    assert read(running.urls["kafka"], "servers.kept") == b"kept"


def test_rabbitmq_killed_comes_back_with_its_messages(running: Running) -> None:
    parameters = pika.URLParameters(running.urls["rabbitmq"].partition("?")[0])
    with pika.BlockingConnection(parameters) as connection:
        connection.channel().queue_declare("servers.kept", durable=True)
    running.servers.stop("rabbitmq")  # the broker writes a new queue's name to disk when it likes
    running.servers.restart("rabbitmq")
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", "servers.kept", b"kept", pika.BasicProperties(delivery_mode=2), mandatory=True)
    running.servers.kill("rabbitmq")
    running.servers.restart("rabbitmq")
    with pika.BlockingConnection(parameters) as connection:
        body: object = connection.channel().basic_get("servers.kept", auto_ack=True)[2]
    assert body == b"kept"


def test_redis_killed_or_stopped_comes_back_with_its_entries(running: Running) -> None:
    for end in (running.servers.kill, running.servers.stop):
        with redis.Redis.from_url(running.urls["redis"]) as client:
            client.xadd("servers.kept", {"by": end.__name__})
        end("redis")
        running.servers.restart("redis")
    with redis.Redis.from_url(running.urls["redis"]) as client:
        assert client.xlen("servers.kept") == 2


def is_silent(client: redis.Redis) -> bool:
    try:
        client.ping()
    except redis.TimeoutError:
        return True
    return False


def test_a_paused_server_is_silent_and_goes_on_after(running: Running) -> None:
    """The supervisor sends the signal: the server may still answer once after `pause`."""
    with redis.Redis.from_url(running.urls["redis"], socket_timeout=0.3, retry=None) as client:
        running.servers.pause("redis")
        try:
            until(lambda: is_silent(client), 5, "silence")
            assert is_silent(client)
        finally:
            running.servers.resume("redis")
        until(client.ping, 5, "an answer after the pause")
        assert client.ping() is True


def test_two_kafka_nodes_are_two_clusters(running: Running) -> None:
    second = running.servers.start_kafka("second", config=["message.max.bytes=2000000"])
    admins = [AdminClient({"bootstrap.servers": bootstrap(url)}) for url in (running.urls["kafka"], second)]
    clusters = {admin.describe_cluster().result(30).cluster_id for admin in admins}
    running.servers.discard("second")
    assert len(clusters) == 2


def test_a_name_is_taken_once_and_free_after_discard(running: Running) -> None:
    first = running.servers.start_redis("mine")
    with pytest.raises(ValueError, match="mine already"):
        running.servers.start_redis("mine")
    running.servers.discard("mine")
    assert not (running.servers.folder / "mine").exists()
    assert running.servers.start_redis("mine") != first
    running.servers.discard("mine")
    with pytest.raises(KeyError):
        running.servers.stop("mine")


def test_a_server_that_dies_at_once_tells_what_it_said(running: Running) -> None:
    with pytest.raises(ServerFailed, match="nonsense"):
        running.servers.start_redis("broken", config=["nonsense yes"])
    with pytest.raises(KeyError):
        running.servers.url("broken")


def test_a_borrowed_server_is_left_alone(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTUI_REDIS", running.urls["redis"])
    with Servers() as servers:
        assert servers.start_redis() == servers.url("redis") == running.urls["redis"]
        with pytest.raises(BorrowedServer):
            servers.kill("redis")
        own = servers.start_redis("own")
        assert own != running.urls["redis"]
    with redis.Redis.from_url(running.urls["redis"]) as client:
        assert client.ping() is True
