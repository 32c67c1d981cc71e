"""`create`, `alter`, `purge`, `delete` as scripts call them: plans, refusals, names typed, exit codes."""

from __future__ import annotations

from mqtui.domain.resource import BrokerKind
from tests.cli.broker_fixtures import BrokerFixture, add_profile
from tests.cli.command_line import Mqtui


def test_made_purged_and_deleted(mqtui: Mqtui, broker: BrokerFixture) -> None:
    """On each broker: nothing happens without consent, what is deleted is named, and counted before."""
    dlq, _ = broker.create_pair(5)
    name, url = f"{dlq.name}.copy", broker.url
    (planned,) = mqtui("create", url, name, "--dry-run", "--json").ok().rows()
    assert (planned["plan"]["verb"], planned["plan"]["steps"][0]["step"]) == ("create", "create")
    mqtui("describe", url, name).fails(1)
    mqtui("create", url, name).fails(4, "not confirmed")
    _, made = mqtui("create", url, name, "--yes", "--json").ok().rows()
    assert (made["verb"], made["asked"], made["done"]) == ("create", 1, 1)
    mqtui("create", url, name, "--yes").fails(4, "broker-refuses")
    mqtui("delete", url, name, "--yes").fails(4, "named")
    mqtui("delete", url, name, "--confirm", name).ok()
    purge = mqtui("purge", url, dlq.name, "--dry-run").ok().text
    assert "letters: 5 dead letters of" in purge.replace("≈ ", "") and "none could be redriven" in purge
    mqtui("purge", url, dlq.name, "--yes").fails(4, f"{dlq.name} is typed")
    assert mqtui("purge", url, dlq.name, "--confirm", dlq.name).ok().text.endswith("purge: 1 of 1\n")
    assert mqtui("purge", url, dlq.name, "--confirm", dlq.name, "--json").ok().rows()[0]["plan"]["steps"] == []
    if broker.kind is not BrokerKind.KAFKA:
        mqtui("alter", url, dlq.name, "--set", "a=b", "--yes").fails(4, "alter is not offered here")
    mqtui("alter", url, dlq.name).fails(2, "--set NAME=VALUE")
    mqtui("alter", url, dlq.name, "--set", "nonsense").fails(2, "Not a setting")
    lines = mqtui("audit", "--json").ok().rows()
    assert [(row["verb"], row["on"]) for row in lines if row["verb"] == "delete"] == [
        ("delete", [str_of(broker, name)])
    ] * 2


def str_of(broker: BrokerFixture, name: str) -> str:
    """A destination as the audit names it."""
    return f"{ {'kafka': 'topic', 'rabbitmq': 'queue', 'redis': 'stream'}[broker.kind] }:{name}"


def test_a_profile_that_denies_it_is_asked_first(mqtui: Mqtui, broker: BrokerFixture) -> None:
    dlq, _ = broker.create_pair(1)
    add_profile(mqtui, broker, "closed", "--read-only")
    for words in (
        ("create", "closed", f"{dlq.name}.copy"),
        ("delete", "closed", dlq.name),
        ("purge", "closed", dlq.name),
    ):
        mqtui(*words, "--yes", "--confirm", dlq.name).fails(4, "read-only")
