"""A small schema registry for the demo, with the part of Confluent's API that reads, registers and compares names.

It needs no download and lives in the shop's process. It checks no compatibility: `mqtui demo --registry` starts a real
one.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from mqtui.demo.shop.schemas import descriptors

_LOOPBACK = "127.0.0.1"
_MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"
_NOT_FOUND = 404, {"error_code": 404, "message": "HTTP 404 Not Found"}
_NO_SUBJECT = 404, {"error_code": 40401, "message": "Subject not found."}
_NO_VERSION = 404, {"error_code": 40402, "message": "Version not found."}
_NO_SCHEMA = 404, {"error_code": 40403, "message": "Schema not found"}

Answer = tuple[int, Any]
Row = dict[str, Any]


def start_stand_in() -> str:
    """Serve an empty registry on this machine until the process ends; its URL."""
    handler = type("Handler", (_Handler,), {"registry": Registry()})
    server = ThreadingHTTPServer((_LOOPBACK, 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="registry", daemon=True).start()
    return f"http://{_LOOPBACK}:{server.server_port}"


class Registry:
    """Schemas by id from 1 on, and the ids of each subject's versions."""

    def __init__(self) -> None:
        self._schemas: list[Row] = []
        self._subjects: dict[str, list[int]] = {}
        self._door = threading.Lock()

    def answer(self, method: str, path: str, body: Row) -> Answer:
        """Answer a request: status and JSON."""
        parts = urlsplit(path)
        serialized = parse_qs(parts.query).get("format") == ["serialized"]
        with self._door:
            match method, [unquote(part) for part in parts.path.strip("/").split("/")]:
                case "GET", ["schemas", "ids", number] if number.isdecimal():
                    return self._by_id(int(number), serialized=serialized)
                case "GET", ["schemas", "ids", number, "versions"] if number.isdecimal():
                    return 200, self._versions_of(int(number))
                case "GET", ["subjects"]:
                    return 200, sorted(self._subjects)
                case "GET", ["subjects", name, "versions"]:
                    return (200, [*range(1, len(ids) + 1)]) if (ids := self._subjects.get(name)) else _NO_SUBJECT
                case "GET", ["subjects", name, "versions", version]:
                    return self._version(name, version, serialized=serialized)
                case "POST", ["subjects", name, "versions"]:
                    return 200, {"id": self._register(name, body)}
                case "POST", ["subjects", name]:
                    return self._find(name, body)
                case "GET", ["config", *_]:
                    return 200, {"compatibilityLevel": "NONE"}
                case "GET", ["subjects", _, "versions", _, "referencedby"]:
                    return 200, []
        return _NOT_FOUND

    def _register(self, name: str, body: Row) -> int:
        row = {"schema": body.get("schema", ""), "schemaType": body.get("schemaType", "AVRO")}
        if row not in self._schemas:
            self._schemas.append(row)
        number, ids = self._schemas.index(row) + 1, self._subjects.setdefault(name, [])
        if number not in ids:
            ids.append(number)
        return number

    def _by_id(self, number: int, *, serialized: bool) -> Answer:
        if not 0 < number <= len(self._schemas):
            return _NO_SCHEMA
        row = self._schemas[number - 1]
        text = descriptors().get(row["schema"], row["schema"]) if serialized else row["schema"]
        return 200, row | {"schema": text}

    def _versions_of(self, number: int) -> list[Row]:
        held = ((name, ids) for name, ids in self._subjects.items() if number in ids)
        return [{"subject": name, "version": ids.index(number) + 1} for name, ids in held]

    def _version(self, name: str, version: str, *, serialized: bool) -> Answer:
        ids = self._subjects.get(name)
        if ids is None:
            return _NO_SUBJECT
        place = len(ids) if version == "latest" else int(version) if version.isdecimal() else 0
        if not 0 < place <= len(ids):
            return _NO_VERSION
        _, row = self._by_id(ids[place - 1], serialized=serialized)
        return 200, {"subject": name, "version": place, "id": ids[place - 1]} | row

    def _find(self, name: str, body: Row) -> Answer:
        for place, number in enumerate(self._subjects.get(name, ()), 1):
            row = self._schemas[number - 1]
            if row["schema"] == body.get("schema"):
                return 200, {"subject": name, "version": place, "id": number} | row
        return _NO_SCHEMA


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: ClassVar[Registry]

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        try:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        except ValueError:
            body = {}
        self._answer(body if isinstance(body, dict) else {})

    def log_message(self, *_: object) -> None:
        """Say nothing: stderr is the shop's log."""

    def _answer(self, body: Row) -> None:
        status, answer = self.registry.answer(self.command, self.path, body)
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", _MEDIA_TYPE)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
