"""Limits of a target that may drop messages after they were confirmed: length, age, TTL, durability (R7)."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.read.queue_info import UNKNOWN, QueueInfo
from mqtui.domain.figure import pluralize
from mqtui.domain.plan import Plan, Risk, Severity

REFUSE = Severity.REFUSE
REJECTING_OVERFLOW = ("reject-publish", "reject-publish-dlx")


def unchecked_risk(what: str, why: str) -> Risk:
    """The risk that something could not be checked."""
    return Risk("unchecked", f"{what} could not be checked. {why}".rstrip())


def check_queue(queue: QueueInfo, plan: Plan) -> list[Risk]:
    """Risks of storing the plan's letters in this queue or stream."""
    if queue.type == UNKNOWN:
        return [unchecked_risk(f"room, time to live and durability of {queue.name}", queue.unreadable_reason)]
    risks: list[Risk] = []
    if not queue.row.get("durable", True):
        risks.append(Risk("non-durable", f"{queue.name} does not survive a restart of the broker", REFUSE))
    if queue.policy is None:
        risks.append(unchecked_risk(f"the policy of {queue.name}", "The user may not read policies."))
    risks += _check_retention(queue, plan) if queue.type == "stream" else _check_length(queue, plan)
    ttl, expires = queue.setting("message-ttl"), queue.setting("expires")
    if ttl is not None:
        risks.append(Risk("ttl", f"messages of {queue.name} expire after {ttl} ms"))
    if expires is not None:
        risks.append(Risk("expires", f"{queue.name} itself vanishes after {expires} ms without a reader"))
    return risks


def check_consumers(queue: QueueInfo) -> list[Risk]:
    """Whether the target has consumers. A stream does not report its own."""
    if queue.consumers or queue.type == "stream":
        return []
    return [Risk("no-reader", f"no consumer reads {queue.name}; {queue.ready:,} wait there already")]


def _check_length(queue: QueueInfo, plan: Plan) -> list[Risk]:
    count, most = plan.count.number, queue.setting("max-length")
    size, most_bytes = plan.largest, queue.setting("max-length-bytes")
    held = queue.row.get("message_bytes_ready") or queue.row.get("message_bytes") or 0
    reasons: list[str] = []
    if isinstance(most, int) and (count is None or queue.ready + count > most):
        reasons.append(
            f"it holds {queue.ready:,} of at most {most:,}, and room is needed for {pluralize(plan.count, 'letter')}"
        )
    if isinstance(most_bytes, int) and held + (count or 1) * size >= most_bytes:
        reasons.append(f"it holds {held:,} of at most {most_bytes:,} bytes")
    elif isinstance(most_bytes, int) and not size:
        reasons.append(f"it takes at most {most_bytes:,} bytes, and the letters' sizes are not known")
    if not reasons:
        return []
    text = f"{queue.name} has too little room: {'; '.join(reasons)}"
    if queue.setting("overflow") in REJECTING_OVERFLOW:
        return [Risk("full", f"{text}. What does not fit is refused and stays")]
    return [Risk("drop-head", f"{text}. It confirms and drops its oldest messages", REFUSE)]


def _check_retention(queue: QueueInfo, plan: Plan) -> list[Risk]:
    reasons = []
    if queue.setting("max-age") is not None:
        reasons.append(f"drops records older than {queue.setting('max-age')}")
    most = queue.setting("max-length-bytes")
    if isinstance(most, int):
        reasons.append(f"drops its oldest records over {most:,} bytes")
    return [Risk("short-stream", f"the stream {queue.name} {' and '.join(reasons)}", REFUSE)] if reasons else []
