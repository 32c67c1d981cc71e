"""Checks the target topics of a plan: existence, ACLs, configuration, partitions, and reading groups."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from confluent_kafka import KafkaError
from confluent_kafka.admin import AclOperation, OffsetSpec

from mqtui.brokers.kafka.connection.clients import KafkaClients
from mqtui.brokers.kafka.read.groups import describe_all_groups
from mqtui.brokers.kafka.read.offsets import explain_missing, list_offsets
from mqtui.brokers.kafka.read.topic_limits import FOREVER, UNLIMITED, TopicLimits, choose_codec
from mqtui.brokers.kafka.read.topic_metadata import Topic, describe_configs, describe_topic, topic_name
from mqtui.domain.errors import NotAuthorised, NotFound, TimedOut
from mqtui.domain.figure import pluralize
from mqtui.domain.plan import Deliver, Plan, Risk, Send, Severity, Take
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import Group

SHORT_RETENTION_MS = 3_600_000
"""A retention.ms below this may delete letters before anybody has read them."""

INACTIVE_STATES = frozenset({"Empty", "Dead"})


async def check_targets(clients: KafkaClients, plan: Plan) -> list[Risk]:
    """The risks of all target topics of a plan."""
    refs: dict[Ref, None] = {}
    for step in plan.steps:
        if isinstance(step, Send | Deliver):
            refs[step.target] = None
    found, risks = await describe_targets(clients, refs)
    if not found:
        return risks
    taken = [step.source.ref.name for step in plan.steps if isinstance(step, Take)]
    configs, unwritable, unread = await asyncio.gather(
        describe_configs(clients, [*taken, *(topic.name for topic in found)]),
        _check_partitions(clients, found),
        _check_readers(clients, found),
    )
    sources = [TopicLimits.from_config(configs[name]) for name in taken if name in configs]
    for topic in found:
        config = configs.get(topic.name)
        if config is not None:
            codec = choose_codec(clients.preferred_codec, [*sources, TopicLimits.from_config(config)])
            risks += check_config(topic.name, config, plan, codec)
    return [*risks, *unwritable, *unread]


async def describe_targets(clients: KafkaClients, refs: Iterable[Ref]) -> tuple[list[Topic], list[Risk]]:
    """The topics that are there, and a refusal for each that is not, or that this user may not write."""
    risks: list[Risk] = []
    found: list[Topic] = []
    for ref in refs:
        try:
            topic = await describe_topic(clients, topic_name(ref))
        except NotFound as error:
            risks.append(Risk("no-target", f"{error.title}; mqtui does not create it", Severity.REFUSE, final=True))
        except NotAuthorised as error:
            risks.append(Risk("no-right", f"{error.title}: {error.hint}", Severity.REFUSE, final=True))
        else:
            found.append(topic)
            if AclOperation.WRITE not in topic.rights:
                text = f"the right to write {topic.name} is missing: Write on topic {topic.name}"
                risks.append(Risk("no-right", text, Severity.REFUSE, final=True))
    return found, risks


def check_config(name: str, config: Mapping[str, str], plan: Plan, codec: str = "zstd") -> list[Risk]:
    """The risks from a topic's configuration; `codec` is the one for letters that are too large."""
    risks: list[Risk] = []
    limits = TopicLimits.from_config(config)
    if plan.largest > limits.max_bytes:
        text = f"the largest letter has {plan.largest:,} B, {name} takes at most {limits.max_bytes:,} B: "
        text += f"larger ones may fit compressed and are sent with {codec}; one that does not fit is refused alone"
        risks.append(Risk("too-large", text))
    if limits.needs_key and plan.keyless:
        text = f"{pluralize(plan.keyless, 'letter')} without key, and {name} is compacted: the broker refuses those"
        risks.append(Risk("no-key", text))
    if limits.needs_key:
        text = (
            f"{name} is compacted: a letter becomes the latest of its key, even where a newer record is there already"
        )
        risks.append(Risk("compacted", text))
    retention = int(config.get("retention.ms") or FOREVER)
    if "delete" in config.get("cleanup.policy", "delete") and 0 <= retention < SHORT_RETENTION_MS:
        text = f"{name} deletes records after {retention / 1000:,.0f} s (retention.ms={retention}), read or not"
        risks.append(Risk("expiry", text))
    if plan.keeps_time:
        risks += check_timestamps(name, config, plan.oldest, plan.newest)
    return risks


def check_timestamps(
    name: str, config: Mapping[str, str], oldest: int | None, newest: int | None, now: int | None = None
) -> list[Risk]:
    """Why letters can't keep their timestamps in a topic of that configuration (K7). Times are ms.

    [A kept 8-day-old time in a 7-day topic: deleted before anybody read it.]
    """
    now = int(time.time() * 1000) if now is None else now
    if config.get("message.timestamp.type") == "LogAppendTime":
        texts = [f"{name} stamps records itself (message.timestamp.type=LogAppendTime): it can't keep a letter's time"]
    else:
        limits = TopicLimits.from_config(config)
        retention = int(config.get("retention.ms") or UNLIMITED)
        if "delete" not in config.get("cleanup.policy", "delete") or retention == FOREVER:
            retention = UNLIMITED
        age = now - oldest if oldest is not None else 0
        ahead = newest - now if newest is not None else 0
        subject = f"the oldest letter is {age // 1000:,} s old; {name}"
        texts = [f"{subject} deletes what is older (retention.ms={retention})"] * (age > retention)
        if age > limits.max_age_ms:
            texts.append(f"{subject} refuses older times (message.timestamp.before.max.ms={limits.max_age_ms})")
        if ahead > limits.max_ahead_ms:
            text = f"the newest letter is {ahead // 1000:,} s ahead; {name} refuses times so far ahead "
            texts.append(f"{text}(message.timestamp.after.max.ms={limits.max_ahead_ms})")
    return [Risk("timestamps", text, Severity.REFUSE, final=True) for text in texts]


async def _check_partitions(clients: KafkaClients, topics: Sequence[Topic]) -> list[Risk]:
    """Partitions that can't be written to now (K19)."""
    keys = [(topic.name, number) for topic in topics for number in topic.partitions]
    try:
        answers = await list_offsets(clients, keys, OffsetSpec.latest())
    except TimedOut as error:
        return [Risk("target-partition", f"no partition of {topics[0].name} answers: {error.detail}")]
    return [
        Risk(
            "target-partition",
            f"partition {number} of {name} {explain_missing(answer)}: letters for it do not get there",
        )
        for (name, number), answer in sorted(answers.items())
        if isinstance(answer, KafkaError)
    ]


async def _check_readers(clients: KafkaClients, topics: Sequence[Topic]) -> list[Risk]:
    """Topics without an active consumer group."""
    described = await describe_all_groups(clients)
    risks: list[Risk] = []
    for topic in topics:
        readers = [group for group in described.list_groups if Ref(Kind.TOPIC, topic.name) in group.reads]
        if any(group.state not in INACTIVE_STATES for group in readers):
            continue
        if described.missing:
            risks.append(Risk("no-reader", f"who reads {topic.name} is not known: {described.missing[0]}"))
        else:
            risks.append(Risk("no-reader", f"nobody reads {topic.name}: {_describe_states(readers)}"))
    return risks


def _describe_states(groups: Sequence[Group]) -> str:
    if not groups:
        return "no group has an offset or a member there"
    states = Counter(group.state for group in groups)
    if len(states) == 1:
        return f"{pluralize(len(groups), 'group')}, all {next(iter(states))}"
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items())) + " of its groups"
