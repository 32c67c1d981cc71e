"""Checks of a plan before it runs: targets, rights, readers, replicas, memory and persistence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from redis.exceptions import RedisError

from mqtui.brokers.redis.connection.hash_slots import key_slot
from mqtui.brokers.redis.connection.resp import ReplyOrError, as_dict, as_int, as_list, raise_if_error
from mqtui.brokers.redis.connection.routing import Router
from mqtui.brokers.redis.errors import COMMAND_UNAVAILABLE, error_code, translate
from mqtui.brokers.redis.read.catalog import require_stream, stream_key
from mqtui.brokers.redis.read.lag import GroupInfo, parse_group_info
from mqtui.brokers.redis.redrive.acl import (
    HARMLESS,
    commands_to_claim,
    commands_to_log,
    commands_to_mark,
    commands_to_remove,
    commands_to_store,
    find_missing_rights,
)
from mqtui.brokers.redis.redrive.bookkeeping_keys import (
    TTL_TEXT,
    claims_key,
    handled_set_key,
    move_log_key,
    stored_set_key,
)
from mqtui.brokers.redis.redrive.server_checks import memory_risks, server_risks
from mqtui.domain.capability import Verb
from mqtui.domain.errors import MqtuiError, NotFound
from mqtui.domain.plan import Deliver, Plan, Risk, Send, Severity, Take
from mqtui.domain.redrive import Guarantee, IdBounds, Source, Strength
from mqtui.domain.resource import Ref, name_bytes

ACTIVE_MS = 600_000
"""A group whose consumers are all idle for longer counts as not read."""

MAY_DOUBLE = "two runs at once may store a letter twice"


def describe_guarantee(router: Router, source: Source, targets: Sequence[Ref]) -> Guarantee:
    """What a move guarantees. Without targets it is a removal."""
    if not targets:
        return Guarantee(Strength.EXACTLY_ONCE, "each letter is removed once; one that a group still needs stays")
    if not any(_is_cross_slot(router, source, target) for target in targets):
        text = (
            "a script stores each letter and removes it in one step: none is lost or doubled, whenever it is "
            f"interrupted; letters that another group still needs stay, marked as handled for {TTL_TEXT}"
        )
        return Guarantee(Strength.EXACTLY_ONCE, text)
    text = (
        f"source and target lie in different slots: a resume stores no letter twice within {TTL_TEXT}; "
        "two runs at once may"
    )
    return Guarantee(Strength.AT_LEAST_ONCE, text)


async def check_plan(router: Router, source: Source, plan: Plan) -> Plan:
    """The plan with its guarantee and risks; without risks where there is nothing to move.

    Raises:
        NotFound: the source is gone.
        CannotConnect, BrokerTrouble: the server can't be reached.
    """
    if not any(isinstance(step, Take) for step in plan.steps):
        return await _check_delivery(router, source, plan)
    targets = [step.target for step in plan.steps if isinstance(step, Deliver)]
    if isinstance(source.bounds, IdBounds) and source.bounds.last is None:
        return replace(plan, guarantee=describe_guarantee(router, source, targets))
    risks = await _check_targets(router, source, plan)
    risks += await _check_source(router, source)
    if plan.verb is Verb.REDRIVE and not targets:
        risks += await _check_claims(router, source)
    keys = [stream_key(target) for target in targets]
    for key in dict.fromkeys((stream_key(source.ref), *keys)):
        risks += await server_risks(await router.node_for(key), router.config.wait_replicas)
    for key in dict.fromkeys(keys):
        risks += await memory_risks(await router.node_for(key))
    guarantee = describe_guarantee(router, source, targets)
    return replace(plan, guarantee=guarantee, risks=(*plan.risks, *dict.fromkeys(risks)))


async def check_publish(router: Router, targets: Sequence[Ref]) -> Sequence[Risk]:
    """A refusal for each stream that this user may not add to. XADD with the id 0-0 is tried, which no stream takes."""
    risks: list[Risk] = []
    for target in targets:
        key = stream_key(target)
        (reply,) = await router.execute_pipeline(key, [("XADD", key, "NOMKSTREAM", "0-0", "mqtui", "0")])
        if isinstance(reply, RedisError) and error_code(reply) not in HARMLESS:
            risks += _right_risks([translate(reply, "XADD", target.name)])
    return risks


async def _check_delivery(router: Router, source: Source, plan: Plan) -> Plan:
    """The plan of letters that come from another broker: the source is not in this Redis."""
    risks: list[Risk] = []
    for target in dict.fromkeys(step.target for step in plan.steps if isinstance(step, Send)):
        key = stream_key(target)
        node = await router.node_for(key)
        try:
            risks += await _check_target(router, target)
        except (NotFound, *COMMAND_UNAVAILABLE) as error:
            risks.append(_missing_target_risk(error))
        risks += _right_risks(await find_missing_rights(node, commands_to_store(key)))
        risks += await server_risks(node, router.config.wait_replicas)
        risks += await memory_risks(node)
    return replace(plan, risks=(*plan.risks, *dict.fromkeys(risks)))


def _is_cross_slot(router: Router, source: Source, target: Ref) -> bool:
    return router.is_clustered and key_slot(name_bytes(source.ref.name)) != key_slot(name_bytes(target.name))


async def _check_targets(router: Router, source: Source, plan: Plan) -> list[Risk]:
    """The risks of the targets. One that can't be used keeps its own letters in the source, not the others."""
    steps = [step for step in plan.steps if isinstance(step, Deliver)]
    risks: list[Risk] = []
    unusable: dict[Ref, Sequence[MqtuiError]] = {}
    are_rights_unknown = False
    for step in steps:
        try:
            risks += await _check_target(router, step.target)
            errors = await _find_missing_rights(router, source, step.target, plan.id)
        except (NotFound, *COMMAND_UNAVAILABLE) as error:
            unusable[step.target] = [error]
            continue
        are_rights_unknown = are_rights_unknown or errors is None
        if errors:
            unusable[step.target] = errors
    if are_rights_unknown:
        risks += _right_risks(None)
    if len(unusable) == len(steps):
        return risks + [risk for errors in unusable.values() for risk in _unusable_target_risks(errors)]
    stay = [(step.count, unusable[step.target][0]) for step in steps if step.target in unusable]
    return risks + [Risk("target", f"{count} stay: {error.title}") for count, error in stay]


async def _find_missing_rights(router: Router, source: Source, target: Ref, run: str) -> list[MqtuiError] | None:
    if target == source.ref:
        return []
    key = stream_key(target)
    stored_set = stored_set_key(router.address.prefix, key, run)
    commands = (
        [*commands_to_store(key, stored_set), *commands_to_mark(stored_set)]
        if _is_cross_slot(router, source, target)
        else commands_to_store(key)
    )
    return await find_missing_rights(await router.node_for(key), commands)


async def _check_target(router: Router, target: Ref) -> list[Risk]:
    """The risks of one target.

    Raises:
        NotFound, NotAuthorised, Unsupported: letters can't be stored there.
    """
    key = stream_key(target)
    key_type, groups, pttl = await router.execute_pipeline(
        key, [("TYPE", key), ("XINFO", "GROUPS", key), ("PTTL", key)]
    )
    require_stream(key_type, target)
    read_by = [parse_group_info(group) for group in as_list(raise_if_error(groups, "XINFO GROUPS", target.name))]
    risks = _expiry_risks(target, pttl, "and what is moved there goes with it")
    risks += await _check_readers(router, target, read_by)
    if len(read_by) > 1:
        names = ", ".join(group.name for group in read_by)
        text = f"every group of {target.name} gets the letters, not only the one that failed: {names}"
        risks.append(Risk("copies", text))
    return risks


async def _check_readers(router: Router, target: Ref, groups: Sequence[GroupInfo]) -> list[Risk]:
    """The risk that nobody reads the target: no consumer of any group was active lately."""
    if not groups:
        return [Risk("no-reader", f"no group reads {target.name}")]
    key = stream_key(target)
    commands = [("XINFO", "CONSUMERS", key, name_bytes(group.name)) for group in groups]
    reasons: list[str] = []
    for group, reply in zip(groups, await router.execute_pipeline(key, commands), strict=True):
        if isinstance(reply, RedisError):
            return []
        idle = min((as_int(as_dict(row).get("idle")) for row in as_list(reply)), default=None)
        if idle is not None and idle < ACTIVE_MS:
            return []
        since = "no consumer is known" if idle is None else f"no consumer was active for {format_duration(idle)}"
        reasons.append(f"group {group.name}: {since}")
    return [Risk("no-reader", f"nobody reads {target.name} now: {'; '.join(reasons)}")]


async def _check_source(router: Router, source: Source) -> list[Risk]:
    key, run = stream_key(source.ref), "0" * 32  # any run: its move log only has to match a key pattern
    prefix, node = router.address.prefix, await router.node_for(key)
    groups, pttl = await router.execute_pipeline(key, [("XINFO", "GROUPS", key), ("PTTL", key)])
    read_by = [parse_group_info(one) for one in as_list(raise_if_error(groups, "XINFO GROUPS", source.ref.name))]
    risks = _expiry_risks(source.ref, pttl, "and the letters that are still there with it")
    if read_by:
        names = ", ".join(group.name for group in read_by)
        text = (
            f"{source.ref.name} has groups of its own ({names}): what one of them was not given or has not "
            f"acknowledged stays there, marked as handled for {TTL_TEXT}"
        )
        risks.append(Risk("shared-groups", text))
    move_log = move_log_key(prefix, key, run)
    commands = commands_to_remove(key, handled_set_key(prefix, key), move_log)
    risks += _right_risks(await find_missing_rights(node, commands))
    return risks + _no_move_log_risks(await find_missing_rights(node, commands_to_log(move_log)) or [])


async def _check_claims(router: Router, source: Source) -> list[Risk]:
    """The risk that letters can't be claimed before they are stored at another broker."""
    key = stream_key(source.ref)
    errors = await find_missing_rights(
        await router.node_for(key), commands_to_claim(claims_key(router.address.prefix, key))
    )
    if errors is None:
        return [Risk("no-claim", f"whether letters can be claimed is not known (ACL DRYRUN); if not, {MAY_DOUBLE}")]
    return [Risk("no-claim", f"{one.title}, so no letter is claimed: {MAY_DOUBLE}") for one in errors[:1]]


def _unusable_target_risks(errors: Sequence[MqtuiError]) -> list[Risk]:
    not_found = next((error for error in errors if isinstance(error, NotFound)), None)
    return _right_risks(list(errors)) if not_found is None else [_missing_target_risk(not_found)]


def _missing_target_risk(error: MqtuiError) -> Risk:
    return Risk("target", f"{error.title}: a move never creates its target", Severity.REFUSE, final=True)


def _right_risks(errors: list[MqtuiError] | None) -> list[Risk]:
    """A refusal for each missing right; None: rights can't be asked."""
    if errors is None:
        return [Risk("rights", "rights can't be asked here (ACL DRYRUN); the run tries them before it copies")]
    texts = dict.fromkeys(f"{error.title}: {error.hint}" for error in errors)
    return [Risk("rights", text, Severity.REFUSE, final=True) for text in texts]


def _no_move_log_risks(errors: list[MqtuiError]) -> list[Risk]:
    if not errors:
        return []
    text = "after a crash, a letter that is neither in the source nor in the journal stays unknown"
    return [Risk("no-record", f"{errors[0].title}, so no record of moves is kept: {text}")]


def _expiry_risks(ref: Ref, pttl: ReplyOrError, then: str) -> list[Risk]:
    """The risk that a key expires with all that is in it, by the reply to PTTL."""
    if isinstance(pttl, RedisError) or as_int(pttl) < 0:
        return []
    return [Risk("expires", f"{ref.name} expires in {format_duration(as_int(pttl))}, {then}")]


def format_duration(ms: int) -> str:
    """A duration in its largest unit, such as `2 min`."""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)):
        if ms >= size:
            return f"{ms / size:.0f} {unit}"
    return f"{ms / 1000:.0f} s"
