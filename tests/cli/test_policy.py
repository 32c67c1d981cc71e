"""Read-only and protected profiles, and who is asked."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from time import monotonic

from tests.cli.broker_fixtures import BrokerFixture, RedisDeadLetters, add_profile
from tests.cli.command_line import Mqtui

GROUP = "workers"


def writes(broker: BrokerFixture, dlq: str, home: str) -> list[tuple[str, ...]]:
    """Every verb that writes, as it would be called."""
    listed: list[tuple[str, ...]] = [
        ("publish", "{}", home, "--value", "x"),
        ("redrive", "{}", dlq),
        ("discard", "{}", dlq),
    ]
    if broker.redis:
        listed += [
            ("claim", "{}", dlq, GROUP, "--to", "alive", "--min-idle", "0s", "--all"),
            ("ack", "{}", dlq, GROUP, "--all"),
            ("offsets", "{}", GROUP, dlq, "--to", "oldest"),
        ]
    return listed


def test_a_read_only_profile_writes_nothing(mqtui: Mqtui, broker: BrokerFixture) -> None:
    dlq, origin = broker.create_pair(3)
    if isinstance(broker.world, RedisDeadLetters):
        broker.world.strand(dlq, GROUP, "dead", 2)
    add_profile(mqtui, broker, "looking", "--read-only")
    before = broker.world.fingerprint(), broker.world.contents(dlq), broker.world.contents(origin)
    for words in writes(broker, dlq.name, origin.name):
        named = [word.replace("{}", "looking") for word in words]
        mqtui(*named, "--yes", "--confirm", "looking").fails(4, "read-only")
    mqtui("redrive", "looking", dlq.name, "--dry-run").fails(4, "read-only")
    mqtui("dlq", "looking", dlq.name).ok()
    assert (broker.world.fingerprint(), broker.world.contents(dlq), broker.world.contents(origin)) == before
    entries = mqtui("audit", "--json").ok().rows()
    assert {row["verb"] for row in entries if row["profile"] == "looking"} <= {"spend"}


def test_a_run_of_a_profile_that_became_read_only_is_not_put_back(mqtui: Mqtui, redis: BrokerFixture) -> None:
    dlq, origin = redis.create_pair(2)
    add_profile(mqtui, redis, "later")
    run = mqtui("redrive", "later", dlq.name, "--yes", "--json").ok().rows()[-1]["run"]
    mqtui("profile", "remove", "later", "--confirm", "later").ok()
    add_profile(mqtui, redis, "later", "--read-only")
    mqtui("runs", "putback", run, "--yes").fails(4, "read-only")
    assert redis.count_unhandled(mqtui, dlq) == 0
    assert redis.numbers(origin) == [0, 1]


def test_a_protected_profile_wants_its_name(mqtui: Mqtui, redis: BrokerFixture) -> None:
    dlq, origin = redis.create_pair(2)
    add_profile(mqtui, redis, "prod", "--protected", "--environment", "prod")
    for words in (("--yes",), ("--yes", "--confirm", "production"), ()):
        refused = mqtui("redrive", "prod", dlq.name, *words).fails(4, "prod is protected", "--confirm prod")
        assert dlq.name in refused.text
    assert redis.numbers(origin) == []
    mqtui("publish", "prod", origin.name, "--value", "x", "--yes").fails(4, "prod is protected")
    assert mqtui("redrive", "prod", dlq.name, "--confirm", "prod", "--json").ok().rows()[-1]["moved"] == 2


def test_a_paid_look_at_a_protected_profile_wants_its_price_agreed(mqtui: Mqtui, rabbitmq: BrokerFixture) -> None:
    ref = rabbitmq.create_quorum_queue(limit=3)
    name = ref.name
    rabbitmq.world.put(ref, [rabbitmq.dead_letter(1, ref)])
    add_profile(mqtui, rabbitmq, "prod", "--protected")
    mqtui("peek", "prod", name).fails(4, "--yes-spend")
    assert len(mqtui("peek", "prod", name, "--yes-spend", "--json").ok().rows()) == 1
    add_profile(mqtui, rabbitmq, "looking", "--read-only")
    mqtui("peek", "looking", name, "--yes-spend").fails(4, "read-only")
    add_profile(mqtui, rabbitmq, "spending", "--read-only", options=[("allow", "spend")])
    mqtui("peek", "spending", name, "--yes-spend").fails(4, "the profile looking is read-only")
    for other in ("looking", "prod"):
        mqtui("profile", "remove", other, "--confirm", other).ok()
    assert len(mqtui("peek", "spending", name, "--json").ok().rows()) == 1


def test_without_a_terminal_a_write_prints_its_plan_and_is_refused(mqtui: Mqtui, broker: BrokerFixture) -> None:
    dlq, origin = broker.create_pair(2)
    refused = mqtui("redrive", broker.url, dlq.name).fails(4, "--yes")
    assert dlq.name in refused.text
    assert broker.numbers(origin) == []


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, mqtui: Mqtui, *words: object) -> None:
        self._end, inner = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mqtui", *map(str, words)],
            env=mqtui.environment(),
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
        )
        os.close(inner)
        self.shown = ""

    def wait_for(self, text: str, seconds: float = 20) -> None:
        """Read until the screen shows a text."""
        deadline = monotonic() + seconds
        while text not in self.shown:
            assert monotonic() < deadline, self.shown
            if select.select([self._end], [], [], 0.1)[0]:
                self.shown += os.read(self._end, 65536).decode()

    def type(self, text: str) -> None:
        os.write(self._end, text.encode())

    def interrupt(self, seconds: float = 30) -> None:
        """Press ctrl+c until it is over: readline loses the one that comes before it listens."""
        deadline = monotonic() + seconds
        while monotonic() < deadline:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(0.5)
                return
            except subprocess.TimeoutExpired:
                continue

    def end(self) -> int:
        """The exit code."""
        code = self.process.wait(30)
        os.close(self._end)
        return code


def test_on_a_terminal_the_plan_is_asked_for(mqtui: Mqtui, redis: BrokerFixture) -> None:
    dlq, origin = redis.create_pair(2)
    no = Terminal(mqtui, "redrive", redis.url, dlq.name)
    no.wait_for("Do it?")
    assert dlq.name in no.shown
    no.type("n\n")
    assert no.end() == 4
    assert redis.numbers(origin) == []
    yes = Terminal(mqtui, "redrive", redis.url, dlq.name)
    yes.wait_for("Do it?")
    yes.type("y\n")
    yes.wait_for("2 of 2 moved")
    assert yes.end() == 0
    assert redis.numbers(origin) == [0, 1]


def test_on_a_terminal_a_protected_profile_asks_for_its_name(mqtui: Mqtui, redis: BrokerFixture) -> None:
    dlq, origin = redis.create_pair(2)
    add_profile(mqtui, redis, "prod", "--protected")
    wrong = Terminal(mqtui, "redrive", "prod", dlq.name, "--yes")
    wrong.wait_for("Type prod to continue")
    wrong.type("prd\n")
    assert wrong.end() == 4
    assert redis.numbers(origin) == []
    right = Terminal(mqtui, "redrive", "prod", dlq.name)
    right.wait_for("Type prod to continue")
    right.type("prod\n")
    right.wait_for("2 of 2 moved")
    assert right.end() == 0


def test_ctrl_c_at_the_question_changes_nothing(mqtui: Mqtui, redis: BrokerFixture) -> None:
    dlq, origin = redis.create_pair(2)
    asked = Terminal(mqtui, "redrive", redis.url, dlq.name)
    asked.wait_for("Do it?")
    asked.interrupt()
    assert asked.end() == 130
    assert "Traceback" not in asked.shown
    assert redis.numbers(origin) == []
