"""What this Redis can do: by the kind of destination and the version of the server."""

from __future__ import annotations

from mqtui.brokers.redis.connection.server_info import RedisServerInfo
from mqtui.domain.capability import SUPPORTED, Support, Verb, not_supported
from mqtui.domain.resource import Kind, Ref

MIN_VERSIONS = {
    Verb.LIST: ((6, 0, 0), "SCAN TYPE"),
    Verb.DEAD_LETTERS: ((6, 0, 0), "SCAN TYPE"),
    Verb.PUBLISH: ((6, 2, 0), "XADD NOMKSTREAM"),
    Verb.PURGE: ((6, 2, 0), "XTRIM MINID"),
    Verb.PUT_BACK: ((6, 2, 0), "XADD NOMKSTREAM"),
    Verb.REDRIVE: ((6, 2, 0), "XADD NOMKSTREAM"),
    Verb.DISCARD: ((6, 2, 0), "SMISMEMBER"),
}
"""The first version with the command that a verb needs; the others need streams, which came with 5.0."""


NO_ALTERATION = not_supported("a stream has no settings", "MAXLEN and MINID are given with each XADD or XTRIM.")


async def can(server: RedisServerInfo, verb: Verb, ref: Ref | None) -> Support:
    """Whether kind and version allow a verb. Missing rights are named by the plan."""
    if verb is Verb.SPEND:
        return not_supported("not applicable: reading a stream does not consume", "Use peek.")
    if verb in (Verb.TRANSACTIONS, Verb.ABORT):
        return not_supported("a transaction of Redis (MULTI) is carried out at once: none is ever open for others")
    if verb is Verb.ALTER:
        return NO_ALTERATION
    if verb is Verb.SHARE:
        return not_supported("only Kafka's groups divide what is scanned among processes", "Search it by one.")
    if ref is not None and ref.kind is not Kind.STREAM:
        return not_supported(f"Redis has no {ref.kind}", "Its destinations are streams.")
    version = await server.version()
    needed, command = MIN_VERSIONS.get(verb, ((5, 0, 0), "streams"))
    if version is not None and version < needed:
        shown = ".".join(map(str, version))
        return not_supported(f"{command} needs Redis {needed[0]}.{needed[1]}; this is {shown}")
    return SUPPORTED
