"""Checks the user's rights to all commands and keys that a plan needs, before anything is copied (D4)."""

from __future__ import annotations

from collections.abc import Sequence

from redis.exceptions import RedisError

from mqtui.brokers.redis.connection.node_pool import NodePool
from mqtui.brokers.redis.connection.resp import Command, as_text
from mqtui.brokers.redis.connection.write_connection import WriteConnection
from mqtui.brokers.redis.errors import command_unavailable, error_code, not_authorised, translate
from mqtui.domain.errors import MqtuiError

HARMLESS = frozenset({"ERR", "WRONGTYPE", "NOGROUP", "OOM", "NOSCRIPT", "EXECABORT", ""})
"""Codes of errors that come after the rights were checked. EXECABORT repeats the error of a queued command."""


def commands_to_remove(source: bytes, handled_set: bytes, move_log: bytes) -> list[Command]:
    """The commands that removing letters takes, in a form that changes nothing: an impossible id or time to live.

    None of them leaves a key behind, whichever right is missing.
    """
    return [
        ("XRANGE", source, "0-0", "0-0"),
        ("XDEL", source, "0-0"),
        ("XINFO", "GROUPS", source),
        ("XPENDING", source, "mqtui"),
        *commands_to_mark(handled_set),
        ("EVAL", "return 1", 3, source, handled_set, move_log),
    ]


def commands_to_store(target: bytes, *script_keys: bytes) -> list[Command]:
    """The commands that storing letters takes, in a form that changes nothing. A script takes `script_keys` too."""
    return [
        ("TYPE", target),
        ("XADD", target, "NOMKSTREAM", "0-0", "mqtui", "0"),
        ("EVAL", "return 1", 1 + len(script_keys), target, *script_keys),
    ]


def commands_to_mark(id_set: bytes) -> list[Command]:
    """The commands that keeping a set of ids takes. It gets a member that is no id, and loses it in the same MULTI."""
    return [("MULTI",), ("SADD", id_set, "none"), ("SREM", id_set, "none"), ("EXEC",), ("EXPIRE", id_set, "never")]


def commands_to_log(move_log: bytes) -> list[Command]:
    """The commands that a move log takes. They are for ACL DRYRUN only: executed, they would change it."""
    return [("LPUSH", move_log, "none"), ("LTRIM", move_log, 0, 0), ("LRANGE", move_log, 0, 0)]


def commands_to_claim(claims: bytes) -> list[Command]:
    """The commands that claims take. They are for ACL DRYRUN only: executed, they would change the claims."""
    return [("HSET", claims, "none", ""), ("HGET", claims, "none"), ("HDEL", claims, "none"), ("TIME",)]


async def require_rights(connection: WriteConnection, commands: Sequence[Command], name: str) -> None:
    """Execute commands that change nothing, to prove the rights to them. `name` is the stream that an error names.

    Raises:
        NotAuthorised, Unsupported: a right or a command is missing; the error names it.
        MqtuiError: the server takes no writes now.
    """
    for command, reply in zip(commands, await connection.execute_pipeline(commands), strict=True):
        if isinstance(reply, RedisError) and (error_code(reply) not in HARMLESS or "unknown command" in str(reply)):
            raise translate(reply, str(command[0]), name)


async def find_missing_rights(node: NodePool, commands: Sequence[Command]) -> list[MqtuiError] | None:
    """The errors of commands that are disabled or renamed here, else of missing rights by ACL DRYRUN.

    None where no command is missing, and rights can't be asked (before 7.0, or ACL is not allowed).
    """
    names = list(dict.fromkeys(str(command[0]) for command in commands))
    user, command_info = await node.execute_pipeline([("ACL", "WHOAMI"), ("COMMAND", "INFO", *names)])
    rows = command_info if isinstance(command_info, list) else []
    absent = [command_unavailable(name) for name, row in zip(names, rows, strict=False) if not row]
    if absent or not isinstance(user, bytes):
        return list(absent) or None
    errors: list[MqtuiError] = []
    replies = await node.execute_pipeline([("ACL", "DRYRUN", user, *command) for command in commands])
    for command, reply in zip(commands, replies, strict=True):
        if isinstance(reply, RedisError):
            if error_code(reply) == "NOPERM" or "unknown" in str(reply).lower():
                return None
            continue
        if as_text(reply) != "OK":
            errors.append(not_authorised(as_text(reply), str(command[0]), _first_key(command)))
    return errors


def _first_key(command: Command) -> str:
    place = 3 if command[0] == "EVAL" else 2 if command[0] == "XINFO" else 1
    key = command[place] if len(command) > place else ""
    return key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
