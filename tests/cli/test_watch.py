"""`mqtui watch`: what is wrong on a real broker is told, mutes hold between processes, cron sees exit codes."""

from __future__ import annotations

import json
import re
import shlex
import signal
from pathlib import Path
from time import monotonic, sleep
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text
from redis import Redis

from mqtui.domain.alert import Condition
from tests.cli.broker_fixtures import BrokerFixture
from tests.cli.command_line import Mqtui

NOBODY = "redis://127.0.0.1:1"
METRICS = re.compile(r"metrics on (http://127\.0\.0\.1:\d+/metrics)")


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return tmp_path / "rules.toml"


def watch_only(rules: Path, *own: str) -> None:
    """These rules, and none of the usual ones: other tests leave things on the broker too."""
    off = [f'when = "{condition}"\noff = true' for condition in Condition]
    rules.write_text("".join(f"[[alert]]\n{rule}\n" for rule in (*own, *off)))


def test_two_looks_for_cron(mqtui: Mqtui, redis: BrokerFixture, rules: Path, tmp_path: Path) -> None:
    dlq, _ = redis.create_pair(3)
    watch_only(rules, f'when = "letters"\non = "{dlq.name}"\nover = 2\nowner = "anna"')
    taken = tmp_path / "taken"
    once = (
        "watch",
        redis.url,
        "--once",
        "--rules",
        rules,
        "--exec",
        f"sh -c {shlex.quote(f'cat >> {taken}')}",
        "--json",
    )
    first = mqtui(*once)
    assert first.code == 1, first.err
    (row,) = first.rows()
    assert (row["alert"], row["place"], row["owner"]) == (f"letters:{dlq.name}", str(dlq), "anna")
    assert (row["state"], row["evidence"][:14]) == ("raised", "3 dead letters")
    mqtui("watch", "--mute", row["alert"], "1h").ok()
    assert mqtui(*once).ok().rows() == []
    mqtui("watch", "--unmute", row["alert"]).ok()
    mqtui("watch", "--unmute", row["alert"]).fails(1, "is not muted")
    with Redis.from_url(redis.url) as client:
        client.delete(dlq.name)
    (over,) = mqtui(*once).ok().rows()
    assert (over["state"], over["id"]) == ("cleared", row["id"])
    told = [json.loads(line) for line in taken.read_text().splitlines()]
    assert [(each["state"], each["id"]) for each in told] == [("raised", row["id"]), ("cleared", row["id"])]


def test_it_watches_and_serves_metrics_until_it_is_interrupted(mqtui: Mqtui, redis: BrokerFixture, rules: Path) -> None:
    dlq, _ = redis.create_pair(2)
    watch_only(rules, f'when = "letters"\non = "{dlq.name}"')
    process = mqtui.start("watch", redis.url, "--rules", rules, "--metrics", 0)
    try:
        assert process.stdout is not None and process.stderr is not None
        found = METRICS.search(process.stderr.readline().decode())
        assert found is not None
        assert f"dead letters in {dlq.name}" in process.stdout.readline().decode()
        until = monotonic() + 30
        values: list[float] = []
        while not values and monotonic() < until:
            sleep(0.05)
            with urlopen(found[1], timeout=20) as answer:
                families = list(parse_text(answer.read().decode()))
            samples = [each for family in families for each in family.samples if each.name == "mqtui_dead_letters"]
            values = [each.value for each in samples if each.labels["destination"] == dlq.name]
        assert values == [2]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130


def test_a_broker_that_is_away_is_an_alert(mqtui: Mqtui, rules: Path) -> None:
    away = mqtui("watch", NOBODY, "--once").fails(1, f"✗ {NOBODY}")
    assert f"{NOBODY}: the broker can't be asked" in away.text
    watch_only(rules)
    unwatched = mqtui("watch", NOBODY, "--once", "--rules", rules).fails(3, f"✗ {NOBODY}")
    assert unwatched.text.startswith("✓ ") and len(unwatched.text.splitlines()) == 1


def test_what_cannot_be_meant_is_refused(mqtui: Mqtui, rules: Path) -> None:
    mqtui("watch").fails(2, "There is nothing to watch")
    rules.write_text('[[alert]]\nwhen = "lag"\nover = "many"\n')
    mqtui("watch", NOBODY, "--rules", rules).fails(2, f"{rules}, line 3, alert[0].over")
    mqtui("watch", NOBODY, "--metrics", "x").fails(2, "That is no [HOST:]PORT")
    mqtui("watch", NOBODY, "--once", "--metrics", "0").fails(2, "leave --once out")
    mqtui("watch", NOBODY, "--webhook", "ftp://h").fails(2, "That is no webhook")
    mqtui("watch", "--mute", "letters:x", "soon").fails(2, "Not a duration")
