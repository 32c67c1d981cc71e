"""Whether this user may do what a plan needs, told before anything is copied (D4)."""

from __future__ import annotations

from collections.abc import Sequence

from redis.exceptions import RedisError

from mqtui.brokers.redis.errors import answered, code_of, not_authorised, not_offered
from mqtui.brokers.redis.line import Line
from mqtui.brokers.redis.nodes import Node
from mqtui.brokers.redis.replies import text
from mqtui.brokers.redis.wire import Command
from mqtui.domain.errors import MqtuiError

HARMLESS = frozenset({"ERR", "WRONGTYPE", "NOGROUP", "OOM", "NOSCRIPT", "EXECABORT", ""})
"""Refusals that come after the right was looked at. A transaction is aborted by what one of its commands was told."""


def removing(source: bytes, stays: bytes, record: bytes) -> list[Command]:
    """Commands that remove letters, in a form that changes nothing: an id that can't be, a life that is no number.

    None of them creates a key that stays, whatever is missing.
    """
    return [
        ("XRANGE", source, "0-0", "0-0"),
        ("XDEL", source, "0-0"),
        ("XINFO", "GROUPS", source),
        ("XPENDING", source, "mqtui"),
        *marking(stays),
        ("EVAL", "return 1", 3, source, stays, record),
    ]


def storing(target: bytes, *more: bytes) -> list[Command]:
    """Commands that store letters, in a form that changes nothing; `more` are the keys a script takes beside."""
    return [
        ("TYPE", target),
        ("XADD", target, "NOMKSTREAM", "0-0", "mqtui", "0"),
        ("EVAL", "return 1", 1 + len(more), target, *more),
    ]


def marking(mark: bytes) -> list[Command]:
    """Commands that keep a mark; the set gets a member that is no id and loses it at once."""
    return [("MULTI",), ("SADD", mark, "none"), ("SREM", mark, "none"), ("EXEC",), ("EXPIRE", mark, "never")]


def recording(record: bytes) -> list[Command]:
    """Commands that keep and read a record of moves. They are only asked about, never run."""
    return [("LPUSH", record, "none"), ("LTRIM", record, 0, 0), ("LRANGE", record, 0, 0)]


def claiming(table: bytes) -> list[Command]:
    """Commands that keep claims. They are only asked about, never run."""
    return [("HSET", table, "none", ""), ("HGET", table, "none"), ("HDEL", table, "none"), ("TIME",)]


async def prove(line: Line, commands: Sequence[Command], name: str) -> None:
    """Try all commands.

    Raises:
        NotAuthorised, Unsupported: a right or a command is missing; it is named.
        MqtuiError: the server takes no writes now.
    """
    for command, answer in zip(commands, await line.pipe(commands), strict=True):
        if isinstance(answer, RedisError) and (code_of(answer) not in HARMLESS or "unknown command" in str(answer)):
            raise answered(answer, str(command[0]), name)


async def missing(node: Node, commands: Sequence[Command]) -> list[MqtuiError] | None:
    """Commands that are disabled or renamed here, else rights that are missing, by ACL DRYRUN; None where nothing is
    disabled and rights can't be asked (before 7.0, or not allowed).
    """
    names = list(dict.fromkeys(str(command[0]) for command in commands))
    user, known = await node.pipe([("ACL", "WHOAMI"), ("COMMAND", "INFO", *names)])
    rows = known if isinstance(known, list) else []
    absent = [not_offered(name) for name, row in zip(names, rows, strict=False) if not row]
    if absent or not isinstance(user, bytes):
        return list(absent) or None
    lacking: list[MqtuiError] = []
    for command, answer in zip(
        commands, await node.pipe([("ACL", "DRYRUN", user, *command) for command in commands]), strict=True
    ):
        if isinstance(answer, RedisError):
            if code_of(answer) == "NOPERM" or "unknown" in str(answer).lower():
                return None
            continue
        if text(answer) != "OK":
            lacking.append(not_authorised(text(answer), str(command[0]), _key(command)))
    return lacking


def _key(command: Command) -> str:
    place = 3 if command[0] == "EVAL" else 2 if command[0] == "XINFO" else 1
    key = command[place] if len(command) > place else ""
    return key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
