"""Checks of a redrive before it starts: alarms, permissions, source, targets, routes (R5, R7, R8, R11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mqtui.brokers.rabbitmq.config import HINT
from mqtui.brokers.rabbitmq.connection import alarms, permission_probes
from mqtui.brokers.rabbitmq.connection.session import RabbitSession
from mqtui.brokers.rabbitmq.read.bindings import BindingGraph, argument_or_policy
from mqtui.brokers.rabbitmq.read.policies import exchange_policy, queue_policy
from mqtui.brokers.rabbitmq.read.queue_info import UNKNOWN, QueueInfo, describe_queue
from mqtui.brokers.rabbitmq.redrive import source_checks, target_limits
from mqtui.domain.errors import NotAuthorised, NotFound
from mqtui.domain.plan import Deliver, Plan, Risk, Send, Severity, Take
from mqtui.domain.redrive import Guarantee, Source
from mqtui.domain.resource import Kind, Ref

REFUSE = Severity.REFUSE
COPIES = ("copies", "CC and BCC are renamed x-mqtui-cc and x-mqtui-bcc: else the broker would send further copies")


async def check_plan(session: RabbitSession, source: Source, plan: Plan, guarantee: Guarantee) -> Plan:
    """The plan with guarantee and risks. A plan without a `Take` gets its letters from another broker."""
    takes = any(isinstance(step, Take) for step in plan.steps)
    targets = [step.target for step in plan.steps if isinstance(step, Deliver | Send)]
    risks = await _check_alarms(session, publishes=bool(targets))
    if takes:
        queue = await describe_queue(session, source.ref.name)
        risks += source_checks.check_source(source, queue, plan) + await source_checks.check_unreadable(session, queue)
        risks += await source_checks.check_amqp_1_0_senders(session)
    inspection = TargetInspection(session, source.ref, plan)
    for target in dict.fromkeys(targets):
        risks += await inspection.check(target)
    stopped = any(risk.name == "alarm" for risk in risks)
    if stopped and targets:
        risks.append(
            target_limits.unchecked_risk("the right to publish", "The probe is a message, which the alarm would stop.")
        )
    risks += await _check_permissions(session, source.ref.name if takes else None, () if stopped else targets)
    facts = (*plan.facts, COPIES) if targets else plan.facts
    return replace(plan, guarantee=guarantee, facts=facts, risks=plan.risks + tuple(dict.fromkeys(risks)))


async def _check_alarms(session: RabbitSession, *, publishes: bool) -> list[Risk]:
    """An alarm blocks a run that publishes. One that only removes letters goes on, but can't republish any (R3)."""
    if not session.management.is_configured:
        return [target_limits.unchecked_risk("whether an alarm stops publishers", HINT)] if publishes else []
    raised = await alarms.describe_alarms(session)
    if not raised:
        return []
    text = f"publishers are stopped by an alarm of {raised}"
    if publishes:
        return [Risk("alarm", f"{text}: the run would wait until it ends", REFUSE)]
    return [
        Risk("alarm", f"{text}: a letter that is not selected and has no delivery left could not be published again")
    ]


async def _check_permissions(session: RabbitSession, source: str | None, targets: Sequence[Ref]) -> list[Risk]:
    exchanges = {target.name if target.kind is Kind.EXCHANGE else "" for target in targets}

    async def run_probes() -> list[Risk]:
        risks: list[Risk] = []
        async with session.connection() as connection:
            probes = [permission_probes.require_write(connection, name, "") for name in sorted(exchanges)]
            if source is not None:
                probes.insert(0, permission_probes.require_read(connection, source))
            for probe in probes:
                try:
                    await probe
                except NotAuthorised as error:
                    risks.append(Risk("rights", f"{error.title}. {error.hint}", REFUSE, final=True))
                except NotFound:
                    continue
        return risks

    return await session.io.call(run_probes())


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
        risks = target_limits.check_queue(queue, self._plan) + target_limits.check_consumers(queue)
        if queue.type not in (UNKNOWN, "stream"):
            risks += await self._check_next_dead_letter(queue)
        return risks

    async def _check_exchange(self, name: str) -> list[Risk]:
        if not self._session.management.is_configured:
            await self._session.on_channel(lambda channel: channel.require_exchange(name))
            copies = Risk("fan-out", f"every queue bound to {name} gets a copy; which ones can't be read")
            return [target_limits.unchecked_risk(f"bindings and alternate exchange of {name}", ""), copies]
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
            risks += target_limits.check_queue(queue, self._plan) + target_limits.check_consumers(queue)
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
