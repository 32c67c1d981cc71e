"""A confirm is not safety: what a queue or stream does with messages it confirmed (R7)."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.read.queue_info import UNKNOWN, Queue
from mqtui.domain.figure import pluralize
from mqtui.domain.plan import Plan, Risk, Severity

REFUSE = Severity.REFUSE
REJECTS = ("reject-publish", "reject-publish-dlx")


def unchecked(what: str, why: str) -> Risk:
    """Something the plan can't say."""
    return Risk("unchecked", f"{what} could not be checked. {why}".rstrip())


def of_queue(facts: Queue, plan: Plan) -> list[Risk]:
    """What speaks against storing the plan's letters there."""
    if facts.sort == UNKNOWN:
        return [unchecked(f"room, time to live and durability of {facts.name}", facts.why)]
    risks: list[Risk] = []
    if not facts.row.get("durable", True):
        risks.append(Risk("non-durable", f"{facts.name} does not survive a restart of the broker", REFUSE))
    if facts.policy is None:
        risks.append(unchecked(f"the policy of {facts.name}", "The user may not read policies."))
    risks += _short_stream(facts, plan) if facts.sort == "stream" else _full(facts, plan)
    ttl, expires = facts.setting("message-ttl"), facts.setting("expires")
    if ttl is not None:
        risks.append(Risk("ttl", f"messages of {facts.name} expire after {ttl} ms"))
    if expires is not None:
        risks.append(Risk("expires", f"{facts.name} itself vanishes after {expires} ms without a reader"))
    return risks


def of_readers(facts: Queue) -> list[Risk]:
    """Whether anybody reads there. How many read a stream, its own figures do not tell."""
    if facts.consumers or facts.sort == "stream":
        return []
    return [Risk("no-reader", f"no consumer reads {facts.name}; {facts.ready:,} wait there already")]


def _full(facts: Queue, plan: Plan) -> list[Risk]:
    count, most = plan.count.number, facts.setting("max-length")
    size, most_bytes = plan.largest, facts.setting("max-length-bytes")
    held = facts.row.get("message_bytes_ready") or facts.row.get("message_bytes") or 0
    told: list[str] = []
    if isinstance(most, int) and (count is None or facts.ready + count > most):
        told.append(
            f"it holds {facts.ready:,} of at most {most:,}, and room is needed for {pluralize(plan.count, 'letter')}"
        )
    if isinstance(most_bytes, int) and held + (count or 1) * size >= most_bytes:
        told.append(f"it holds {held:,} of at most {most_bytes:,} bytes")
    elif isinstance(most_bytes, int) and not size:
        told.append(f"it takes at most {most_bytes:,} bytes, and the letters' sizes are not known")
    if not told:
        return []
    text = f"{facts.name} has too little room: {'; '.join(told)}"
    if facts.setting("overflow") in REJECTS:
        return [Risk("full", f"{text}. What does not fit is refused and stays")]
    return [Risk("drop-head", f"{text}. It confirms and drops its oldest messages", REFUSE)]


def _short_stream(facts: Queue, plan: Plan) -> list[Risk]:
    told = []
    if facts.setting("max-age") is not None:
        told.append(f"drops records older than {facts.setting('max-age')}")
    most = facts.setting("max-length-bytes")
    if isinstance(most, int):
        told.append(f"drops its oldest records over {most:,} bytes")
    return [Risk("short-stream", f"the stream {facts.name} {' and '.join(told)}", REFUSE)] if told else []
