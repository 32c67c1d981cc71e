"""Checks of a server for a plan: its role, whether it accepts writes, its persistence and its memory."""

from __future__ import annotations

from redis.exceptions import RedisError

from mqtui.brokers.redis.connection.node_pool import NodePool
from mqtui.brokers.redis.connection.resp import ReplyOrError, as_dict, as_text
from mqtui.brokers.redis.connection.server_info import describe_persistence, query_info_if_allowed
from mqtui.domain.plan import Risk, Severity

NEARLY_FULL = 0.9
UNKNOWN = Risk(
    "unknown-server", "INFO can't be used here (denied, disabled or renamed): role, replicas and memory are not known"
)
NO_PERSISTENCE = {
    "none": Risk("no-persistence", "this Redis saves nothing: a restart loses source and target alike"),
    "snapshots only": Risk(
        "snapshots-only", "no append-only file: a crash takes both streams back to the last snapshot"
    ),
    "unknown": Risk("persistence", "not known: INFO or CONFIG can't be used here; a restart may lose both streams"),
}


async def server_risks(node: NodePool, wanted_replicas: int | None) -> list[Risk]:
    """The risks to every write on a server. `wanted_replicas` is the option `wait-replicas`.

    Raises:
        CannotConnect, BrokerTrouble: the server can't be reached.
    """
    info = await query_info_if_allowed(node, "replication", "persistence")
    risk = NO_PERSISTENCE.get(await describe_persistence(node, info))
    persistence = [risk] if risk else []
    if not info:
        return [UNKNOWN, *persistence]
    return [*_role_risks(info, wanted_replicas), *await _write_risks(node, info), *persistence]


async def memory_risks(node: NodePool) -> list[Risk]:
    """The risks that a server refuses letters for lack of memory, or evicts them.

    Raises:
        CannotConnect, BrokerTrouble: the server can't be reached.
    """
    info = await query_info_if_allowed(node, "memory")
    limit = int(info.get("maxmemory", "0"))
    used = int(info.get("used_memory", "0")) - int(info.get("mem_not_counted_for_evict", "0"))
    policy = info.get("maxmemory_policy", "noeviction")
    if not limit or used < NEARLY_FULL * limit:
        return []
    share = f"{used * 100 // limit} % of maxmemory is used"
    if policy != "noeviction":
        return [Risk("eviction", f"{share} and {policy} may evict whole streams")]
    if used < limit:
        return [Risk("memory", f"{share}: letters may be refused")]
    return [Risk("memory", f"Redis is full: {share} and it evicts nothing", Severity.REFUSE)]


def _role_risks(info: dict[str, str], wanted: int | None) -> list[Risk]:
    if info.get("role") == "slave":
        text = f"this server is a replica of {info.get('master_host')}:{info.get('master_port')}"
        return [Risk("replica", text, Severity.REFUSE, final=True)]
    connected = int(info.get("connected_slaves", "0"))
    if wanted and connected < wanted:
        return [Risk("replicas", f"wait-replicas is {wanted}, but {connected} are connected: outcomes stay unknown")]
    return []


async def _write_risks(node: NodePool, info: dict[str, str]) -> list[Risk]:
    """The risks of errors on every write: MISCONF after a disk error, NOREPLICAS."""
    names = ("stop-writes-on-bgsave-error", "save", "min-replicas-to-write")
    stops, save, least = map(_config_value, await node.execute_pipeline([("CONFIG", "GET", name) for name in names]))
    risks: list[Risk] = []
    if info.get("aof_enabled") == "1" and info.get("aof_last_write_status") == "err":
        risks.append(_refusal_risk("it can't write its append-only file"))
    if info.get("rdb_last_bgsave_status") == "err" and stops != "no" and save != "":
        is_certain = stops is not None and save is not None
        risks.append(_refusal_risk("its last snapshot failed (stop-writes-on-bgsave-error)", is_certain=is_certain))
    good = info.get("min_slaves_good_slaves")
    if good is not None and int(good) < int(least or "1"):
        risks.append(_refusal_risk(f"{good} replicas are in touch, min-replicas-to-write is {least or 'set'}"))
    return risks


def _config_value(reply: ReplyOrError) -> str | None:
    """The value in the reply to CONFIG GET; None where it can't be read."""
    return None if isinstance(reply, RedisError) else next(map(as_text, as_dict(reply).values()), None)


def _refusal_risk(why: str, *, is_certain: bool = True) -> Risk:
    if is_certain:
        return Risk("writes", f"Redis refuses writes: {why}", Severity.REFUSE)
    return Risk("writes", f"Redis may refuse writes: {why}")
