"""What a plan must know of this Redis before it runs: targets, rights, readers, replicas, room, persistence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mqtui.brokers.redis.catalog import require_stream, stream_key
from mqtui.brokers.redis.lagging import standing
from mqtui.brokers.redis.marks import LIFE, claim_table, moved_record, run_mark, stay_mark
from mqtui.brokers.redis.nodes import Nodes
from mqtui.brokers.redis.replies import items, sure
from mqtui.brokers.redis.rights import claiming, marking, missing, recording, removing, storing
from mqtui.brokers.redis.server import persistence, told
from mqtui.brokers.redis.slots import slot
from mqtui.domain.capability import Verb
from mqtui.domain.errors import NotAuthorised, NotFound
from mqtui.domain.plan import Deliver, Plan, Risk, Send, Severity, Take
from mqtui.domain.redrive import Guarantee, Source, Strength
from mqtui.domain.resource import Ref, name_bytes

FULL = 0.9
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
        """The plan with the guarantee and every risk that is known now.

        Raises:
            NotFound: the source is gone.
            CannotConnect, BrokerTrouble: no conversation.
        """
        if not any(isinstance(step, Take) for step in plan.steps):
            return await self._of_delivery(source, plan)
        targets = [step.target for step in plan.steps if isinstance(step, Deliver)]
        risks: list[Risk] = []
        for target in targets:
            risks += await self._of_target(source, target)
        risks += await self._of_source(source, targets)
        risks += await self._of_rights(source, [target for target in targets if target != source.ref], plan.id)
        if plan.verb is Verb.REDRIVE and not targets:
            risks += await self._of_claims(source)
        for key in dict.fromkeys((stream_key(source.ref), *(name_bytes(target.name) for target in targets))):
            risks += await self._of_server(key)
        return replace(plan, guarantee=self.guarantee(source, targets), risks=(*plan.risks, *dict.fromkeys(risks)))

    async def _of_delivery(self, source: Source, plan: Plan) -> Plan:
        """The plan of letters that come from another broker; the source is not here."""
        risks: list[Risk] = []
        for target in dict.fromkeys(step.target for step in plan.steps if isinstance(step, Send)):
            key = stream_key(target)
            risks += await self._of_target(source, target)
            risks += _named(await missing(await self._nodes.of(key), storing(key)))
            risks += await self._of_server(key)
        return replace(plan, risks=(*plan.risks, *dict.fromkeys(risks)))

    def _crosses(self, source: Source, target: Ref) -> bool:
        return self._nodes.clustered and slot(name_bytes(source.ref.name)) != slot(name_bytes(target.name))

    async def _of_target(self, source: Source, target: Ref) -> list[Risk]:
        if target == source.ref:
            return [Risk("same-stream", "source and target are the same stream", Severity.REFUSE, final=True)]
        key = stream_key(target)
        try:
            kind, groups = await self._nodes.pipe(key, [("TYPE", key), ("XINFO", "GROUPS", key)])
            require_stream(kind, target)
            told_groups = [standing(group) for group in items(sure(groups, "XINFO GROUPS", target.name))]
        except (NotFound, NotAuthorised) as error:
            text = f"{error.title}: a move never makes its target"
            return [Risk("target", text, Severity.REFUSE, final=True)]
        if len(told_groups) < 2:
            return []
        names = ", ".join(group.name for group in told_groups)
        return [Risk("copies", f"every group of {target.name} gets the letters, not only the one that failed: {names}")]

    async def _of_source(self, source: Source, targets: Sequence[Ref]) -> list[Risk]:
        key = stream_key(source.ref)
        groups = [
            standing(one) for one in items(await self._nodes.ask(key, "XINFO", "GROUPS", key, name=source.ref.name))
        ]
        if not groups:
            return []
        names = ", ".join(group.name for group in groups)
        text = (
            f"{source.ref.name} has groups of its own ({names}): what one of them was not given or has not "
            f"acknowledged stays there, marked as handled for {LIFE}"
        )
        return [Risk("shared-groups", text)]

    async def _of_rights(self, source: Source, targets: Sequence[Ref], run: str) -> list[Risk]:
        key, prefix = stream_key(source.ref), self._nodes.address.prefix
        stays, record = stay_mark(prefix, key), moved_record(prefix, key, run)
        node = await self._nodes.of(key)
        lacking = await missing(node, removing(key, stays, record))
        unrecorded = await missing(node, recording(record))
        for target in targets:
            goal = stream_key(target)
            mark = run_mark(prefix, goal, run)
            needed = [*storing(goal, mark), *marking(mark)] if self._crosses(source, target) else storing(goal)
            more = await missing(await self._nodes.of(goal), needed)
            lacking = None if lacking is None or more is None else lacking + more
        return _named(lacking) + _unrecorded(unrecorded or [])

    async def _of_claims(self, source: Source) -> list[Risk]:
        """Letters go to another broker: whether this user may claim each before it is stored there."""
        key = stream_key(source.ref)
        lacking = await missing(await self._nodes.of(key), claiming(claim_table(self._nodes.address.prefix, key)))
        if lacking is None:
            return [Risk("no-claim", f"whether letters can be claimed is not known (ACL DRYRUN); if not, {TWICE}")]
        return [Risk("no-claim", f"{one.title}, so no letter is claimed: {TWICE}") for one in lacking[:1]]

    async def _of_server(self, key: bytes) -> list[Risk]:
        node = await self._nodes.of(key)
        try:
            lines = await told(node, "replication", "memory", "persistence")
        except NotAuthorised:
            return [Risk("unknown-server", "INFO is not allowed: persistence, replicas and memory are unknown")]
        return [
            *_of_role(lines, self._nodes.options.wait_replicas),
            *_of_persistence(await persistence(node, lines)),
            *_of_memory(lines),
        ]


def _named(lacking: list[NotAuthorised] | None) -> list[Risk]:
    if lacking is None:
        return [Risk("rights", "rights can't be asked here (ACL DRYRUN); the run tries them before it copies")]
    texts = dict.fromkeys(f"{one.title}: {one.hint}" for one in lacking)
    return [Risk("rights", text, Severity.REFUSE, final=True) for text in texts]


def _unrecorded(lacking: list[NotAuthorised]) -> list[Risk]:
    if not lacking:
        return []
    text = "after a crash, a letter that is neither in the source nor in the journal stays unknown"
    return [Risk("no-record", f"{lacking[0].title}, so no record of moves is kept: {text}")]


def _of_role(lines: dict[str, str], wanted: int | None) -> list[Risk]:
    if lines.get("role") == "slave":
        text = f"this server is a replica of {lines.get('master_host')}:{lines.get('master_port')}"
        return [Risk("replica", text, Severity.REFUSE, final=True)]
    connected = int(lines.get("connected_slaves", "0"))
    if wanted and connected < wanted:
        return [Risk("replicas", f"wait-replicas is {wanted}, but {connected} are connected: outcomes stay unknown")]
    return []


def _of_persistence(kind: str) -> list[Risk]:
    if kind == "none":
        return [Risk("no-persistence", "this Redis saves nothing: a restart loses source and target alike")]
    if kind == "snapshots only":
        return [Risk("snapshots-only", "no append-only file: a crash takes both streams back to the last snapshot")]
    return []


def _of_memory(lines: dict[str, str]) -> list[Risk]:
    most, used = int(lines.get("maxmemory", "0")), int(lines.get("used_memory", "0"))
    policy = lines.get("maxmemory_policy", "noeviction")
    if not most or used < FULL * most:
        return []
    if policy == "noeviction":
        return [Risk("memory", f"{used * 100 // most} % of maxmemory is used: letters may be refused")]
    return [Risk("eviction", f"{used * 100 // most} % of maxmemory is used and {policy} may evict whole streams")]
