"""Redrives that go elsewhere, are refused in part, are planned before, or meet another one."""

from __future__ import annotations

import getpass
import json
import signal
from pathlib import Path
from random import Random

import pytest

from tests.cli.broker_fixtures import (
    OURS,
    BrokerFixture,
    BrokerFixtureOn,
    add_profile,
    broker_fixture_of,
    run_result,
    wait_until,
)
from tests.cli.command_line import Mqtui
from tests.contract.worlds import Letter


@pytest.mark.parametrize(("source", "target"), [("kafka", "redis"), ("rabbitmq", "kafka"), ("redis", "rabbitmq")])
def test_letters_cross_to_another_broker(mqtui: Mqtui, broker_on: BrokerFixtureOn, source: str, target: str) -> None:
    one, other = broker_on(source), broker_on(target)
    dlq, origin = one.create_pair(3)
    ref = other.world.create("over")
    mqtui("redrive", one.url, dlq.name, "--to-target", other.url, "--yes").fails(2, "--to")
    words = ("redrive", one.url, dlq.name, "--to", ref.name, "--to-target", other.url)
    dry = mqtui(*words, "--dry-run", "--json").ok().rows()
    assert [row["plan"]["verb"] for row in dry] == ["publish", "redrive"]
    assert dry[0]["plan"]["broker"] == target
    assert dry[1]["plan"]["guarantee"]["strength"] == "at least once"
    assert one.count_unhandled(mqtui, dlq) == 3
    *plans, told = mqtui(*words, "--yes", "--json").ok().rows()
    assert [{**row["plan"], "id": ""} for row in plans] == [{**row["plan"], "id": ""} for row in dry]
    assert {row["plan"]["id"] for row in plans} == {told["run"]}
    assert (told["moved"], told["duplicates_suspected"]) == (3, 0)
    assert other.numbers(ref) == [0, 1, 2]
    assert one.count_unhandled(mqtui, dlq) == 0
    assert one.numbers(origin) == []
    begun = [row for row in mqtui("audit", "--json").ok().rows() if row["event"] == "begin"]
    assert {row["run"] for row in begun} == {told["run"]}
    assert sorted(row["verb"] for row in begun) == ["publish", "redrive"]
    back = mqtui("runs", "putback", told["run"], "--yes", "--json")
    assert run_result(back.ok())["moved"] == 3
    assert one.count_unhandled(mqtui, dlq) == 3


def test_a_letter_that_is_too_large_stays(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    dlq, _ = kafka.create_pair(2)
    small = kafka.create_small_topic(1_500)
    kafka.world.put(dlq, [Letter(b'{"number": 9, "pad": "%b"}' % Random(1).randbytes(5_000).hex().encode())])
    done = mqtui("redrive", kafka.url, dlq.name, "--to", small.name, "--yes", "--json")
    assert done.code in (1, 4), done.err
    if done.code == 4:
        risk = done.rows()[0]["plan"]["risks"]
        named = [risk["name"] for risk in risk if risk["severity"] == "refuse"]
        done = mqtui(
            "redrive",
            kafka.url,
            dlq.name,
            "--to",
            small.name,
            "--yes",
            "--json",
            *(f"--allow={name}" for name in named),
        )
        assert done.code == 1, done.err
    told = run_result(done)
    assert (told["planned"], told["moved"], told["refused"]) == (3, 2, 1)
    assert kafka.numbers(small) == [0, 1]
    assert kafka.count_unhandled(mqtui, dlq) == 1
    rows = mqtui("runs", "show", told["run"], "--json").ok().rows()
    (refused,) = [row for row in rows if row.get("outcome") == "refused"]
    assert "large" in refused["reason"].lower()


def test_a_letter_that_no_queue_takes_stays(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    dlq, _ = rabbitmq.create_pair(2)
    before = rabbitmq.world.contents(dlq)
    done = mqtui("redrive", rabbitmq.url, dlq.name, "--to", "x:amq.direct", "--yes", "--json")
    if done.code == 4:
        named = [risk["name"] for risk in done.rows()[0]["plan"]["risks"] if risk["severity"] == "refuse"]
        allowed = [f"--allow={name}" for name in named]
        done = mqtui("redrive", rabbitmq.url, dlq.name, "--to", "x:amq.direct", "--yes", "--json", *allowed)
    assert done.code == 1, done.err
    told = run_result(done)
    assert (told["planned"], told["moved"], told["refused"]) == (2, 0, 2)
    assert rabbitmq.world.contents(dlq) == before


def test_a_saved_plan_is_the_one_that_runs(mqtui: Mqtui, redis: BrokerFixture, tmp_path: Path) -> None:
    broker = redis
    dlq, origin = broker.create_pair(3)
    file = tmp_path / "plan.json"
    words = ("redrive", broker.url, dlq.name, "--plan", file)
    plan = mqtui(*words, "--dry-run", "--json").ok().rows()[0]["plan"]
    saved = json.loads(file.read_text())
    assert {**saved, "terms": None, "format": None} == {**plan, "terms": None, "format": None}
    mqtui(*words, "--limit", 1, "--yes").fails(4, "not the one that was saved", "limit: none was saved, 1 it is now")
    mqtui(*words, "--rate", 5, "--yes").fails(4, "rate: none was saved, 5.0 it is now")
    mqtui(*words, "--canary", 1, "--dry-run").fails(4, "canary")
    other = broker.world.create("other")
    mqtui(*words, "--to", other.name, "--yes").fails(4, "to: none was saved")
    add_profile(mqtui, broker, "shop")
    mqtui("redrive", "shop", dlq.name, "--plan", file, "--yes").fails(4, "profile")
    assert broker.numbers(origin) == []
    assert json.loads(file.read_text()) == saved
    mqtui(*words, "--dry-run").ok()
    file.write_text(json.dumps(plan))
    mqtui(*words, "--yes").fails(4, "another version")
    file.write_text(json.dumps(saved))
    assert run_result(mqtui(*words, "--yes", "--json").ok())["moved"] == 3
    file.write_text("no plan")
    mqtui(*words, "--yes").fails(2, "holds no plan")
    mqtui("redrive", broker.url, dlq.name, "--plan", tmp_path / "gone.json", "--yes").fails(2, "gone.json")


def test_a_saved_plan_is_of_one_broker(mqtui: Mqtui, tmp_path: Path, redis: BrokerFixture) -> None:
    """C81: another database has streams of the same names; an id of the stream is no name of the broker."""
    file = tmp_path / "plan.json"
    dlq, _ = redis.create_pair(3)
    words = (dlq.name, "--plan", file)
    other = broker_fixture_of(
        redis.kind, redis.url.rpartition("/")[0] + "/7" if redis.url.count("/") > 2 else f"{redis.url}/7"
    )
    for ref in (dlq, redis.world.ref(redis.world.prefix)):
        other.world.put(ref, [redis.dead_letter(1, dlq)])
    mqtui("redrive", redis.url, *words, "--to", redis.world.create("to").name, "--dry-run").ok()
    done = mqtui("redrive", other.url, *words, "--to", redis.world.prefix, "--yes")
    other.world.leave()
    done.fails(4, "broker")


def test_two_redrives_of_one_topic_at_once(mqtui: Mqtui, kafka: BrokerFixture, tmp_path: Path) -> None:
    dlq, origin = kafka.create_pair(600)
    first = mqtui.start("redrive", kafka.url, dlq.name, "--rate", 3, "--yes", "--json")
    wait_until(lambda: kafka.world.depth(origin) > 0)
    colleague = Mqtui(tmp_path / "colleague", mqtui.bundle_key)
    colleague.folder.mkdir()
    held = colleague("redrive", kafka.url, dlq.name, "--yes").fails(4)
    assert getpass.getuser() in held.err
    assert "--take-over" in held.err
    told = run_result(colleague("redrive", kafka.url, dlq.name, "--take-over", "--yes", "--json").ok())
    out, err = first.communicate(timeout=60)
    assert first.returncode == 4, err
    assert b"Traceback" not in err
    assert sorted(kafka.numbers(origin)) == list(range(600))
    lost = json.loads(out.splitlines()[-1])
    assert lost["moved"] + told["moved"] == 600
    assert b"held by another run" in err


@pytest.mark.parametrize("kind", ["rabbitmq", "redis"])
def test_two_redrives_at_once_share_the_letters(
    mqtui: Mqtui, broker_on: BrokerFixtureOn, kind: str, tmp_path: Path
) -> None:
    broker = broker_on(kind)
    dlq, origin = broker.world.create("dead"), broker.world.create("home")
    broker.world.put(dlq, [broker.dead_letter(number, origin) for number in range(60)])
    words = ("redrive", broker.url, dlq.name, "--to", origin.name, "--yes", "--json")
    first = mqtui.start(*words, "--rate", 20)
    wait_until(lambda: broker.world.depth(origin) > 0)
    colleague = Mqtui(tmp_path / "colleague", mqtui.bundle_key)
    colleague.folder.mkdir()
    second = colleague(*words, *(("--yes-shared",) if kind == "rabbitmq" else ()))
    out, err = first.communicate(timeout=60)
    assert b"Traceback" not in err
    assert sorted(broker.numbers(origin)) == list(range(60))
    assert run_result(second)["moved"] + json.loads(out.splitlines()[-1])["moved"] == 60


@pytest.mark.parametrize(
    ("kind", "number"), [("kafka", signal.SIGINT), ("rabbitmq", signal.SIGTERM), ("redis", signal.SIGINT)]
)
def test_a_run_that_is_asked_to_stop_finishes_its_hand(
    mqtui: Mqtui, broker_on: BrokerFixtureOn, kind: str, number: signal.Signals
) -> None:
    broker = broker_on(kind)
    dlq, origin = broker.create_pair(30)
    running = mqtui.start("redrive", broker.url, dlq.name, "--rate", 5, "--yes", "--json")
    wait_until(lambda: broker.world.depth(origin) > 0)
    running.send_signal(number)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 1, err
    assert b"mqtui runs resume" in err
    told = json.loads(out.splitlines()[-1])
    assert 0 < told["moved"] < 30
    assert told["moved"] + told["left"] == 30
    assert broker.numbers(origin) == list(range(told["moved"]))
    assert broker.count_unhandled(mqtui, dlq) == told["left"]
    (run,) = mqtui("runs", "--json").ok().rows()
    assert run["state"] == "stopped"
    mqtui("runs", "resume", "--yes").fails(1, f"{run['short']} (stopped)")
    assert run_result(mqtui("runs", "resume", told["run"], "--yes", "--json").ok())["moved"] == 30
    assert broker.numbers(origin) == list(range(30))


def test_our_headers_of_an_earlier_run_are_replaced(mqtui: Mqtui, kafka: BrokerFixture) -> None:
    dlq, origin = kafka.create_pair(1)
    mqtui("redrive", kafka.url, dlq.name, "--yes").ok()
    again = kafka.world.create("again")
    mqtui("redrive", kafka.url, origin.name, "--to", again.name, "--yes").ok()
    (letter,) = kafka.world.contents(again)
    names = [name for name, _ in letter.headers]
    assert sorted(name for name in names if name.startswith("x-mqtui")) == sorted(OURS)
    told = dict(letter.headers)
    assert told["x-mqtui-count"] == b"2"
    assert json.loads(told["x-mqtui-origin"] or b"")["resource"] == dlq.name
