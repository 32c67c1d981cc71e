"""What may go wrong with a move, looked at before it starts (R7, R8, R5, R11)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mqtui.brokers.rabbitmq.config import HINT
from mqtui.brokers.rabbitmq.connection import alarms, permission_probes
from mqtui.brokers.rabbitmq.connection.session import Access
from mqtui.brokers.rabbitmq.read.bindings import Routes, setting
from mqtui.brokers.rabbitmq.read.policies import exchange_policy, queue_policy
from mqtui.brokers.rabbitmq.read.queue_info import UNKNOWN, Queue, queue_facts
from mqtui.brokers.rabbitmq.redrive import source_checks, target_limits
from mqtui.domain.errors import NotAuthorised, NotFound
from mqtui.domain.plan import Deliver, Plan, Risk, Send, Severity, Take
from mqtui.domain.redrive import Guarantee, Source
from mqtui.domain.resource import Kind, Ref

REFUSE = Severity.REFUSE
COPIES = ("copies", "CC and BCC are kept as x-mqtui-cc and x-mqtui-bcc: by their own names they would be routed again")


async def inspected(access: Access, source: Source, plan: Plan, guarantee: Guarantee) -> Plan:
    """The plan with the guarantee and this broker's risks. Without a Take the letters come from another broker."""
    takes = any(isinstance(step, Take) for step in plan.steps)
    targets = [step.target for step in plan.steps if isinstance(step, Deliver | Send)]
    risks = await _of_broker(access, publishes=bool(targets))
    if takes:
        facts = await queue_facts(access, source.ref.name)
        risks += source_checks.of_source(source, facts, plan) + await source_checks.of_unreadable(access, facts)
        risks += await source_checks.of_amqp_1_0(access)
    inspection = Inspection(access, source.ref, plan)
    for target in dict.fromkeys(targets):
        risks += await inspection.of(target)
    stopped = any(risk.name == "alarm" for risk in risks)
    if stopped and targets:
        risks.append(
            target_limits.unchecked("the right to publish", "The probe is a message, which the alarm would stop.")
        )
    risks += await _rights(access, source.ref.name if takes else None, () if stopped else targets)
    facts_told = (*plan.facts, COPIES) if targets else plan.facts
    return replace(plan, guarantee=guarantee, facts=facts_told, risks=plan.risks + tuple(dict.fromkeys(risks)))


async def _of_broker(access: Access, *, publishes: bool) -> list[Risk]:
    """An alarm stops a run that publishes. One that only takes letters out goes on; it could just save none (R3)."""
    if not access.management.given:
        return [target_limits.unchecked("whether an alarm stops publishers", HINT)] if publishes else []
    told = await alarms.told(access)
    if not told:
        return []
    text = f"publishers are stopped by an alarm of {told}"
    if publishes:
        return [Risk("alarm", f"{text}: the run would wait until it ends", REFUSE)]
    return [Risk("alarm", f"{text}: a letter that is not wanted and has no delivery left could not be saved")]


async def _rights(access: Access, source: str | None, targets: Sequence[Ref]) -> list[Risk]:
    exchanges = {target.name if target.kind is Kind.EXCHANGE else "" for target in targets}

    async def there() -> list[Risk]:
        risks: list[Risk] = []
        async with access.link() as link:
            asked = [permission_probes.may_write(link, name, "") for name in sorted(exchanges)]
            if source is not None:
                asked.insert(0, permission_probes.may_read(link, source))
            for question in asked:
                try:
                    await question
                except NotAuthorised as error:
                    risks.append(Risk("rights", f"{error.title}. {error.hint}", REFUSE, final=True))
                except NotFound:
                    continue
        return risks

    return await access.io.call(there())


class Inspection:
    """PeekHistory at the targets of one plan."""

    def __init__(self, access: Access, source: Ref, plan: Plan) -> None:
        self._access = access
        self._source = source
        self._plan = plan
        self._types: dict[str, str] | None = None

    async def of(self, target: Ref) -> list[Risk]:
        """What speaks against a target."""
        try:
            if target.kind is Kind.EXCHANGE:
                return await self._exchange(target.name)
            facts = await queue_facts(self._access, target.name)
        except NotFound as error:
            return [Risk("target-missing", f"{target}: {error.title}", REFUSE, final=True)]
        risks = target_limits.of_queue(facts, self._plan) + target_limits.of_readers(facts)
        if facts.sort not in (UNKNOWN, "stream"):
            risks += await self._second_death(facts)
        return risks

    async def _exchange(self, name: str) -> list[Risk]:
        if not self._access.management.given:
            await self._access.ask(lambda channel: channel.exchange_declared(name))
            copies = Risk("fan-out", f"every queue bound to {name} gets a copy; which ones can't be read")
            return [target_limits.unchecked(f"bindings and alternate exchange of {name}", ""), copies]
        row = await self._access.management.exchange(name)
        risks: list[Risk] = []
        if row.get("internal"):
            risks.append(Risk("internal", f"nobody may publish to the internal exchange {name}", REFUSE, final=True))
        if not row.get("durable", True):
            risks.append(Risk("non-durable", f"exchange {name} does not survive a restart of the broker", REFUSE))
        policy = await exchange_policy(self._access.management, row)
        alternate = row.get("arguments", {}).get("alternate-exchange") or (policy or {}).get("alternate-exchange")
        if alternate:
            text = f"what {name} can't route goes to {alternate} and counts as stored"
            risks.append(Risk("alternate-exchange", text, REFUSE))
        return risks + await self._bound(name)

    async def _bound(self, exchange: str) -> list[Risk]:
        routes = Routes(self._access.management, await self._queue_types())
        keys = self._keys(exchange)
        found = {key: await routes.reached(exchange, key) for key in keys or (None,)}
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
        failed = await self._failed_queues(routes)
        if failed and not failed & set(reached):
            names = ", ".join(sorted(ref.name for ref in failed))
            text = f"{exchange} reaches none of the queues whose letters die into {self._source.name} ({names})"
            risks.append(Risk("unroutable", text, REFUSE))
        for ref in reached:
            facts = await queue_facts(self._access, ref.name)
            risks += target_limits.of_queue(facts, self._plan) + target_limits.of_readers(facts)
        return risks

    def _keys(self, exchange: str) -> tuple[str, ...]:
        """The routing keys with which the plan delivers there, as far as they are known."""
        ways = [step for step in self._plan.steps if isinstance(step, Deliver) and step.target.name == exchange]
        return tuple(dict.fromkeys(key for step in ways if step.target.kind is Kind.EXCHANGE for key in step.keys))

    async def _failed_queues(self, routes: Routes) -> set[Ref]:
        """The queues that dead-letter into the source."""
        found: set[Ref] = set()
        async for page in self._access.management.pages("queues/{vhost}", "list of queues"):
            for row in page:
                policy = await queue_policy(self._access.management, row)
                if setting(row, policy, "dead-letter-exchange") is None:
                    continue
                if self._source in await routes.dead_letters(row, policy):
                    found.add(Ref(Kind.STREAM if row.get("type") == "stream" else Kind.QUEUE, row["name"]))
        return found

    async def _second_death(self, facts: Queue) -> list[Risk]:
        """A letter sent straight to its queue dies with the queue's name as routing key: where does that lead?"""
        exchange, key = facts.setting("dead-letter-exchange"), facts.setting("dead-letter-routing-key")
        if exchange is None:
            return [
                Risk("no-dead-letters", f"{facts.name} has no dead-letter exchange: letters that fail again are lost")
            ]
        if key is not None or exchange == "":
            return []
        routes = Routes(self._access.management, await self._queue_types())
        if await routes.reached(str(exchange), facts.name):
            return []
        text = (
            f"letters that fail again in {facts.name} die with the key {facts.name!r}, which {exchange} does not route"
        )
        return [Risk("second-death", text)]

    async def _queue_types(self) -> dict[str, str]:
        if self._types is None:
            self._types = {}
            columns: dict[str, str | int] = {"columns": "name,type"}
            async for page in self._access.management.pages("queues/{vhost}", "list of queues", columns):
                self._types |= {row["name"]: row.get("type", "classic") for row in page}
        return self._types
