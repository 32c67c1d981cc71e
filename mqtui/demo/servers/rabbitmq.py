"""RabbitMQ: the machine's own rabbitmq-server as a private node.

The package's script is run, not the wrapper on the PATH (that one insists on the user ``rabbitmq``). With
``detached`` set the script becomes Erlang itself: one process to signal. The node gets its own epmd in the
foreground, cookie, folders and ports [measured on 2 cores: 5.7 s to the first answer].
"""

import base64
import http.client
import os
import re
import shutil
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mqtui.demo.servers.errors import RabbitMQMissing
from mqtui.demo.servers.ports import LOOPBACK, free_ports
from mqtui.demo.servers.server_spec import Process, ServerSpec

PLUGINS = ("rabbitmq_management", "rabbitmq_stream", "rabbitmq_shovel", "rabbitmq_shovel_management")
USER = PASSWORD = "guest"
_SCRIPTS = (
    "usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server",
    "usr/lib/rabbitmq/bin/rabbitmq-server",
    "opt/homebrew/opt/rabbitmq/sbin/rabbitmq-server",
    "usr/local/opt/rabbitmq/sbin/rabbitmq-server",
    "opt/rabbitmq/sbin/rabbitmq-server",
)
_EPMDS = ("usr/lib/erlang/bin/epmd", "usr/lib/erlang/erts-*/bin/epmd", "usr/lib64/erlang/bin/epmd")
_INSTALL = "apt-get install rabbitmq-server (Debian, Ubuntu), brew install rabbitmq (macOS), or docker compose up -d"


def find_script(root: Path = Path("/")) -> Path:
    """Return the newest package script of rabbitmq-server below ``root``, or the one on the PATH.

    Raises RabbitMQMissing where there is none.
    """
    for pattern in _SCRIPTS:
        if found := sorted(root.glob(pattern), key=_release):
            return found[-1]
    on_path = shutil.which("rabbitmq-server")
    if on_path and Path(on_path).resolve().name == "rabbitmq-server":
        return Path(on_path)
    raise RabbitMQMissing("rabbitmq-server is not installed", remedy=_INSTALL)


def find_epmd(path: str | None = None) -> str:
    """Return Erlang's port mapper. Raises RabbitMQMissing where there is none."""
    if found := shutil.which("epmd", path=path):
        return found
    for pattern in _EPMDS:
        if matches := sorted(Path("/").glob(pattern), key=_release):
            return str(matches[-1])
    raise RabbitMQMissing("epmd, Erlang's port mapper, is not installed", remedy=_INSTALL)


def _release(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]


def server_spec(
    name: str,
    folder: Path,
    *,
    config: Sequence[str] = (),
    script: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> ServerSpec:
    """Write a node's files into ``folder``, a new one, and return how it is started.

    ``config`` are further lines of rabbitmq.conf. ``script`` and ``env`` run another release than the machine's:
    its sbin/rabbitmq-server, and variables over the environment (a PATH with its Erlang first).
    """
    chosen = script or find_script()
    amqp, management, stream, distribution, mapper = free_ports(5)
    ports = {
        "amqp": amqp,
        "management": management,
        "stream": stream,
        "distribution": distribution,
        "epmd": mapper,
    }
    for place in (folder, folder / "home", folder / "data", folder / "logs"):
        place.mkdir()
    _write_configuration(folder, ports, config)
    outside = {key: value for key, value in os.environ.items() if not key.startswith(("RABBITMQ_", "ERL_", "NOTIFY"))}
    outside |= env or {}
    whole = outside | _environment(folder, ports)
    beside = Process(
        name=f"{name}-epmd",
        argv=(find_epmd(outside.get("PATH")), "-port", str(mapper), "-address", LOOPBACK),
        env=outside,
        cwd=folder,
        log=folder / "epmd.log",
    )
    main = Process(name=name, argv=(str(chosen),), env=whole, cwd=folder, log=folder / "rabbitmq.log")
    url = f"amqp://{USER}:{PASSWORD}@{LOOPBACK}:{amqp}/?management=http://{LOOPBACK}:{management}"
    return ServerSpec(name, url, ports, main, lambda: answers(amqp, management), beside=(beside,))


def answers(amqp: int, management: int) -> bool:
    """Say whether AMQP opens a connection and the management API gives its overview."""
    return _amqp_answers(amqp) and _management_answers(management)


def _amqp_answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection((LOOPBACK, port), 0.5) as client:
        client.settimeout(1.0)
        client.sendall(b"AMQP\x00\x00\x09\x01")
        return client.recv(1) == b"\x01"  # a method frame: Connection.Start
    return False


def _management_answers(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=1.0)
    token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    try:
        connection.request("GET", "/api/overview", headers={"Authorization": f"Basic {token}"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _write_configuration(folder: Path, ports: Mapping[str, int], config: Sequence[str]) -> None:
    lines = [
        f"listeners.tcp.1 = {LOOPBACK}:{ports['amqp']}",
        f"management.tcp.ip = {LOOPBACK}",
        f"management.tcp.port = {ports['management']}",
        f"stream.listeners.tcp.1 = {LOOPBACK}:{ports['stream']}",
        f"stream.advertised_host = {LOOPBACK}",
        f"stream.advertised_port = {ports['stream']}",
        "disk_free_limit.absolute = 1MB",
        "log.console = true",
        "log.console.level = warning",
        "log.file = false",
        *config,
    ]
    (folder / "rabbitmq.conf").write_text("\n".join([*lines, ""]), encoding="utf-8")
    (folder / "enabled_plugins").write_text(f"[{','.join(PLUGINS)}].\n", encoding="utf-8")


def _environment(folder: Path, ports: Mapping[str, int]) -> dict[str, str]:
    return {
        "HOME": str(folder / "home"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_NODENAME": f"mqtui-{ports['amqp']}@localhost",
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "logs"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_DIST_PORT": str(ports["distribution"]),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "-noinput -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}"
        ),
        "ERL_EPMD_PORT": str(ports["epmd"]),
        "ERL_EPMD_ADDRESS": LOOPBACK,
        "detached": "1",
    }
