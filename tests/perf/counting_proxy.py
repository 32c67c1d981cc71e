"""A TCP proxy that counts what a client asks of a server: requests by name, connections, bytes of the answers."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

KAFKA_APIS = {
    0: "Produce",
    1: "Fetch",
    2: "ListOffsets",
    3: "Metadata",
    8: "OffsetCommit",
    9: "OffsetFetch",
    10: "FindCoordinator",
    15: "DescribeGroups",
    16: "ListGroups",
    17: "SaslHandshake",
    18: "ApiVersions",
    32: "DescribeConfigs",
    60: "DescribeCluster",
    69: "ConsumerGroupDescribe",
    71: "GetTelemetrySubscriptions",
    75: "DescribeTopicPartitions",
    77: "ShareGroupDescribe",
    90: "DescribeShareGroupOffsets",
}

CountRequests = Callable[[bytearray], Iterator[str]]
"""Takes whole requests off the front of what a client sent, and names each."""


def kafka_requests(sent: bytearray) -> Iterator[str]:
    """Frames of Kafka's protocol: a length, then the number of the API."""
    while len(sent) >= 6 and len(sent) >= 4 + (size := int.from_bytes(sent[:4], "big")):
        api = int.from_bytes(sent[4:6], "big")
        del sent[: 4 + size]
        yield KAFKA_APIS.get(api, f"API {api}")


def http_requests(sent: bytearray) -> Iterator[str]:
    """Requests without a body, as a reader of an HTTP API sends them: method and path."""
    while (end := sent.find(b"\r\n\r\n")) >= 0:
        method, path = bytes(sent[:end]).split(b" ", 2)[:2]
        del sent[: end + 4]
        yield f"{method.decode()} {path.partition(b'?')[0].decode()}"


def amqp_methods(sent: bytearray) -> Iterator[str]:
    """Method frames of AMQP 0-9-1 behind the protocol's greeting: class and method."""
    if sent[:4] == b"AMQP" and len(sent) >= 8:
        del sent[:8]
    while len(sent) >= 7 and len(sent) >= 8 + (size := int.from_bytes(sent[3:7], "big")):
        kind, method = sent[0], (int.from_bytes(sent[7:9], "big"), int.from_bytes(sent[9:11], "big"))
        del sent[: 8 + size]
        if kind == 1:
            yield f"{method[0]}.{method[1]}"


@dataclass(slots=True)
class Seen:
    """What passed since the last `take`."""

    requests: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    answered: int = 0
    """Bytes that the server sent."""


class CountingProxy:
    """Listens on a port of this machine, its own or a given one, and hands everything on to the server."""

    def __init__(self, server: tuple[str, int], count: CountRequests, port: int = 0) -> None:
        self._server = server
        self._count = count
        self._lock = threading.Lock()
        self._seen = Seen()
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, name="counting-proxy", daemon=True).start()

    def take(self) -> Seen:
        """What passed since the last call."""
        with self._lock:
            seen, self._seen = self._seen, Seen()
        return seen

    def close(self) -> None:
        """Close every connection."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._lock:
            still_open = list(self._open)
        for each in still_open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._server)
            except OSError:
                client.close()
                continue
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._seen.connections += 1
                self._open |= {client, server}
            for way in (self._forward, self._back):
                threading.Thread(target=way, args=(client, server), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        sent = bytearray()
        for part in _parts(client, server):
            sent += part
            with self._lock:
                self._seen.requests.update(self._count(sent))

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        for part in _parts(server, client):
            with self._lock:
                self._seen.answered += len(part)
        with self._lock:
            self._open -= {client, server}
        client.close()
        server.close()


def _parts(source: socket.socket, target: socket.socket) -> Iterator[bytes]:
    """What one side says, once the other has it; until either is gone, which is told to both."""
    try:
        while part := source.recv(1 << 16):
            target.sendall(part)
            yield part
    except OSError:
        pass
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
