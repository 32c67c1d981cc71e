"""What a plan must know of this Redis before it runs: targets, rights, readers, replicas, room, persistence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from redis.exceptions import RedisError

from mqtui.brokers.redis.catalog import require_stream, stream_key
from mqtui.brokers.redis.errors import UNAVAILABLE
from mqtui.brokers.redis.lagging import Standing, standing
from mqtui.brokers.redis.marks import LIFE, claim_table, moved_record, run_mark, stay_mark
from mqtui.brokers.redis.nodes import Nodes
from mqtui.brokers.redis.replies import Answer, items, number, pairs, sure
from mqtui.brokers.redis.rights import claiming, marking, missing, recording, removing, storing
from mqtui.brokers.redis.server_checks import room_risks, server_risks
from mqtui.brokers.redis.slots import slot
from mqtui.domain.capability import Verb
from mqtui.domain.errors import MqtuiError, NotFound
from mqtui.domain.plan import Deliver, Plan, Risk, Send, Severity, Take
from mqtui.domain.redrive import Guarantee, IdBounds, Source, Strength
from mqtui.domain.resource import Ref, name_bytes

ACTIVE_MS = 600_000
"""A group none of whose consumers asked for so long is told as one that nobody is in."""

TWICE = "two runs at once may store a letter twice"


class StreamChecks:
    """Looks at everything a move touches. Changes nothing."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def guarantee(self, source: Source, targets: Sequence[Ref]) -> Guarantee:
        """What a move promises. Without targets it is a removal."""
        if not targets:
            return Guarantee(Strength.EXACTLY_ONCE, "each letter is removed once; one that a group still needs stays")
        if not any(self._crosses(source, target) for target in targets):
            text = (
                "a script stores each letter and removes it in one step: none is lost or doubled, whenever it is "
                f"interrupted; letters that another group still needs stay under a mark for {LIFE}"
            )
            return Guarantee(Strength.EXACTLY_ONCE, text)
        text = (
            "source and target lie in different slots: a resume doubles no letter while the run's mark lives "
            f"({LIFE}); two runs at once may"
        )
        return Guarantee(Strength.AT_LEAST_ONCE, text)

    async def inspect(self, source: Source, plan: Plan) -> Plan:
        """The plan with the guarantee and every risk that is known now; none where there is nothing to move.

        Raises:
            NotFound: the source is gone.
            CannotConnect, BrokerTrouble: no conversation.
        """
        if not any(isinstance(step, Take) for step in plan.steps):
            return await self._of_delivery(source, plan)
        targets = [step.target for step in plan.steps if isinstance(step, Deliver)]
        if isinstance(source.bounds, IdBounds) and source.bounds.last is None:
            return replace(plan, guarantee=self.guarantee(source, targets))
        risks = await self._of_targets(source, plan)
        risks += await self._of_source(source)
        if plan.verb is Verb.REDRIVE and not targets:
            risks += await self._of_claims(source)
        keys = [stream_key(target) for target in targets]
        for key in dict.fromkeys((stream_key(source.ref), *keys)):
            risks += await server_risks(await self._nodes.of(key), self._nodes.options.wait_replicas)
        for key in dict.fromkeys(keys):
            risks += await room_risks(await self._nodes.of(key))
        return replace(plan, guarantee=self.guarantee(source, targets), risks=(*plan.risks, *dict.fromkeys(risks)))

    async def _of_delivery(self, source: Source, plan: Plan) -> Plan:
        """The plan of letters that come from another broker; the source is not here."""
        risks: list[Risk] = []
        for target in dict.fromkeys(step.target for step in plan.steps if isinstance(step, Send)):
            key = stream_key(target)
            node = await self._nodes.of(key)
            try:
                risks += await self._of_target(source, target)
            except (NotFound, *UNAVAILABLE) as error:
                risks.append(_no_target(error))
            risks += _named(await missing(node, storing(key)))
            risks += await server_risks(node, self._nodes.options.wait_replicas)
            risks += await room_risks(node)
        return replace(plan, risks=(*plan.risks, *dict.fromkeys(risks)))

    def _crosses(self, source: Source, target: Ref) -> bool:
        return self._nodes.clustered and slot(name_bytes(source.ref.name)) != slot(name_bytes(target.name))

    async def _of_targets(self, source: Source, plan: Plan) -> list[Risk]:
        """A target that is missing or closed to this user keeps its own letters where they are, not the others'."""
        steps = [step for step in plan.steps if isinstance(step, Deliver)]
        risks: list[Risk] = []
        closed: dict[Ref, Sequence[MqtuiError]] = {}
        unasked = False
        for step in steps:
            try:
                risks += await self._of_target(source, step.target)
                lacking = await self._missing_for(source, step.target, plan.id)
            except (NotFound, *UNAVAILABLE) as error:
                closed[step.target] = [error]
                continue
            unasked = unasked or lacking is None
            if lacking:
                closed[step.target] = lacking
        if unasked:
            risks += _named(None)
        if len(closed) == len(steps):
            return risks + [risk for errors in closed.values() for risk in _closed(errors)]
        stay = [(step.count, closed[step.target][0]) for step in steps if step.target in closed]
        return risks + [Risk("target", f"{count} stay: {error.title}") for count, error in stay]

    async def _missing_for(self, source: Source, target: Ref, run: str) -> list[MqtuiError] | None:
        if target == source.ref:
            return []
        key = stream_key(target)
        mark = run_mark(self._nodes.address.prefix, key, run)
        needed = [*storing(key, mark), *marking(mark)] if self._crosses(source, target) else storing(key)
        return await missing(await self._nodes.of(key), needed)

    async def _of_target(self, source: Source, target: Ref) -> list[Risk]:
        """Raises NotFound, NotAuthorised or Unsupported where letters can't be stored there."""
        key = stream_key(target)
        kind, groups, life = await self._nodes.pipe(key, [("TYPE", key), ("XINFO", "GROUPS", key), ("PTTL", key)])
        require_stream(kind, target)
        read_by = [standing(group) for group in items(sure(groups, "XINFO GROUPS", target.name))]
        risks = _of_life(target, life, "and what is moved there goes with it")
        risks += await self._of_readers(target, read_by)
        if len(read_by) > 1:
            names = ", ".join(group.name for group in read_by)
            text = f"every group of {target.name} gets the letters, not only the one that failed: {names}"
            risks.append(Risk("copies", text))
        return risks

    async def _of_readers(self, target: Ref, groups: Sequence[Standing]) -> list[Risk]:
        """Whether somebody reads there: a consumer of some group asked lately."""
        if not groups:
            return [Risk("no-reader", f"no group reads {target.name}")]
        key = stream_key(target)
        asked = [("XINFO", "CONSUMERS", key, name_bytes(group.name)) for group in groups]
        words: list[str] = []
        for group, answer in zip(groups, await self._nodes.pipe(key, asked), strict=True):
            if isinstance(answer, RedisError):
                return []
            idle = min((number(pairs(row).get("idle")) for row in items(answer)), default=None)
            if idle is not None and idle < ACTIVE_MS:
                return []
            since = "no consumer is known" if idle is None else f"no consumer was active for {spoken(idle)}"
            words.append(f"group {group.name}: {since}")
        return [Risk("no-reader", f"nobody reads {target.name} now: {'; '.join(words)}")]

    async def _of_source(self, source: Source) -> list[Risk]:
        key, run = stream_key(source.ref), "0" * 32
        prefix, node = self._nodes.address.prefix, await self._nodes.of(key)
        groups, life = await self._nodes.pipe(key, [("XINFO", "GROUPS", key), ("PTTL", key)])
        read_by = [standing(one) for one in items(sure(groups, "XINFO GROUPS", source.ref.name))]
        risks = _of_life(source.ref, life, "and the letters that are still there with it")
        if read_by:
            names = ", ".join(group.name for group in read_by)
            text = (
                f"{source.ref.name} has groups of its own ({names}): what one of them was not given or has not "
                f"acknowledged stays there, marked as handled for {LIFE}"
            )
            risks.append(Risk("shared-groups", text))
        record = moved_record(prefix, key, run)
        risks += _named(await missing(node, removing(key, stay_mark(prefix, key), record)))
        return risks + _unrecorded(await missing(node, recording(record)) or [])

    async def _of_claims(self, source: Source) -> list[Risk]:
        """Letters go to another broker: whether this user may claim each before it is stored there."""
        key = stream_key(source.ref)
        lacking = await missing(await self._nodes.of(key), claiming(claim_table(self._nodes.address.prefix, key)))
        if lacking is None:
            return [Risk("no-claim", f"whether letters can be claimed is not known (ACL DRYRUN); if not, {TWICE}")]
        return [Risk("no-claim", f"{one.title}, so no letter is claimed: {TWICE}") for one in lacking[:1]]


def _closed(errors: Sequence[MqtuiError]) -> list[Risk]:
    missing_one = next((error for error in errors if isinstance(error, NotFound)), None)
    return _named(list(errors)) if missing_one is None else [_no_target(missing_one)]


def _no_target(error: MqtuiError) -> Risk:
    return Risk("target", f"{error.title}: a move never makes its target", Severity.REFUSE, final=True)


def _named(lacking: list[MqtuiError] | None) -> list[Risk]:
    if lacking is None:
        return [Risk("rights", "rights can't be asked here (ACL DRYRUN); the run tries them before it copies")]
    texts = dict.fromkeys(f"{one.title}: {one.hint}" for one in lacking)
    return [Risk("rights", text, Severity.REFUSE, final=True) for text in texts]


def _unrecorded(lacking: list[MqtuiError]) -> list[Risk]:
    if not lacking:
        return []
    text = "after a crash, a letter that is neither in the source nor in the journal stays unknown"
    return [Risk("no-record", f"{lacking[0].title}, so no record of moves is kept: {text}")]


def _of_life(ref: Ref, life: Answer, then: str) -> list[Risk]:
    """PTTL: a key that expires takes everything in it along. What may not be asked is left out."""
    if isinstance(life, RedisError) or number(life) < 0:
        return []
    return [Risk("expires", f"{ref.name} expires in {spoken(number(life))}, {then}")]


def spoken(ms: int) -> str:
    """A length of time in its largest unit, such as `2 min`."""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)):
        if ms >= size:
            return f"{ms / size:.0f} {unit}"
    return f"{ms / 1000:.0f} s"
