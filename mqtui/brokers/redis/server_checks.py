"""What a plan must know of a Redis server: its role, whether it takes writes, keeps data and has room."""

from __future__ import annotations

from redis.exceptions import RedisError

from mqtui.brokers.redis.nodes import Node
from mqtui.brokers.redis.replies import Answer, pairs, text
from mqtui.brokers.redis.server import known, persistence
from mqtui.domain.plan import Risk, Severity

FULL = 0.9
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


async def server_risks(node: Node, wanted_replicas: int | None) -> list[Risk]:
    """What threatens every write there.

    Raises:
        CannotConnect, BrokerTrouble: no conversation.
    """
    lines = await known(node, "replication", "persistence")
    kept = NO_PERSISTENCE.get(await persistence(node, lines))
    told = [kept] if kept else []
    return [*_of_role(lines, wanted_replicas), *await _of_writes(node, lines), *told] if lines else [UNKNOWN, *told]


async def room_risks(node: Node) -> list[Risk]:
    """Whether letters that are stored there may be refused, or evicted.

    Raises:
        CannotConnect, BrokerTrouble: no conversation.
    """
    lines = await known(node, "memory")
    most = int(lines.get("maxmemory", "0"))
    used = int(lines.get("used_memory", "0")) - int(lines.get("mem_not_counted_for_evict", "0"))
    policy = lines.get("maxmemory_policy", "noeviction")
    if not most or used < FULL * most:
        return []
    share = f"{used * 100 // most} % of maxmemory is used"
    if policy != "noeviction":
        return [Risk("eviction", f"{share} and {policy} may evict whole streams")]
    if used < most:
        return [Risk("memory", f"{share}: letters may be refused")]
    return [Risk("memory", f"Redis is full: {share} and it evicts nothing", Severity.REFUSE)]


def _of_role(lines: dict[str, str], wanted: int | None) -> list[Risk]:
    if lines.get("role") == "slave":
        text = f"this server is a replica of {lines.get('master_host')}:{lines.get('master_port')}"
        return [Risk("replica", text, Severity.REFUSE, final=True)]
    connected = int(lines.get("connected_slaves", "0"))
    if wanted and connected < wanted:
        return [Risk("replicas", f"wait-replicas is {wanted}, but {connected} are connected: outcomes stay unknown")]
    return []


async def _of_writes(node: Node, lines: dict[str, str]) -> list[Risk]:
    """What makes Redis refuse every write: MISCONF after an error of its disk, NOREPLICAS."""
    names = ("stop-writes-on-bgsave-error", "save", "min-replicas-to-write")
    stops, save, least = map(_setting, await node.pipe([("CONFIG", "GET", name) for name in names]))
    risks: list[Risk] = []
    if lines.get("aof_enabled") == "1" and lines.get("aof_last_write_status") == "err":
        risks.append(_refuses("it can't write its append-only file"))
    if lines.get("rdb_last_bgsave_status") == "err" and stops != "no" and save != "":
        sure = stops is not None and save is not None
        risks.append(_refuses("its last snapshot failed (stop-writes-on-bgsave-error)", sure=sure))
    good = lines.get("min_slaves_good_slaves")
    if good is not None and int(good) < int(least or "1"):
        risks.append(_refuses(f"{good} replicas are in touch, min-replicas-to-write is {least or 'set'}"))
    return risks


def _setting(answer: Answer) -> str | None:
    """The value of CONFIG GET; None where it can't be read."""
    return None if isinstance(answer, RedisError) else next(map(text, pairs(answer).values()), None)


def _refuses(why: str, *, sure: bool = True) -> Risk:
    if sure:
        return Risk("writes", f"Redis refuses writes: {why}", Severity.REFUSE)
    return Risk("writes", f"Redis may refuse writes: {why}")
