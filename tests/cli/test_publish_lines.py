"""`publish --jsonl`: what ends it early says first what is stored, and from which line to go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from random import Random

import pytest

from mqtui.domain.resource import BrokerKind
from tests.cli.broker_fixtures import BrokerFixture, wait_until
from tests.cli.command_line import Mqtui


def lines(count: int, broken: int = 0) -> bytes:
    """Numbered lines from 1; the broken one is no JSON."""
    made = [json.dumps({"value": str(number)}) for number in range(1, count + 1)]
    if broken:
        made[broken - 1] = '{"value":'
    return "\n".join(made).encode() + b"\n"


def stored(broker: BrokerFixture, name: str) -> list[int]:
    return sorted(int(broker.body(letter)) for letter in broker.world.contents(broker.world.ref(name)))


def test_a_file_is_checked_whole_before_the_first_message_leaves(
    mqtui: Mqtui, broker: BrokerFixture, tmp_path: Path
) -> None:
    ref = broker.world.create("to")
    file = tmp_path / "lines"
    file.write_bytes(lines(5_002, broken=5_001))
    words = ("publish", broker.url, ref.name, "--jsonl")
    for how in (("--yes",), ("--dry-run",)):
        mqtui(*words, "--file", file, *how).fails(2, "Line 5001 is not JSON")
    mqtui(*words, file, "--yes").fails(2, "Line 5001 is not JSON")
    with file.open("rb") as source:
        running = mqtui.start(*words, "-", "--yes", stdin=source)
        assert b"Line 5001 is not JSON" in running.communicate(timeout=60)[1]
        assert running.returncode == 2
    assert stored(broker, ref.name) == []
    mqtui(*words, "--file", file, "--yes", "--from-line", 5_003).fails(2, "no line 5,003")
    file.write_bytes(lines(7))
    done = mqtui(*words, "--file", file, "--yes", "--from-line", 6, "--json").ok()
    assert (done.rows()[0]["plan"]["count"], done.rows()[-1]["published"]) == (2, 2)
    assert stored(broker, ref.name) == [6, 7]


def test_a_pipe_that_breaks_says_what_is_stored_and_where_to_go_on(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    ref = kafka.world.create("to")
    words = ("publish", kafka.url, ref.name, "--jsonl", "-", "--yes")
    done = mqtui(*words, given=lines(5_250, broken=5_201)).fails(1, "Line 5201 is not JSON", "--from-line 5201")
    assert "published 5,200 of 5,200" in done.text
    assert "unchecked" in done.text
    assert stored(kafka, ref.name) == list(range(1, 5_201))
    assert mqtui("audit", "--json").ok().rows()[-1]["ending"] == "5200 stored; failed: Line 5201 is not JSON"
    mqtui(*words, "--from-line", 5_201, given=lines(5_250)).ok()
    assert stored(kafka, ref.name) == list(range(1, 5_251))


def test_the_result_as_json_has_counts_line_and_reason(mqtui: Mqtui, redis: BrokerFixture) -> None:
    ref = redis.world.create("to")
    words = ("publish", redis.url, ref.name, "--jsonl", "-", "--yes", "--json")
    done = mqtui(*words, given=lines(8, broken=7)).fails(1)
    told = {"published": 6, "refused": 0, "unknown": 0, "next_line": 7, "reason": "Line 7 is not JSON"}
    assert done.rows()[-1] == told
    assert "--from-line 7" in done.error()["hint"]
    assert [row["line"] for row in done.rows()[1:-1]] == [1, 2, 3, 4, 5, 6]
    nothing = mqtui(*words, given=lines(1, broken=1)).fails(2)
    assert len(nothing.rows()) == 1


@pytest.mark.parametrize("kind", ["kafka", "rabbitmq"])
def test_a_line_the_broker_refuses_is_named_and_the_others_are_stored(
    mqtui: Mqtui, kind: str, request: pytest.FixtureRequest
) -> None:
    broker: BrokerFixture = request.getfixturevalue(kind)
    bad: dict[str, object]
    if broker.kind is BrokerKind.KAFKA:
        ref, bad, words = broker.create_small_topic(2_000), {"value": Random(1).randbytes(9_000).hex()}, "large"
    else:
        ref, bad = broker.world.create("to"), {"value": "2", "properties": {"user_id": "nobody"}}
        words = "PRECONDITION_FAILED"
    given = "\n".join(json.dumps(line) for line in ({"value": "1"}, bad, {"value": "3"})).encode()
    done = mqtui("publish", broker.url, ref.name, "--jsonl", "-", "--yes", given=given).fails(1, "line 2 refused")
    assert words.lower() in done.err.lower()
    assert "published 2 of 3" in done.text
    assert stored(broker, ref.name) == [1, 3]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_says_what_is_stored_and_where_to_go_on(
    mqtui: Mqtui, broker: BrokerFixture, number: signal.Signals
) -> None:
    ref = broker.world.create("to")
    words = ("publish", broker.url, ref.name, "--jsonl", "-", "--yes")
    running = mqtui.start(*words, stdin=subprocess.PIPE)
    assert running.stdin is not None
    running.stdin.write(lines(7))
    running.stdin.flush()
    wait_until(lambda: broker.world.depth(ref) >= 7)
    running.send_signal(number)
    running.wait(10)
    out, err = running.communicate()
    assert (running.returncode, b"published 7 of 7" in out) == (1, True), err
    assert b"--from-line 8" in err
    assert stored(broker, ref.name) == list(range(1, 8))
    assert mqtui("audit", "--json").ok().rows()[-1]["ending"] == "7 stored; stopped"


def test_a_rate_is_interrupted_between_two_lines(mqtui: Mqtui, redis: BrokerFixture) -> None:
    ref = redis.world.create("to")
    running = mqtui.start("publish", redis.url, ref.name, "--jsonl", "-", "--rate", 5, "--yes", stdin=subprocess.PIPE)
    assert running.stdin is not None
    running.stdin.write(lines(100))
    running.stdin.close()
    running.stdin = None
    wait_until(lambda: redis.world.depth(ref) >= 5)
    running.send_signal(signal.SIGTERM)
    _, err = running.communicate(timeout=10)
    done = stored(redis, ref.name)
    assert done == list(range(1, len(done) + 1))
    assert f"--from-line {len(done) + 1}" in err.decode()


def test_partition_and_timestamp_are_kept_where_that_is_asked_for(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    ref = kafka.world.create("to", partitions=3)
    time = 1_795_475_111_000
    given = json.dumps({"value": "1", "partition": 2, "timestamp": time}).encode() + b"\n"
    words = ("publish", kafka.url, ref.name, "--jsonl", "-", "--yes")
    mqtui(*words, "--keep", "partition,timestamp", given=given * 2).ok()
    rows = mqtui("peek", kafka.url, ref.name, "--json").ok().rows()
    assert [(row["partition"], row["timestamp"]) for row in rows] == [(2, time)] * 2
    done = mqtui(*words, "--keep", "partition", given=given * 2).ok()
    assert done.err.count("--keep timestamp") == 1
    assert "--keep partition" not in done.err
    mqtui(*words, "--keep", "offset", given=given).fails(2, "partition and timestamp")
    wrong = json.dumps({"value": "1", "partition": "two"}).encode()
    mqtui(*words, "--keep", "partition", given=wrong).fails(2, "Line 1, `partition`")
    assert "not kept" not in mqtui(*words, given=b'{"value":"1","partition":null}').ok().err


def test_an_id_is_said_to_be_given_anew(mqtui: Mqtui, redis: BrokerFixture) -> None:
    ref = redis.world.create("to")
    given = b'{"fields":[["a","b"]],"id":"7-1"}\n'
    words = ("publish", redis.url, ref.name, "--jsonl", "-", "--yes")
    assert mqtui(*words, given=given * 3).ok().err.count("`id`") == 1
    mqtui(*words, "--keep", "partition", given=given).fails(2, "--keep means nothing on redis")
    mqtui("publish", redis.url, ref.name, "--value", "x", "--from-line", 2, "--yes").fails(2, "--jsonl")


def test_a_long_line_and_one_without_end(mqtui: Mqtui, redis: BrokerFixture) -> None:
    ref = redis.world.create("to")
    given = b"\n\n" + json.dumps({"value": "9" * 3_000_000}).encode() + b"\r\n" + b'{"value":"7"}'
    done = mqtui("publish", redis.url, ref.name, "--jsonl", "-", "--yes", given=given).ok()
    assert "published 2 of 2" in done.text
    assert [len(redis.body(letter)) for letter in redis.world.contents(ref)] == [3_000_000, 1]


def test_what_has_no_end_is_sent_as_it_comes(mqtui: Mqtui, redis: BrokerFixture, tmp_path: Path) -> None:
    ref = redis.world.create("to")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    running = mqtui.start("publish", redis.url, ref.name, "--jsonl", "--file", fifo, "--yes")
    with fifo.open("wb", buffering=0) as sink:
        sink.write(lines(1))
        wait_until(lambda: redis.world.depth(ref) == 1)
        sink.write(b'{"value":"2"}')
    running.communicate(timeout=20)
    assert running.returncode == 0
    assert stored(redis, ref.name) == [1, 2]
