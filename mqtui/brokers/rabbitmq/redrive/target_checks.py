"""Checks of a redrive's targets: routes, dead-letter loops, and limits that drop messages after a confirm (R7)."""

from __future__ import annotations

from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read.bindings import BindingGraph, argument_or_policy
from mqtui.brokers.rabbitmq.read.policies import exchange_policy, queue_policy
from mqtui.brokers.rabbitmq.read.queue_info import UNKNOWN, QueueInfo, describe_queue
from mqtui.domain.errors import NotFound
from mqtui.domain.figure import pluralize
from mqtui.domain.plan import Deliver, Plan, Risk, Severity, Take
from mqtui.domain.resource import Kind, Ref

REFUSE = Severity.REFUSE
REJECTING_OVERFLOW = ("reject-publish", "reject-publish-dlx")


def unchecked_risk(what: str, why: str) -> Risk:
    """The risk that something could not be checked."""
    return Risk("unchecked", f"{what} could not be checked. {why}".rstrip())


class TargetInspection:
    """Checks the targets of one plan."""

    def __init__(self, session: RabbitSession, source: Ref, plan: Plan) -> None:
        self._session = session
        self._source = source
        self._plan = plan
        self._types: dict[str, str] | None = None

    async def check(self, target: Ref) -> list[Risk]:
        """The risks of sending letters to this target."""
        try:
            if target.kind is Kind.EXCHANGE:
                return await self._check_exchange(target.name)
            queue = await describe_queue(self._session, target.name)
        except NotFound as error:
            return [Risk("target-missing", f"{target}: {error.title}", REFUSE, final=True)]
        risks = _check_queue(queue, self._plan) + _check_consumers(queue)
        if queue.type not in (UNKNOWN, "stream"):
            risks += await self._check_next_dead_letter(queue)
        return risks

    async def _check_exchange(self, name: str) -> list[Risk]:
        if not self._session.management.is_configured:
            await self._session.on_channel(f"ask for exchange {name}", lambda channel: channel.require_exchange(name))
            copies = Risk("fan-out", f"every queue bound to {name} gets a copy; which ones can't be read")
            return [unchecked_risk(f"bindings and alternate exchange of {name}", ""), copies]
        row = await self._session.management.exchange(name)
        risks: list[Risk] = []
        if row.get("internal"):
            risks.append(Risk("internal", f"nobody may publish to the internal exchange {name}", REFUSE, final=True))
        if not row.get("durable", True):
            risks.append(Risk("non-durable", f"exchange {name} does not survive a restart of the broker", REFUSE))
        policy = await exchange_policy(self._session.management, row)
        alternate = row.get("arguments", {}).get("alternate-exchange") or (policy or {}).get("alternate-exchange")
        if alternate:
            text = f"what {name} can't route goes to {alternate} and counts as stored"
            risks.append(Risk("alternate-exchange", text, REFUSE))
        return risks + await self._check_bindings(name)

    async def _check_bindings(self, exchange: str) -> list[Risk]:
        graph = BindingGraph(self._session.management, await self._queue_types())
        keys = self._keys(exchange)
        found = {key: await graph.reachable_queues(exchange, key) for key in keys or (None,)}
        reached = sorted({ref for each in found.values() for ref in each})
        if not reached:
            by = f" with the key {', '.join(keys)}" if keys else ""
            return [Risk("unroutable", f"nothing is bound to {exchange}{by}: every letter would come back", REFUSE)]
        names = ", ".join(ref.name for ref in reached)
        risks = [Risk("fan-out", f"each letter goes to every queue that {exchange} routes it to: {names}")]
        if lost := [str(key) for key, each in found.items() if not each]:
            risks.append(Risk("unroutable", f"{exchange} routes the key {', '.join(lost)} to no queue: these stay"))
        if self._source in reached and any(isinstance(step, Take) for step in self._plan.steps):
            text = f"{exchange} leads back to {self._source.name}, where the letters come from"
            risks.append(Risk("itself", text, REFUSE, final=len(reached) == 1))
        failed = await self._queues_dead_lettering_here(graph)
        if failed and not failed & set(reached):
            names = ", ".join(sorted(ref.name for ref in failed))
            text = f"{exchange} reaches none of the queues whose letters die into {self._source.name} ({names})"
            risks.append(Risk("unroutable", text, REFUSE))
        for ref in reached:
            queue = await describe_queue(self._session, ref.name)
            risks += _check_queue(queue, self._plan) + _check_consumers(queue)
        return risks

    def _keys(self, exchange: str) -> tuple[str, ...]:
        """The routing keys with which the plan publishes there, as far as they are known."""
        deliveries = [step for step in self._plan.steps if isinstance(step, Deliver) and step.target.name == exchange]
        return tuple(
            dict.fromkeys(key for step in deliveries if step.target.kind is Kind.EXCHANGE for key in step.keys)
        )

    async def _queues_dead_lettering_here(self, graph: BindingGraph) -> set[Ref]:
        """The queues that dead-letter into the source."""
        found: set[Ref] = set()
        async for page in self._session.management.list_all("queues"):
            for row in page:
                policy = await queue_policy(self._session.management, row)
                if argument_or_policy(row, policy, "dead-letter-exchange") is None:
                    continue
                if self._source in await graph.dead_letter_targets(row, policy):
                    found.add(Ref(Kind.STREAM if row.get("type") == "stream" else Kind.QUEUE, row["name"]))
        return found

    async def _check_next_dead_letter(self, queue: QueueInfo) -> list[Risk]:
        """A letter published by the default exchange dies with the queue's name as routing key: is that one bound?"""
        exchange, key = queue.setting("dead-letter-exchange"), queue.setting("dead-letter-routing-key")
        if exchange is None:
            return [
                Risk("no-dead-letters", f"{queue.name} has no dead-letter exchange: letters that fail again are lost")
            ]
        if key is not None or exchange == "":
            return []
        graph = BindingGraph(self._session.management, await self._queue_types())
        if await graph.reachable_queues(str(exchange), queue.name):
            return []
        text = (
            f"letters that fail again in {queue.name} die with the key {queue.name!r}, which {exchange} does not route"
        )
        return [Risk("second-death", text)]

    async def _queue_types(self) -> dict[str, str]:
        if self._types is None:
            self._types = {}
            columns: dict[str, str | int] = {"columns": "name,type"}
            async for page in self._session.management.list_all("queues", columns):
                self._types |= {row["name"]: row.get("type", "classic") for row in page}
        return self._types


def _check_queue(queue: QueueInfo, plan: Plan) -> list[Risk]:
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


def _check_consumers(queue: QueueInfo) -> list[Risk]:
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
