"""What other settings of a topic would do: what they are now, whether the broker takes them, what they would delete."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    OffsetSpec,
    ResourceType,
)

from mqtui.brokers.kafka.connection.clients import REQUEST_TIMEOUT, KafkaClients
from mqtui.brokers.kafka.read.offsets import AFTER_LAST, list_offsets
from mqtui.brokers.kafka.read.topic_metadata import CONFIG_SOURCES, ConfigValue, Topic, describe_config_values
from mqtui.brokers.kafka.read.validate_only import ask_to_validate
from mqtui.domain.destination_change import Alteration, AlterSettings, SettingChange
from mqtui.domain.errors import MqtuiError, NotAuthorised
from mqtui.domain.figure import Figure, about, pluralize, unknown
from mqtui.domain.plan import ChangePreview, Risk
from mqtui.domain.times import format_age

SET_ON_TOPIC = next(words for source, words in CONFIG_SOURCES.items() if source.name == "DYNAMIC_TOPIC_CONFIG")
FOREVER = -1


async def settings_of_topic(clients: KafkaClients, name: str) -> dict[str, str]:
    """The settings that were set on a topic itself.

    Raises:
        NotAuthorised: they may not be read.
    """
    found = (await describe_config_values(clients, [name])).get(name)
    if found is None:
        raise NotAuthorised(f"The settings of {name} may not be read", "", f"Needed: DescribeConfigs on topic {name}.")
    return {key: each.value or "" for key, each in found.items() if each.source == SET_ON_TOPIC}


async def preview_settings(clients: KafkaClients, change: Alteration, topic: Topic) -> ChangePreview:
    """The step that sets settings, with what the broker says of it; no step where they are set so already."""
    known = (await describe_config_values(clients, [topic.name])).get(topic.name, {})
    wanted: dict[str, str | None] = {**change.settings, **dict.fromkeys(change.reset)}
    changes = tuple(
        SettingChange(name, None if name not in known else known[name].value, value)
        for name, value in sorted(wanted.items())
        if not _is_so_already(known.get(name), value)
    )
    if not changes:
        return ChangePreview(())
    step = AlterSettings(change.ref, topic.identity, changes)
    facts = tuple(("set", f"{each.name}: {_describe(each, known.get(each.name))}") for each in changes)
    risks = [*await _validate(clients, step), *await _consequences(clients, topic, changes)]
    return ChangePreview((step,), facts, tuple(risks))


def _is_so_already(known: ConfigValue | None, value: str | None) -> bool:
    """Whether it was set on the topic to that value, or was not set on it where it is to be reset."""
    if known is None:
        return False
    is_set = known.source == SET_ON_TOPIC
    return is_set and known.value == value if value is not None else not is_set


def _describe(change: SettingChange, known: ConfigValue | None) -> str:
    source = f" ({known.source})" if known is not None and known.source else ""
    before = "?" if change.before is None else change.before
    return f"{before}{source} → {'the default' if change.after is None else change.after}"


def config_resource(step: AlterSettings) -> ConfigResource:
    """What is asked of the broker."""
    entries = [
        ConfigEntry(
            each.name,
            "" if each.after is None else each.after,
            incremental_operation=AlterConfigOpType.DELETE if each.after is None else AlterConfigOpType.SET,
        )
        for each in step.changes
    ]
    return ConfigResource(ResourceType.TOPIC, step.ref.name, incremental_configs=entries)


async def _validate(clients: KafkaClients, step: AlterSettings) -> list[Risk]:
    admin = await clients.admin()
    resource = config_resource(step)
    future = admin.incremental_alter_configs([resource], validate_only=True, request_timeout=REQUEST_TIMEOUT)[resource]
    return await ask_to_validate(clients, future, f"setting {step.ref.name}")


async def _consequences(clients: KafkaClients, topic: Topic, changes: tuple[SettingChange, ...]) -> list[Risk]:
    """What comes of new values that delete records, or stop writers."""
    risks: list[Risk] = []
    new = {each.name: each.after for each in changes if each.after is not None}
    old = {each.name: each.before or "" for each in changes}
    if "compact" in new.get("cleanup.policy", "") and "compact" not in old["cleanup.policy"]:
        risks.append(
            Risk("compaction", "of each key only the newest record stays, and records without key are refused")
        )
    if _is_number(new, "min.insync.replicas") and int(new["min.insync.replicas"] or 0) > topic.in_sync:
        text = f"only {topic.in_sync} replicas are in sync: writers with acks=all would be refused"
        risks.append(Risk("in-sync", text))
    if _is_number(new, "retention.ms") and _is_shorter(old["retention.ms"], str(new["retention.ms"])):
        age = int(new["retention.ms"] or 0)
        older = await _older_than(clients, topic, age)
        text = (
            f"{pluralize(older, 'record')} older than {format_age(age / 1000, units=2)} are deleted by the broker then"
        )
        if older.number != 0:
            risks.append(Risk("retention", text))
    return risks


def _is_number(values: Mapping[str, str | None], name: str) -> bool:
    return (values.get(name) or "").isdecimal()


def _is_shorter(before: str, after: str) -> bool:
    known = before.lstrip("-").isdecimal()
    return not known or int(before) == FOREVER or int(after) < int(before)


async def _older_than(clients: KafkaClients, topic: Topic, age_ms: int) -> Figure:
    """How many records are older than that, by offsets; unknown where a partition does not say."""
    keys = [(topic.name, number) for number in topic.partitions]
    try:
        first, since, end = await asyncio.gather(
            list_offsets(clients, keys, OffsetSpec.earliest()),
            list_offsets(clients, keys, OffsetSpec.for_timestamp(max(0, int(time.time() * 1000) - age_ms))),
            list_offsets(clients, keys, OffsetSpec.latest()),
        )
    except MqtuiError as error:
        return unknown(error.title)
    older = 0
    for key in keys:
        low, at, high = first[key], since[key], end[key]
        if not (isinstance(low, int) and isinstance(at, int) and isinstance(high, int)):
            return unknown(f"partition {key[1]} does not tell its offsets")
        older += max(0, (high if at == AFTER_LAST else at) - low)
    return about(older, "by offsets, and the broker deletes whole segments")
