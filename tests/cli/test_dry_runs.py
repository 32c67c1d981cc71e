"""A dry run ends as the run would: what can't run does not end with 0 (C70, C71, C72, C82)."""

from __future__ import annotations

import base64
import os

import pytest

from mqtui.domain.resource import BrokerKind
from tests.cli.driver import Mqtui
from tests.cli.grounds import Ground, profile, result
from tests.contract.worlds import Letter


def alike(mqtui: Mqtui, code: int, *words: object, says: str = "") -> None:
    """The dry run and the run end with the same code and say the same."""
    dry = mqtui(*words, "--dry-run").refused(code, says)
    real = mqtui(*words, "--yes").refused(code, says)
    assert dry.err.splitlines()[-1] == real.err.splitlines()[-1]


def test_no_target(mqtui: Mqtui, ground: Ground) -> None:
    dlq = ground.world.create("stray")
    ground.world.put(dlq, [Letter(fields=((b"value", b"1"),)) if ground.redis else Letter(b"1")])
    alike(mqtui, 4, "redrive", ground.url, dlq.name, says="no-target")


def test_no_bundle_key(mqtui: Mqtui, ground: Ground) -> None:
    dlq, _ = ground.pair(2)
    mqtui.extra["MQTUI_BUNDLE_KEY"] = "not a key"
    for verb in ("redrive", "discard"):
        if ground.kind is BrokerKind.KAFKA:
            mqtui(verb, ground.url, dlq.name, "--dry-run").ok()
        else:
            alike(mqtui, 4, verb, ground.url, dlq.name, says="no-bundle-key")
    assert ground.unhandled(mqtui, dlq) == 2 if ground.kind is BrokerKind.KAFKA else ground.numbers(dlq) == [0, 1]


@pytest.mark.parametrize("kind", ["rabbitmq", "redis"])
def test_a_put_back_with_another_key(mqtui: Mqtui, request: pytest.FixtureRequest, kind: str) -> None:
    ground: Ground = request.getfixturevalue(kind)
    dlq, _ = ground.pair(2)
    run = result(mqtui("redrive", ground.url, dlq.name, "--yes", "--json").ok())["run"]
    mqtui.extra["MQTUI_BUNDLE_KEY"] = base64.urlsafe_b64encode(os.urandom(32)).decode()
    alike(mqtui, 4, "runs", "putback", run, says="another key")


def test_a_read_only_profile(mqtui: Mqtui, ground: Ground) -> None:
    dlq, _ = ground.pair(1)
    profile(mqtui, ground, "look", "--read-only")
    alike(mqtui, 4, "redrive", "look", dlq.name, says="read-only")


def test_a_wrong_name_for_a_protected_profile(mqtui: Mqtui, redis: Ground) -> None:
    dlq, _ = redis.pair(1)
    profile(mqtui, redis, "prod", "--protected")
    mqtui("redrive", "prod", dlq.name, "--dry-run").ok()
    mqtui("redrive", "prod", dlq.name, "--dry-run", "--confirm", "stage").refused(4, "prod is protected")
    mqtui("redrive", "prod", dlq.name, "--dry-run", "--yes").refused(4, "prod is protected")


def test_nothing_is_sent_to_where_it_lies(mqtui: Mqtui, ground: Ground) -> None:
    """C82, also by another address of the same broker."""
    dlq, _ = ground.pair(3)
    before = ground.world.contents(dlq)
    alike(mqtui, 4, "redrive", ground.url, dlq.name, "--to", str(dlq), says="same")
    other = ground.url.replace("127.0.0.1", "localhost")
    assert other != ground.url
    alike(mqtui, 4, "redrive", ground.url, dlq.name, "--to", dlq.name, "--to-target", other, says="same")
    assert ground.world.contents(dlq) == before


def test_publish_without_a_value_or_key(mqtui: Mqtui, ground: Ground) -> None:
    ref = ground.world.create("to")
    for words in (("--value", "x", "--fernet", "nokey"), ()):
        dry = mqtui("publish", ground.url, ref.name, *words, "--dry-run")
        real = mqtui("publish", ground.url, ref.name, *words, "--yes")
        assert dry.code == real.code != 0, (dry.err, real.err)
    assert ground.world.contents(ref) == []


def test_one_letter_whose_origin_is_gone_stays(mqtui: Mqtui, ground: Ground) -> None:
    """C57: the others go, and the plan says how many."""
    if ground.kind is BrokerKind.RABBITMQ:
        pytest.skip("a plan does not read the letters of a queue; test_letters_of_an_unknown_origin_stay has it")
    dlq, origin = ground.pair(8)
    stray = ground.world.ref(f"{ground.world.prefix}-never-made")
    ground.world.put(dlq, [ground.dead(9, stray)])
    plan = mqtui("redrive", ground.url, dlq.name, "--dry-run", "--json").ok().rows()[0]["plan"]
    facts = {fact["label"]: fact["text"] for fact in plan["facts"]}
    assert facts["to"].endswith("1 of 9 stay")
    assert [step["count"] for step in plan["steps"] if step["step"] == "deliver"] == [8]
    assert any(stray.name in risk["text"] for risk in plan["risks"] if risk["name"] == "no-origin")
    done = mqtui("redrive", ground.url, dlq.name, "--yes", "--json").refused(1)
    told = result(done)
    assert (told["planned"], told["moved"], told["refused"]) == (9, 8, 1)
    assert ground.numbers(origin) == list(range(8))
