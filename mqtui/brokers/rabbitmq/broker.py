"""One RabbitMQ to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mqtui.brokers.port import Pending
from mqtui.brokers.rabbitmq import checks, creation, listen, steps
from mqtui.brokers.rabbitmq.access import Access
from mqtui.brokers.rabbitmq.catalog import RabbitCatalog
from mqtui.brokers.rabbitmq.facts import queue_facts
from mqtui.brokers.rabbitmq.groups import RabbitGroups
from mqtui.brokers.rabbitmq.options import HINT
from mqtui.brokers.rabbitmq.reader import RabbitReader
from mqtui.domain.capability import SUPPORTED, Support, Verb, not_supported
from mqtui.domain.errors import CannotConnect, MqtuiError, NotAuthorised, Unsupported
from mqtui.domain.figure import Exactness, Figure, exact, pluralize, unknown
from mqtui.domain.plan import Plan
from mqtui.domain.redrive import CountBound, Guarantee, Source, Strength
from mqtui.domain.resource import BrokerKind, Kind, Ref
from mqtui.domain.topology import Destination, Survey

GUARANTEE = Guarantee(
    Strength.AT_LEAST_ONCE,
    "at least once: source, target and bundle together hold every letter, whenever the run is killed; a letter may be "
    "there twice only where it was in hand at that moment, and those are named; of letters without a delivery left, "
    "the broker may drop one if the run is killed before it is in the bundle",
)
DATE_AGE = 1
"""Seconds by which the management API's `Date` may be behind the clock: what was counted before it is not later."""

ASKED = 50
"""Queues of which a listing has samples only that are asked for their own figures, one round trip each."""

NEED_MANAGEMENT = frozenset({Verb.LIST, Verb.GROUPS, Verb.LAG, Verb.DEAD_LETTERS})


class RabbitBroker:
    """Looks, and changes nothing."""

    kind = BrokerKind.RABBITMQ
    pending: Pending | None = None

    def __init__(self, access: Access) -> None:
        self._access = access
        self.catalog = RabbitCatalog(access)
        self.reader = RabbitReader(access)
        self.groups = RabbitGroups(access)

    async def identity(self) -> str:
        """Cluster name and vhost, as the broker says them when a connection opens: no management API is needed."""
        return f"{(await self._access.server()).cluster}/{self._access.vhost}"

    async def can(self, verb: Verb, ref: Ref | None = None) -> Support:
        """Whether the verb is offered, or the reason why not."""
        if verb in NEED_MANAGEMENT and not self._access.management.given:
            return not_supported(f"{verb} needs the management API, and none was given", HINT)
        sort = ""
        if ref is not None and ref.kind is Kind.QUEUE and verb in steps.READING | steps.OF_STREAMS:
            sort = (await queue_facts(self._access, ref.name)).sort
        refusal = steps.refusal(verb, ref, sort)
        return SUPPORTED if refusal is None else refusal

    async def survey(self) -> Survey:
        """Queues, streams and exchanges with what waits; each is listed once."""
        return await self.catalog.survey()

    async def survey_depths(self) -> Survey:
        """The same: a queue tells both at once."""
        return await self.survey()

    async def count_letters(self, rows: Sequence[Destination]) -> Mapping[Ref, Figure]:
        """What is ready by the listing; a queue of which that is a sample only is asked itself, where they are few."""
        sampled = [row for row in rows if row.ref.kind is Kind.QUEUE and row.backlog.sort is not Exactness.EXACT]
        asked = [row.ref for row in sampled] if len(sampled) <= ASKED else []
        return {row.ref: row.backlog for row in rows} | {ref: await self._ready(ref) for ref in asked}

    async def _ready(self, queue: Ref) -> Figure:
        try:
            return exact((await self._access.declared(queue.name))[0])
        except CannotConnect:
            raise
        except MqtuiError as error:
            return unknown(error.title)

    async def snapshot(self, source: Ref) -> Source:
        """How many messages are ready as of now, and who reads them.

        Raises:
            NotFound: there is no such queue.
            Unsupported: it is a stream or an exchange, from which no single message can be removed.
        """
        support = steps.refusal(Verb.REDRIVE, source, "")
        if support is None and source.kind is not Kind.QUEUE:
            support = steps.NO_MESSAGES
        if support is not None:
            raise Unsupported(f"{source} can't be a source", support.reason, support.hint)
        facts = await queue_facts(self._access, source.name)
        if facts.sort == "stream":
            raise Unsupported(f"{source} can't be a source", steps.NO_REMOVAL.reason, steps.NO_REMOVAL.hint)
        made = await creation.creation_of(self._access, facts)
        clock = creation.broker_time(self._access)
        at = None if clock is None else (clock + DATE_AGE) * 1000
        readers = (await self.groups.readers_of([source]))[source] if facts.consumers else ()
        if facts.consumers and not readers:
            readers = (pluralize(facts.consumers, "consumer"),)
        identity = f"{await self.identity()}/{source.name}" + ("" if made is None else f" {made.shape}")
        bound = CountBound(facts.ready, at, "" if made is None else made.encoded())
        return Source(source, identity, bound, exact(facts.ready), readers=readers)

    async def check_plan(self, source: Source, plan: Plan) -> Plan:
        """The plan with room, routes, rights and readers looked at."""
        return await checks.inspected(self._access, source, plan, self.guarantee(source.ref, ()))

    def guarantee(self, source: Ref, targets: Sequence[Ref]) -> Guarantee:
        """At least once, suspects named (C6)."""
        return GUARANTEE

    async def can_listen(self, source: Ref) -> Support:
        """Whether the queue's bindings can be shared by another queue, or why not (R16)."""
        try:
            await listen.bindings(self._access, source)
        except (Unsupported, NotAuthorised, CannotConnect) as error:
            return not_supported(error.detail or error.title, error.hint)
        return SUPPORTED
