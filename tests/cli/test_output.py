"""What a terminal, a pipe and a script see."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys

from tests.cli.driver import Mqtui
from tests.cli.grounds import Ground


def test_ascii_only(mqtui: Mqtui, kafka: Ground) -> None:
    dlq, _ = kafka.pair(1)
    told = mqtui("--ascii", "redrive", kafka.url, dlq.name, "--dry-run").ok()
    assert told.out.isascii()
    assert "~ 1" in told.text
    refused = mqtui("--ascii", "redrive", kafka.url, dlq.name).refused(4)
    assert refused.err.isascii()


def test_a_terminal_without_utf8(mqtui: Mqtui, kafka: Ground) -> None:
    dlq, _ = kafka.pair(1)
    mqtui.extra |= {"PYTHONIOENCODING": "ascii"}
    assert mqtui("redrive", kafka.url, dlq.name, "--dry-run").ok().out.isascii()
    assert mqtui("redrive", kafka.url, dlq.name).refused(4).err.isascii()


def test_a_reader_that_goes_away(mqtui: Mqtui, redis: Ground) -> None:
    ref, _ = redis.pair(300)
    for words in (("ls", redis.url), ("peek", redis.url, ref.name, "-n", "300", "--json")):
        reader, writer = os.pipe()
        os.close(reader)
        argv = [sys.executable, "-m", "mqtui", *words]
        done = subprocess.run(argv, env=mqtui.environment(), stdout=writer, stderr=subprocess.PIPE, check=False)
        os.close(writer)
        assert done.returncode == 0, done.stderr
        assert done.stderr == b""


def test_json_carries_nothing_else_on_stdout(mqtui: Mqtui, rabbitmq: Ground) -> None:
    dlq, _ = rabbitmq.pair(2)
    url = rabbitmq.url
    done = mqtui("peek", url, dlq.name, "--json").ok()
    assert len(done.rows()) == 2
    assert "price" in done.err
    refused = mqtui("redrive", url, dlq.name, "--json").refused(4)
    assert [list(row) for row in refused.rows()] == [["plan"]]
    assert refused.error()["exit"] == 4


def test_ctrl_c_ends_a_watch(mqtui: Mqtui, redis: Ground) -> None:
    ref, _ = redis.pair(1)
    redis.world.consume(ref, "workers", 1)
    heard = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    running = mqtui.start("lag", redis.url, "--watch", "--json", preexec_fn=heard)
    assert running.stdout is not None
    assert running.stdout.readline()
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=20)
    assert running.returncode == 130
    assert b"Traceback" not in err
