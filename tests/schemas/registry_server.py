"""A small schema registry over real HTTP, which keeps what clients register, and answers badly when told to."""

from __future__ import annotations

import base64
import json
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

Answer = tuple[int, Any]
NO_SCHEMA: Answer = (404, {"error_code": 40403, "message": "Schema not found"})
NO_SUBJECT: Answer = (404, {"error_code": 40401, "message": "Subject not found"})


@dataclass
class RegistryServer:
    """What is registered, and how the server answers. `mode` is one of ok, html, slow, trickle, broken, huge."""

    url: str = ""
    mode: str = "ok"
    password: str = ""
    token: str = ""
    subjects: dict[str, list[int]] = field(default_factory=dict)
    schemas: dict[int, dict[str, Any]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    level: str = "BACKWARD"
    descriptors: str = ""
    """What is sent as the schema where `format=serialized` is asked for; "" for its source."""

    verdict: tuple[bool, list[str]] = (True, [])
    stopped: threading.Event = field(default_factory=threading.Event)

    def register(self, subject: str, schema: object, kind: str = "AVRO", references: Any = ()) -> int:
        """Register a schema; its id. The same schema has the same id in every subject."""
        text = schema if isinstance(schema, str) else json.dumps(schema)
        return int(self._register(subject, {"schema": text, "schemaType": kind, "references": list(references)})["id"])

    def _register(self, subject: str, body: dict[str, Any]) -> dict[str, Any]:
        row = {"schema": body["schema"], "schemaType": body.get("schemaType", "AVRO")}
        row["references"] = body.get("references") or []
        known = next((number for number, each in self.schemas.items() if each == row), None)
        number = known or len(self.schemas) + 1
        self.schemas[number] = row
        versions = self.subjects.setdefault(subject, [])
        if number not in versions:
            versions.append(number)
        return {"id": number, "guid": str(guid(number)), "version": versions.index(number) + 1} | row

    def answer(self, method: str, path: str, body: Any) -> Answer:
        parts = [unquote(part) for part in path.strip("/").split("/")]
        self.asked[path] += 1
        match method, parts:
            case "GET", ["schemas", "ids", number]:
                row = self.schemas.get(int(number))
                return NO_SCHEMA if row is None else (200, row)
            case "GET", ["schemas", "guids", text]:
                found = next((each for number, each in self.schemas.items() if str(guid(number)) == text), None)
                return NO_SCHEMA if found is None else (200, found)
            case "GET", ["schemas", "ids", number, "versions"]:
                held = [(name, ids) for name, ids in self.subjects.items() if int(number) in ids]
                return 200, [{"subject": name, "version": ids.index(int(number)) + 1} for name, ids in held]
            case "GET", ["subjects"]:
                return 200, sorted(self.subjects)
            case "GET", ["subjects", name, "versions"]:
                ids = self.subjects.get(name)
                return NO_SUBJECT if ids is None else (200, list(range(1, len(ids) + 1)))
            case "GET", ["subjects", name, "versions", version]:
                return self._version(name, version)
            case "POST", ["subjects", name, "versions"]:
                if not self.verdict[0]:
                    return 409, {"error_code": 409, "message": "; ".join(self.verdict[1])}
                return 200, self._register(name, body)
            case "POST", ["subjects", name]:
                return self._lookup(name, body)
            case "POST", ["compatibility", "subjects", name, "versions", _]:
                if name not in self.subjects:
                    return NO_SUBJECT
                return 200, {"is_compatible": self.verdict[0], "messages": self.verdict[1]}
            case "GET", ["config", *_]:
                return 200, {"compatibilityLevel": self.level}
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def _version(self, name: str, version: str) -> Answer:
        ids = self.subjects.get(name)
        if ids is None:
            return NO_SUBJECT
        place = len(ids) if version == "latest" else int(version)
        if not 0 < place <= len(ids):
            return 404, {"error_code": 40402, "message": f"Version {version} not found"}
        number = ids[place - 1]
        return 200, {"subject": name, "version": place, "id": number} | self.schemas[number]

    def _lookup(self, name: str, body: Any) -> Answer:
        for place, number in enumerate(self.subjects.get(name, ())):
            row = self.schemas[number]
            if row["schema"] == body["schema"]:
                return 200, {"subject": name, "version": place + 1, "id": number, "guid": str(guid(number))} | row
        return NO_SCHEMA if name in self.subjects else NO_SUBJECT


def guid(number: int) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"schema {number}")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    registry: RegistryServer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self._answer("GET", None)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self._answer("POST", json.loads(self.rfile.read(length) or b"null"))

    def _answer(self, method: str, body: Any) -> None:
        registry, parts = self.registry, urlsplit(self.path)
        if registry.mode == "ok":
            status, row = registry.answer(method, parts.path, body) if self._let_in() else DENIED
            if registry.descriptors and parts.query == "format=serialized":
                row = row | {"schema": registry.descriptors}
            self._send(status, json.dumps(row).encode())
            return
        registry.asked[parts.path] += 1
        match registry.mode:
            case "html":
                self._send(200, b"<html><title>Sign in</title></html>", "text/html; charset=utf-8")
            case "broken":
                self._send(500, b'{"error_code": 50001, "message": "Error in the backend data store"}')
            case "slow":
                registry.stopped.wait(60)
            case "huge":
                self._send(200, b'{"schema":"' + b"x" * (17 * 1024 * 1024) + b'"}')
            case "trickle":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                while not registry.stopped.wait(0.2):
                    self.wfile.write(b" ")
                    self.wfile.flush()

    def _let_in(self) -> bool:
        given, registry = self.headers.get("Authorization", ""), self.registry
        if registry.token:
            return given == f"Bearer {registry.token}"
        wanted = base64.b64encode(f"reader:{registry.password}".encode()).decode()
        return not registry.password or given == f"Basic {wanted}"

    def _send(self, status: int, content: bytes, kind: str = "application/vnd.schemaregistry.v1+json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def handle(self) -> None:
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


DENIED: Answer = (401, {"error_code": 401, "message": "Unauthorized"})


@contextmanager
def running_registry(context: Any = None) -> Iterator[RegistryServer]:
    """A registry on a port of this machine; with an `ssl` context over TLS."""
    registry = RegistryServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"registry": registry}))
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    registry.url = f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        registry.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
