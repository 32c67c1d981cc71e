"""A dry run ends as the run would: what can't run does not end with 0 (C70, C71, C72, C82)."""

from __future__ import annotations

import base64
import os

import pytest

from mqtui.domain.resource import BrokerKind
from tests.cli.broker_fixtures import BrokerFixture, add_profile, run_result
from tests.cli.command_line import Mqtui
from tests.contract.worlds import Letter


def alike(mqtui: Mqtui, code: int, *words: object, says: str = "") -> None:
    """The dry run and the run end with the same code and say the same."""
    dry = mqtui(*words, "--dry-run").fails(code, says)
    real = mqtui(*words, "--yes").fails(code, says)
    assert dry.err.splitlines()[-1] == real.err.splitlines()[-1]


def test_no_target(mqtui: Mqtui, broker: BrokerFixture) -> None:
    dlq = broker.world.create("stray")
    broker.world.put(dlq, [Letter(fields=((b"value", b"1"),)) if broker.redis else Letter(b"1")])
    alike(mqtui, 4, "redrive", broker.url, dlq.name, says="no-target")


def test_no_bundle_key(mqtui: Mqtui, broker: BrokerFixture) -> None:
    dlq, _ = broker.create_pair(2)
    mqtui.extra["MQTUI_BUNDLE_KEY"] = "not a key"
    for verb in ("redrive", "discard"):
        if broker.kind is BrokerKind.KAFKA:
            mqtui(verb, broker.url, dlq.name, "--dry-run").ok()
        else:
            alike(mqtui, 4, verb, broker.url, dlq.name, says="no-bundle-key")
    assert broker.count_unhandled(mqtui, dlq) == 2 if broker.kind is BrokerKind.KAFKA else broker.numbers(dlq) == [0, 1]


@pytest.mark.parametrize("kind", ["rabbitmq", "redis"])
def test_a_put_back_with_another_key(mqtui: Mqtui, request: pytest.FixtureRequest, kind: str) -> None:
    broker: BrokerFixture = request.getfixturevalue(kind)
    dlq, _ = broker.create_pair(2)
    run = run_result(mqtui("redrive", broker.url, dlq.name, "--yes", "--json").ok())["run"]
    mqtui.extra["MQTUI_BUNDLE_KEY"] = base64.urlsafe_b64encode(os.urandom(32)).decode()
    alike(mqtui, 4, "runs", "putback", run, says="another key")


def test_a_read_only_profile(mqtui: Mqtui, broker: BrokerFixture) -> None:
    dlq, _ = broker.create_pair(1)
    add_profile(mqtui, broker, "look", "--read-only")
    alike(mqtui, 4, "redrive", "look", dlq.name, says="read-only")


def test_a_wrong_name_for_a_protected_profile(mqtui: Mqtui, redis: BrokerFixture) -> None:
    dlq, _ = redis.create_pair(1)
    add_profile(mqtui, redis, "prod", "--protected")
    mqtui("redrive", "prod", dlq.name, "--dry-run").ok()
    mqtui("redrive", "prod", dlq.name, "--dry-run", "--confirm", "stage").fails(4, "prod is protected")
    mqtui("redrive", "prod", dlq.name, "--dry-run", "--yes").fails(4, "prod is protected")


def test_nothing_is_sent_to_where_it_lies(mqtui: Mqtui, broker: BrokerFixture) -> None:
    """C82, also by another address of the same broker."""
    dlq, _ = broker.create_pair(3)
    before = broker.world.contents(dlq)
    alike(mqtui, 4, "redrive", broker.url, dlq.name, "--to", str(dlq), says="same")
    other = broker.url.replace("127.0.0.1", "localhost")
    assert other != broker.url
    alike(mqtui, 4, "redrive", broker.url, dlq.name, "--to", dlq.name, "--to-target", other, says="same")
    assert broker.world.contents(dlq) == before


def test_publish_without_a_value_or_key(mqtui: Mqtui, broker: BrokerFixture) -> None:
    ref = broker.world.create("to")
    for words in (("--value", "x", "--fernet", "nokey"), ()):
        dry = mqtui("publish", broker.url, ref.name, *words, "--dry-run")
        real = mqtui("publish", broker.url, ref.name, *words, "--yes")
        assert dry.code == real.code != 0, (dry.err, real.err)
    assert broker.world.contents(ref) == []


def test_one_letter_whose_origin_is_gone_stays(mqtui: Mqtui, broker: BrokerFixture) -> None:
    """C57: the others go, and the plan says how many."""
    if broker.kind is BrokerKind.RABBITMQ:
        pytest.skip("a plan does not read the letters of a queue; test_letters_of_an_unknown_origin_stay has it")
    dlq, origin = broker.create_pair(8)
    stray = broker.world.ref(f"{broker.world.prefix}-never-made")
    broker.world.put(dlq, [broker.dead_letter(9, stray)])
    plan = mqtui("redrive", broker.url, dlq.name, "--dry-run", "--json").ok().rows()[0]["plan"]
    facts = {fact["label"]: fact["text"] for fact in plan["summary"]}
    assert facts["to"].endswith("1 of 9 stay")
    assert [step["count"] for step in plan["steps"] if step["step"] == "deliver"] == [8]
    assert any(stray.name in risk["text"] for risk in plan["risks"] if risk["name"] == "no-origin")
    done = mqtui("redrive", broker.url, dlq.name, "--yes", "--json").fails(1)
    told = run_result(done)
    assert (told["planned"], told["moved"], told["refused"]) == (9, 8, 1)
    assert broker.numbers(origin) == list(range(8))
