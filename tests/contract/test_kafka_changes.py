"""Changes of topics: what the broker says of them before, what they would delete, and what it refuses (K13)."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from mqtui.brokers.port import Adapter
from mqtui.domain.capability import Verb
from mqtui.domain.destination_change import Alteration, Creation, Deletion, PurgeRequest
from mqtui.domain.errors import BadInput, NotFound, Refused
from mqtui.domain.message import Offset
from mqtui.domain.plan import ChangePreview
from mqtui.domain.read_range import At, Since
from mqtui.domain.resource import Kind, Ref
from tests.contract.asking import eventually
from tests.contract.kafka_cluster import KafkaCluster
from tests.contract.test_contract_changes import carried_out, preview


def risks(found: ChangePreview) -> list[str]:
    return [risk.name for risk in found.risks]


async def test_settings_are_set_and_reset(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    ref = kafka.topic("set", 2, {"segment.bytes": "1048576"})
    kafka.fill(ref, 6, partitions=2)

    async def configs() -> dict[str, tuple[str | None, str]]:
        said = await kafka_adapter.broker.catalog.list_properties(ref)
        return {each.name: (each.value, each.source) for each in said if each.part == "config"}

    shorter = await preview(kafka_adapter, Alteration(ref, {"retention.ms": "1"}))
    (risk,) = shorter.risks
    assert (risk.name, risk.text.startswith("≈ 6 records older than")) == ("retention", True)
    assert dict(shorter.facts)["set"] == "retention.ms: 604800000 (default) → 1"
    wanted = Alteration(ref, {"retention.ms": "86400000000", "max.message.bytes": "2000000"}, ("segment.bytes",))
    found = await preview(kafka_adapter, wanted)
    assert (risks(found), len(found.steps[0].changes)) == ([], 3)  # type: ignore[union-attr]
    stale = await preview(kafka_adapter, Alteration(ref, {"max.message.bytes": "3000000"}))
    before = await configs()
    assert before["segment.bytes"] == ("1048576", "set on the topic")
    (result,) = await carried_out(kafka_adapter, found, Verb.ALTER)
    assert (result.asked, result.done) == (3, 3)

    async def is_set() -> bool:
        now = await configs()
        return now["retention.ms"] == ("86400000000", "set on the topic") and now["segment.bytes"][1] == "default"

    await eventually(is_set, "the settings are there")
    assert (await preview(kafka_adapter, wanted)).steps == ()
    with pytest.raises(Refused, match=r"max.message.bytes is 2000000 now"):
        await carried_out(kafka_adapter, stale, Verb.ALTER)
    assert risks(await preview(kafka_adapter, Alteration(ref, {"retention.mss": "1"}))) == ["broker-refuses"]
    assert "compaction" in risks(await preview(kafka_adapter, Alteration(ref, {"cleanup.policy": "compact"})))
    assert risks(await preview(kafka_adapter, Alteration(ref, {"min.insync.replicas": "3"}))) == ["in-sync"]


async def test_partitions_are_added_and_never_taken(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    ref = kafka.topic("grown", 2)
    found = await preview(kafka_adapter, Alteration(ref, partitions=5))
    assert risks(found) == ["keys"]
    await carried_out(kafka_adapter, found, Verb.ALTER)

    async def has_five() -> bool:
        return (await kafka_adapter.broker.catalog.locate(ref)).partitions == 5

    await eventually(has_five, "there are five partitions")
    assert risks(await preview(kafka_adapter, Alteration(ref, partitions=3))) == ["broker-refuses"]
    assert (await preview(kafka_adapter, Alteration(ref, partitions=5))).steps == ()


async def test_names_and_numbers_that_kafka_refuses(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    model = kafka.topic("like", 3, {"retention.ms": "60000"})
    name = f"{model.name}.copy"
    copied = await preview(kafka_adapter, Creation(Ref(Kind.TOPIC, name), like=model))
    (step,) = copied.steps
    assert (step.partitions, step.replicas, dict(step.settings)) == (3, 1, {"retention.ms": "60000"})  # type: ignore[union-attr]
    await carried_out(kafka_adapter, copied, Verb.CREATE)
    (clash,) = (await preview(kafka_adapter, Creation(Ref(Kind.TOPIC, name.replace(".", "_"))))).risks
    assert (clash.name, "collides" in clash.text) == ("broker-refuses", True)
    many = await preview(kafka_adapter, Creation(Ref(Kind.TOPIC, f"{name}2"), replicas=5))
    assert (risks(many), "not so many brokers" in many.risks[0].text) == (["broker-refuses"], True)
    for bad in ("", "a b", "..", "x" * 250):
        with pytest.raises(BadInput, match="No topic can be called"):
            await preview(kafka_adapter, Creation(Ref(Kind.TOPIC, bad)))
    assert name in kafka.names() and f"{name}2" not in kafka.names()


async def test_what_a_purge_may_not_do_is_said_before(kafka: KafkaCluster, kafka_adapter: Adapter) -> None:
    """K13; beyond the end, of no partition, by time; a topic that was made again under the plan stays."""
    ref, compacted = kafka.topic("purged", 2), kafka.topic("compacted", 1, {"cleanup.policy": "compact"})
    kafka.fill(ref, 20, partitions=2)
    kafka.fill(compacted, 3)
    (k13,) = (await preview(kafka_adapter, PurgeRequest(compacted))).risks
    assert (k13.name, "POLICY_VIOLATION" in k13.text, k13.final) == ("compacted", True, True)
    (beyond,) = (await preview(kafka_adapter, PurgeRequest(ref, At(Offset(1, 11))))).risks
    assert (beyond.name, beyond.text) == ("beyond-end", "partition 1 ends at 10: there is no 11")
    with pytest.raises(BadInput, match="Of which partition"):
        await preview(kafka_adapter, PurgeRequest(ref, At(Offset(-1, 5))))
    with pytest.raises(NotFound, match="no partition 7"):
        await preview(kafka_adapter, PurgeRequest(ref, At(Offset(7, 5))))
    assert (await preview(kafka_adapter, PurgeRequest(ref, Since(1)))).steps == ()
    later = Since(int(time.time() * 1000) + 60_000)
    assert (await preview(kafka_adapter, PurgeRequest(ref, later, 1))).count.number == 10
    whole = await preview(kafka_adapter, PurgeRequest(ref))
    (step,) = whole.steps
    with pytest.raises(Refused, match="another topic"):
        await carried_out(kafka_adapter, replace(whole, steps=(replace(step, identity="else"),)), Verb.PURGE)  # type: ignore[arg-type]
    await carried_out(kafka_adapter, whole, Verb.PURGE)
    assert kafka.records(ref) == []
    state = Ref(Kind.TOPIC, f"{kafka.prefix}.state")
    await carried_out(kafka_adapter, await preview(kafka_adapter, Creation(state)), Verb.CREATE)
    (kept,) = (await preview(kafka_adapter, Deletion(state))).risks
    assert (kept.name, kept.final) == ("internal", True)
