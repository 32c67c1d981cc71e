"""`mqtui schema`: subjects, versions, what differs, whether a file fits, and new versions by a plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command_line import Mqtui
from tests.contract.world_kafka import KafkaWorld
from tests.schemas.registry_server import RegistryServer, running_registry

MONEY: Any = {"type": "record", "name": "shop.Money", "fields": [{"name": "units", "type": "int"}]}


def order(*fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "record",
        "name": "Order",
        "namespace": "shop",
        "fields": [{"name": "id", "type": "string"}, *fields],
    }


NOTE = {"name": "note", "type": ["null", "string"], "default": None}
TOTAL = {"name": "total", "type": {**MONEY, "fields": [{"name": "units", "type": "long"}]}}
FIRST, SECOND = order({"name": "total", "type": MONEY}, NOTE), order(TOTAL, {"name": "eu", "type": "boolean"})


@pytest.fixture
def registry() -> Iterator[RegistryServer]:
    with running_registry() as running:
        yield running


def test_subjects_versions_and_what_differs(mqtui: Mqtui, registry: RegistryServer, kafka_url: str) -> None:
    """One scene: every look at a registry, on a broker that has the topic of a subject."""
    target = f"{kafka_url}?schema.registry={registry.url}"
    world = KafkaWorld(kafka_url)
    topic = world.create("schemas")
    subject = f"{topic.name}-value"
    registry.register(subject, FIRST)
    registry.register(subject, SECOND)
    registry.register("shop.Money", MONEY)
    named = f"{topic.name}-shop.Money"
    for other in (named, f"{topic.name}.gone-value"):
        registry.register(other, MONEY)
    try:
        rows = {row["subject"]: row for row in mqtui("schema", "list", target, "--json").ok().rows()}
        assert rows[subject]["schema_versions"] == [1, 2] and rows[subject]["schema_id"] == 2
        assert rows[subject]["used_by"] == [f"topic:{topic.name} (value)"]
        assert (rows["shop.Money"]["used_by"], rows["shop.Money"]["language"]) == (None, "avro")
        assert "only messages tell" in rows["shop.Money"]["why"]
        assert rows[named]["used_by"] == [f"topic:{topic.name} (key or value)"]
        assert rows[f"{topic.name}.gone-value"]["used_by"] == []
        text = mqtui("schema", "list", target, "--filter", "shop.*").ok().text
        assert "shop.Money" in text and subject not in text and "BACKWARD" in text
        (row,) = mqtui("schema", "show", target, f"{subject}@1", "--json").ok().rows()
        assert (json.loads(row["definition"]), row["schema_version"]) == (FIRST, 1)
        assert f"{subject} v2, beside v1" in mqtui("schema", "show", target, subject).ok().text
        told = mqtui("schema", "diff", target, subject)
        assert told.code == 1 and told.text.splitlines() == [
            "~ total.units  int → long",
            "- note  null | string, default null",
            "+ eu  boolean",
        ]
        told = mqtui("schema", "diff", target, f"{subject}@1", f"{subject}@2", "--json")
        assert told.rows()[0] == {"path": "total.units", "before": "int", "after": "long"}
        assert mqtui("schema", "diff", target, f"{subject}@2", f"{subject}@2").ok().text == "nothing differs\n"
        words = ("publish", target, topic.name, "-", "--schema", f"{subject}@1", "--jsonl", "--yes")
        orders = [{"id": "a", "total": {"units": 1}, "note": None}, {"id": "b", "total": {"units": 2}, "note": "x"}]
        lines = [json.dumps({"value": json.dumps(order)}).encode() for order in orders]
        mqtui(*words, given=b"\n".join([*lines, b'{"value": null}'])).ok()
        rows_read = mqtui("peek", target, topic.name, "--decode", "--json").ok().rows()
        assert [row["decoded"] for row in rows_read] == [*orders, None]
        assert [row.get("schema") for row in rows_read] == [f"{subject} v1", f"{subject} v1", None]
        wrong = json.dumps({"value": '{"id": "c", "total": {"units": 1.5}}'}).encode()
        refused = mqtui(*words, given=b"\n".join([lines[0], wrong]))
        refused.fails(refused.code, f"Line 2, `value`: does not fit {subject} v1", "at total.units: 1.5 is not a whole")
        mqtui("schema", "diff", target, "shop.Money").fails(2, "has no version before v1")
        mqtui("schema", "show", target, "nosuch").fails(1, "has no subject nosuch")
        mqtui("schema", "show", target, f"{subject}@9").fails(1, "v9")
        mqtui("schema", "list", kafka_url).fails(2, "names no schema registry", "schema.registry=http://host:8081")
    finally:
        world.remove(topic)


def test_a_file_is_checked_planned_registered_and_audited(
    mqtui: Mqtui, registry: RegistryServer, redis_url: str, tmp_path: Path
) -> None:
    target = f"{redis_url}?schema.registry={registry.url}"
    registry.register("orders-value", FIRST)
    registry.register("money", MONEY)
    file = tmp_path / "order.avsc"
    file.write_text(json.dumps(SECOND))
    words = ("schema", "register", target, "orders-value", file)
    (row,) = mqtui("schema", "check", target, "orders-value", file, "--json").ok().rows()
    assert (row["compatible"], row["compatibility"], len(row["changes"])) == (True, "BACKWARD", 3)
    registry.verdict = (False, ["the field 'eu' has no default value"])
    mqtui("schema", "check", target, "orders-value", file).fails(1, "no default value")
    mqtui(*words, "--yes").fails(4, "incompatible-schema", "no default value")
    registry.verdict = (True, [])
    mqtui(*words).fails(4, "not confirmed")
    plan = mqtui(*words, "--dry-run").ok().text
    assert "the version after v1" in plan and "+ eu  boolean" in plan
    assert len(registry.subjects["orders-value"]) == 1
    (planned, row) = mqtui(*words, "--yes", "--json").ok().rows()
    assert planned["plan"]["steps"] == [{"step": "register", "subject": "orders-value", "language": "avro"}]
    assert row == {"subject": "orders-value", "schema_version": 2, "schema_id": 3, "registered": True}
    (row,) = mqtui(*words, "--yes", "--json").ok().rows()
    assert (row["registered"], row["schema_version"]) == (False, 2)
    audited = [line for line in mqtui("audit", "--json").ok().rows() if line["verb"] == "register"]
    assert [line["event"] for line in audited] == ["begin", "end"]
    assert audited[0]["on"] == audited[1]["on"] == ["subject:orders-value"]
    assert audited[1]["ending"] == "orders-value has the schema id 3"
    bill = tmp_path / "bill.avsc"
    bill.write_text(json.dumps({"type": "record", "name": "Bill", "fields": [{"name": "m", "type": "shop.Money"}]}))
    new = ("schema", "register", target, "bill-value", bill, "--reference", "shop.Money=money@1")
    assert "a new subject" in mqtui(*new, "--yes").ok().text
    (row,) = mqtui("schema", "show", target, "bill-value", "--json").ok().rows()
    assert row["references"] == ["shop.Money: money v1"]
    mqtui("profile", "add", "shut", target, "--read-only").ok()
    mqtui("schema", "register", "shut", "other-value", file, "--yes").fails(4, "read-only")
    registry.mode = "html"
    mqtui("schema", "list", target).fails(1, "does not answer as a schema registry", "text/html")
    mqtui("schema", "list", f"{redis_url}?schema.registry=http://127.0.0.1:1").fails(3, "can't be reached")
