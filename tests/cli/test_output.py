"""What a terminal, a pipe and a script see."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys

import pytest

from tests.cli.broker_fixtures import BrokerFixture
from tests.cli.command_line import Mqtui


def test_ascii_only(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    dlq, _ = kafka.create_pair(1)
    told = mqtui("--ascii", "redrive", kafka.url, dlq.name, "--dry-run").ok()
    assert told.out.isascii()
    assert "~ 1" in told.text
    refused = mqtui("--ascii", "redrive", kafka.url, dlq.name).fails(4)
    assert refused.err.isascii()


def test_a_terminal_without_utf8(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    dlq, _ = kafka.create_pair(1)
    mqtui.extra |= {"PYTHONIOENCODING": "ascii"}
    assert mqtui("redrive", kafka.url, dlq.name, "--dry-run").ok().out.isascii()
    assert mqtui("redrive", kafka.url, dlq.name).fails(4).err.isascii()


def test_a_reader_that_goes_away(mqtui: Mqtui, redis: BrokerFixture) -> None:
    ref, _ = redis.create_pair(300)
    for words in (("ls", redis.url), ("peek", redis.url, ref.name, "-n", "300", "--json")):
        reader, writer = os.pipe()
        os.close(reader)
        argv = [sys.executable, "-m", "mqtui", *words]
        done = subprocess.run(argv, env=mqtui.environment(), stdout=writer, stderr=subprocess.PIPE, check=False)
        os.close(writer)
        assert done.returncode == 0, done.stderr
        assert done.stderr == b""


def test_json_carries_nothing_else_on_stdout(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    dlq, _ = rabbitmq.create_pair(2)
    url = rabbitmq.url
    done = mqtui("peek", url, dlq.name, "--json").ok()
    assert len(done.rows()) == 2
    assert "price" in done.err
    refused = mqtui("redrive", url, dlq.name, "--json").fails(4)
    assert [list(row) for row in refused.rows()] == [["plan"]]
    assert refused.error()["exit"] == 4


def test_ctrl_c_ends_a_watch(mqtui: Mqtui, redis: BrokerFixture) -> None:
    ref, _ = redis.create_pair(1)
    redis.world.consume(ref, "workers", 1)
    heard = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    running = mqtui.start("lag", redis.url, "--watch", "--json", preexec_fn=heard)
    assert running.stdout is not None
    assert running.stdout.readline()
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert b"Traceback" not in err


@pytest.mark.parametrize("words", ["--version", "--help", "runs"])
def test_a_stdout_that_is_closed_or_full_is_one_line(mqtui: Mqtui, words: str) -> None:
    command = f"{sys.executable} -m mqtui {words}"
    for into in (">&-", "> /dev/full"):
        told = subprocess.run(
            ["/bin/sh", "-c", f"{command} {into}"], env=mqtui.environment(), capture_output=True, text=True, check=False
        )
        assert told.returncode == 1
        assert told.stderr.count("\n") == 1
        assert "can't be written" in told.stderr


def test_a_closed_stderr_takes_nothing_of_a_broker(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    """The descriptor is not given to a connection, into which a client library would then write its log."""
    ref = kafka.world.create("to")
    command = f"{sys.executable} -m mqtui publish '{kafka.url}' {ref.name} --value x --yes"
    told = subprocess.run(
        ["/bin/sh", "-c", f"{command} 2>&-"], env=mqtui.environment(), capture_output=True, text=True, check=False
    )
    assert (told.returncode, "published 1 of 1" in told.stdout) == (0, True)


def test_a_full_stdout_of_json_is_one_line(mqtui: Mqtui, redis: BrokerFixture) -> None:
    ref = redis.world.create("to")
    command = f"{sys.executable} -m mqtui publish '{redis.url}' {ref.name} --value x --dry-run --json > /dev/full"
    told = subprocess.run(
        ["/bin/sh", "-c", command], env=mqtui.environment(), capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert "can't be written" in told.stderr
