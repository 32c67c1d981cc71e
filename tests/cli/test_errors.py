"""Trouble: no broker, no right, no room. A clear message and exit code, nothing lost, nothing half done."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.cli.broker_fixtures import BrokerFixture, BrokerFixtureOn, run_result
from tests.cli.command_line import Mqtui
from tests.contract.worlds import Letter

NOWHERE = ("kafka://127.0.0.1:1", "amqp://guest:guest@127.0.0.1:1", "redis://127.0.0.1:1/0")


@pytest.mark.parametrize("url", NOWHERE)
def test_an_unreachable_host(mqtui: Mqtui, url: str) -> None:
    began = monotonic()
    error = mqtui("peek", url, "x", "--json").fails(3).error()
    assert monotonic() - began < 25
    assert error["exit"] == 3
    assert "127.0.0.1:1" in f"{error['title']} {error['detail']}"
    assert mqtui("redrive", url, "x", "--yes").fails(3).out == b""


def test_no_such_host(mqtui: Mqtui) -> None:
    mqtui("ls", "redis://no-such-host.invalid/0").fails(3, "no-such-host.invalid")


def test_a_wrong_password(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    refused = mqtui("peek", f"amqp://guest:wrongword@127.0.0.1:{rabbitmq.port}/", "x").fails(3)
    assert "wrongword" not in refused.err
    with_api = rabbitmq.url.replace("guest:guest", "guest:wrongword")
    assert "wrongword" not in mqtui("ls", with_api).fails(3).err


@pytest.mark.parametrize(("kind", "scheme"), [("kafka", "kafka+ssl"), ("rabbitmq", "amqps"), ("redis", "rediss")])
def test_tls_to_a_port_without_it(mqtui: Mqtui, broker_on: BrokerFixtureOn, kind: str, scheme: str) -> None:
    broker = broker_on(kind)
    error = mqtui("peek", f"{scheme}://127.0.0.1:{broker.port}", "x", "--json").fails(3).error()
    assert "TLS" in f"{error['title']} {error['detail']} {error['hint']}"


def test_records_that_can_not_be_decoded(mqtui: Mqtui, broker: BrokerFixture) -> None:
    ref, target = broker.world.create("odd"), broker.world.create("to")
    values = [b"\xff\xfe{", b'{"broken": ', b"gAAAAABno-such-token", b"\x1f\x8b\x08broken", b""]
    letters = [Letter(fields=((b"value", value),)) if broker.redis else Letter(value) for value in values]
    broker.world.put(ref, letters)
    rows = mqtui("peek", broker.url, ref.name, "--from", "oldest", "--json").ok().rows()
    assert len(rows) == len(values)
    assert mqtui("dlq", broker.url, ref.name, "--json").ok().rows()[0]["letters"] == len(values)
    words = ("redrive", broker.url, ref.name, "--to", target.name, "--yes")
    told = mqtui(*words, "--where", ".nothing.there").ok()
    assert broker.redis or "the jq program failed" in told.text + told.err
    assert "0 of 0 moved" in told.text
    assert run_result(mqtui(*words, "--json").ok())["moved"] == len(values)
    assert [broker.body(letter) for letter in broker.world.contents(target)] == values


def test_a_jq_program_that_can_not_be_compiled(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    dlq, origin = rabbitmq.create_pair(1)
    mqtui("redrive", rabbitmq.url, dlq.name, "--where", ".a |", "--yes").fails(2, "jq")
    assert rabbitmq.numbers(origin) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder with room for 300 kB."""
    if os.geteuid() != 0:
        pytest.skip("a file system is mounted by root only")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_stops_a_run_before_anything_moves(
    mqtui: Mqtui, broker_on: BrokerFixtureOn, small_disk: Path
) -> None:
    for kind in ("redis", "rabbitmq"):
        broker = broker_on(kind)
        dlq, origin = broker.world.create("dead"), broker.world.create("home")
        large = os.urandom(500_000)
        letters = [Letter(fields=((b"value", large),)) if broker.redis else Letter(large) for _ in range(3)]
        broker.world.put(dlq, letters)
        mqtui.extra["MQTUI_STATE_DIR"] = str(small_disk / kind)
        done = mqtui("redrive", broker.url, dlq.name, "--to", origin.name, "--yes", "--json").fails(1)
        assert "No space left" in str(done.error())
        assert broker.world.contents(origin) == []
        assert [broker.body(letter) for letter in broker.world.contents(dlq)] == [large] * 3
        mqtui.extra["MQTUI_STATE_DIR"] = str(mqtui.folder / f"roomy-{kind}")
        again = mqtui("redrive", broker.url, dlq.name, "--to", origin.name, "--yes", "--json").ok()
        assert run_result(again)["moved"] == 3


def test_no_keyring_and_no_key_and_nothing_is_moved(mqtui: Mqtui, redis: BrokerFixture) -> None:
    dlq, origin = redis.create_pair(2)
    mqtui.extra["MQTUI_BUNDLE_KEY"] = "no key"
    refused = mqtui("redrive", redis.url, dlq.name, "--yes").fails(4, "Fernet")
    assert "no key" not in refused.err.replace("That is no key", "")
    assert redis.numbers(origin) == []
    assert redis.numbers(dlq) == [0, 1]


def test_a_folder_that_can_not_be_made(mqtui: Mqtui, redis: BrokerFixture, tmp_path: Path) -> None:
    dlq, origin = redis.create_pair(1)
    (tmp_path / "file").write_text("")
    mqtui.extra["MQTUI_STATE_DIR"] = str(tmp_path / "file" / "state")
    mqtui("redrive", redis.url, dlq.name, "--yes").fails(1, str(tmp_path / "file"))
    assert redis.numbers(origin) == []
