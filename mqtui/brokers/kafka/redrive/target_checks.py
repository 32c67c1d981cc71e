"""What may go wrong with the topics a plan sends letters to, by their settings, partitions and readers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence

from confluent_kafka import KafkaError
from confluent_kafka.admin import AclOperation, OffsetSpec

from mqtui.brokers.kafka.connection.clients import Connection
from mqtui.brokers.kafka.read.groups import list_groups
from mqtui.brokers.kafka.read.offsets import ask_offsets, why_missing
from mqtui.brokers.kafka.read.topic_limits import FOREVER, MOST, TopicLimits, codec_of
from mqtui.brokers.kafka.read.topic_metadata import Topic, configs, describe, topic_name
from mqtui.domain.errors import NotAuthorised, NotFound, TimedOut
from mqtui.domain.figure import pluralize
from mqtui.domain.plan import Deliver, Plan, Risk, Send, Severity, Take
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.topology import Group

SHORT = 3_600_000
"""Milliseconds of retention within which letters may be deleted before anybody read them."""

ASLEEP = frozenset({"Empty", "Dead"})


async def target_risks(connection: Connection, plan: Plan) -> list[Risk]:
    """The topics letters go to: there, writable, fit for the letters, and read by somebody."""
    refs: dict[Ref, None] = {}
    for step in plan.steps:
        if isinstance(step, Send | Deliver):
            refs[step.target] = None
    risks: list[Risk] = []
    found: list[Topic] = []
    for ref in refs:
        try:
            topic = await describe(connection, topic_name(ref))
        except NotFound as error:
            risks.append(Risk("no-target", f"{error.title}; mqtui does not create it", Severity.REFUSE, final=True))
        except NotAuthorised as error:
            risks.append(Risk("no-right", f"{error.title}: {error.hint}", Severity.REFUSE, final=True))
        else:
            found.append(topic)
            if AclOperation.WRITE not in topic.rights:
                text = f"the right to write {topic.name} is missing: Write on topic {topic.name}"
                risks.append(Risk("no-right", text, Severity.REFUSE, final=True))
    if not found:
        return risks
    taken = [step.source.ref.name for step in plan.steps if isinstance(step, Take)]
    told = await configs(connection, [*taken, *(topic.name for topic in found)])
    sources = [TopicLimits.of(told[name]) for name in taken if name in told]
    for topic in found:
        config = told.get(topic.name)
        if config is not None:
            codec = codec_of(connection.codec, [*sources, TopicLimits.of(config)])
            risks += fitness_risks(topic.name, config, plan, codec)
    risks += await _partition_risks(connection, found)
    return risks + await _reader_risks(connection, found)


def fitness_risks(name: str, config: Mapping[str, str], plan: Plan, codec: str = "zstd") -> list[Risk]:
    """What a topic's settings say against the letters of a plan; `codec` is what large ones are compressed with."""
    risks: list[Risk] = []
    limits = TopicLimits.of(config)
    if plan.largest > limits.size:
        text = (
            f"the largest letter has {plan.largest:,} B, {name} takes at most {limits.size:,} B: larger ones may fit "
        )
        text += f"compressed and are sent with {codec}; one that does not fit is refused alone"
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
    if "delete" in config.get("cleanup.policy", "delete") and 0 <= retention < SHORT:
        text = f"{name} deletes records after {retention / 1000:,.0f} s (retention.ms={retention}), read or not"
        risks.append(Risk("expiry", text))
    if plan.keeps_time:
        risks += timestamp_risks(name, config, plan.oldest, plan.newest)
    return risks


def timestamp_risks(
    name: str, config: Mapping[str, str], oldest: int | None, newest: int | None, now: int | None = None
) -> list[Risk]:
    """Why letters can't go to a topic with their own time (K7). Times are ms; `config` is the topic's.

    [A kept 8-day-old time in a 7-day topic: deleted before anybody read it.]
    """
    now = int(time.time() * 1000) if now is None else now
    if config.get("message.timestamp.type") == "LogAppendTime":
        texts = [f"{name} stamps records itself (message.timestamp.type=LogAppendTime): it can't keep a letter's time"]
    else:
        limits = TopicLimits.of(config)
        retention = int(config.get("retention.ms") or MOST)
        if "delete" not in config.get("cleanup.policy", "delete") or retention == FOREVER:
            retention = MOST
        age = now - oldest if oldest is not None else 0
        ahead = newest - now if newest is not None else 0
        told = f"the oldest letter is {age // 1000:,} s old; {name}"
        texts = [f"{told} deletes what is older (retention.ms={retention})"] * (age > retention)
        if age > limits.before:
            texts.append(f"{told} refuses older times (message.timestamp.before.max.ms={limits.before})")
        if ahead > limits.after:
            text = f"the newest letter is {ahead // 1000:,} s ahead; {name} refuses times so far ahead "
            texts.append(f"{text}(message.timestamp.after.max.ms={limits.after})")
    return [Risk("timestamps", text, Severity.REFUSE, final=True) for text in texts]


async def _partition_risks(connection: Connection, topics: Sequence[Topic]) -> list[Risk]:
    """Partitions that take no letters now (K19)."""
    places = [(topic.name, number) for topic in topics for number in topic.partitions]
    try:
        answers = await ask_offsets(connection, places, OffsetSpec.latest())
    except TimedOut as error:
        return [Risk("target-partition", f"no partition of {topics[0].name} answers: {error.detail}")]
    return [
        Risk("target-partition", f"partition {number} of {name} {why_missing(answer)}: letters for it do not get there")
        for (name, number), answer in sorted(answers.items())
        if isinstance(answer, KafkaError)
    ]


async def _reader_risks(connection: Connection, topics: Sequence[Topic]) -> list[Risk]:
    """Topics that nobody reads now, as far as the coordinators told."""
    told = await list_groups(connection)
    risks: list[Risk] = []
    for topic in topics:
        readers = [group for group in told.groups if Ref(Kind.TOPIC, topic.name) in group.reads]
        if any(group.state not in ASLEEP for group in readers):
            continue
        if told.untold:
            risks.append(Risk("no-reader", f"who reads {topic.name} is not known: {told.untold[0]}"))
        else:
            risks.append(Risk("no-reader", f"nobody reads {topic.name}: {_states(readers)}"))
    return risks


def _states(groups: Sequence[Group]) -> str:
    if not groups:
        return "no group has an offset or a member there"
    states = Counter(group.state for group in groups)
    if len(states) == 1:
        return f"{pluralize(len(groups), 'group')}, all {next(iter(states))}"
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items())) + " of its groups"
