"""Errors of redis-py and of the server, in the domain's words."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Sequence
from typing import Any

import redis.exceptions as redis_errors

from mqtui.domain.errors import (
    BrokerTrouble,
    MqtuiError,
    NoSuchSpace,
    NotAuthenticated,
    NotAuthorised,
    NotFound,
    ReplyLost,
    TlsRefused,
    Unreachable,
    Unsupported,
)

COMMAND = re.compile(r"'([\w|-]+)' command")
TROUBLE = {
    "LOADING": ("Redis is loading its data", "Try again when it is done."),
    "READONLY": ("This Redis is a read-only replica", "Connect to its primary."),
    "MASTERDOWN": ("This replica has lost its primary", "Connect to the new primary."),
    "CLUSTERDOWN": ("The Redis Cluster is down", "redis-cli cluster info says which slots have no node."),
    "TRYAGAIN": ("The slot is being moved to another node", "Try again when the resharding is done."),
    "MOVED": ("The stream lies on another node", "This is a Redis Cluster: use redis+cluster://."),
    "ASK": ("The slot is being moved to another node", "This is a Redis Cluster: use redis+cluster://."),
    "CROSSSLOT": ("The streams lie in different slots", "This is a Redis Cluster: use redis+cluster://."),
    "OOM": ("Redis is full", "Its memory is above maxmemory and its policy evicts nothing."),
    "MISCONF": ("Redis refuses writes: it can't save its data", "See its log, or stop-writes-on-bgsave-error."),
    "NOREPLICAS": ("Redis refuses writes: too few replicas", "See min-replicas-to-write."),
    "BUSY": ("Redis is busy with a script", "Somebody's script runs too long: SCRIPT KILL ends it."),
    "UNBLOCKED": ("The stream was deleted", "It was there when the look began."),
}


UNAVAILABLE = (NotAuthorised, Unsupported)
"""Errors of one meaning: this user can't use a command here; it is denied, disabled, renamed or too new (D9)."""


class RepliesLost(ReplyLost):
    """The connection broke before all replies came. `replies` are those that did, in order; `late`: time was up."""

    def __init__(
        self, title: str, detail: str = "", hint: str = "", replies: Sequence[Any] = (), *, late: bool = False
    ) -> None:
        super().__init__(title, detail, hint)
        self.replies = replies
        self.late = late


def code_of(error: redis_errors.RedisError) -> str:
    """The first word of the server's answer, such as WRONGTYPE, or an empty text."""
    head = str(error).partition(" ")[0]
    return error.status_code or (head if head.isupper() else "")


def answered(error: redis_errors.RedisError, doing: str = "", name: str = "") -> MqtuiError:
    """The server's refusal. `doing` is the command, `name` the stream it was about."""
    code, text = code_of(error), str(error)
    if code == "NOPERM" or "permissions to run" in text or "user executing the script" in text:
        return not_authorised(text, doing, name)
    if code in ("NOAUTH", "WRONGPASS") or isinstance(error, redis_errors.AuthenticationError):
        return _login(code, text)
    if code == "WRONGTYPE":
        return NotFound(f"{name or 'The key'} is not a stream", text, "mqtui ls lists the streams.")
    if code == "NOGROUP":
        return NotFound(f"No such consumer group on {name}" if name else "No such consumer group", text)
    if code in TROUBLE:
        title, hint = TROUBLE[code]
        return BrokerTrouble(title, text, hint)
    if "no such key" in text:
        return no_stream(name)
    if "unknown command" in text or "unknown subcommand" in text:
        return not_offered(doing, text)
    if "syntax error" in text:
        return Unsupported(f"This Redis does not know {doing}", text, "A newer version does.")
    return BrokerTrouble(f"Redis refused {doing}" if doing else "Redis refused the command", text)


def _login(code: str, text: str) -> NotAuthenticated:
    if code == "NOAUTH" or "Authentication required" in text:
        return NotAuthenticated(
            "Redis wants a login",
            text,
            "Write user:password@ before the host (:password@ for the default user), or save a profile.",
        )
    if "without any password configured" in text:
        return NotAuthenticated("Redis takes no login", text, "Leave the password out; its default user has none.")
    return NotAuthenticated("Redis refused the user or the password", text, "Check user and password.")


def not_authorised(text: str, doing: str = "", name: str = "") -> NotAuthorised:
    """A missing right, by the command's name, or the key pattern's."""
    found = COMMAND.search(text)
    command = (found.group(1) if found else doing.partition(" ")[0]).lower()
    if denies_key(text):
        return NotAuthorised(
            f"Not allowed to use the key {name}", text, f"ACL SETUSER … ~{name} gives the right to it (for {doing})."
        )
    return NotAuthorised(f"Not allowed to run {command.upper()}", text, f"ACL SETUSER … +{command} gives the right.")


def denies_key(text: str) -> bool:
    """Whether a refusal is about the key, whatever the command."""
    return "key" in text and not COMMAND.search(text)


def not_offered(command: str, text: str = "") -> Unsupported:
    """A command that the server does not have, or has under another name."""
    hint = "It is disabled or renamed here (rename-command), or a newer version has it."
    return Unsupported(f"This Redis does not offer {command}", text, hint)


def no_stream(name: str) -> NotFound:
    """There is no such key."""
    return NotFound(f"No stream {name!r}", "Redis has no such key.", "mqtui ls lists the streams.")


def not_connected(error: Exception, where: str, database: int = 0) -> MqtuiError:
    """Why there is no conversation with a server."""
    if "DB index is out of range" in str(error) or "SELECT is not allowed" in str(error):
        hint = "The path of the URL is the database. A server has 16, from 0, unless its setting databases says more."
        return NoSuchSpace(f"{where} has no database {database}", str(error), hint)
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLError):
            return TlsRefused(f"No TLS with {where}", str(cause), "See tls.ca, tls.cert and tls.verify.")
    if isinstance(error, redis_errors.BusyLoadingError):
        return answered(error)
    if isinstance(error, redis_errors.AuthenticationError | redis_errors.ResponseError):
        return _of_server(answered(error, "AUTH"), where)
    return Unreachable(
        f"Cannot reach Redis at {where}", str(error) or "no answer in time", "Is it running, and reachable?"
    )


def _of_server(error: MqtuiError, where: str) -> MqtuiError:
    """The error, which names the server instead of its kind."""
    error.title = error.title.replace("Redis ", f"{where} ", 1) if error.title.startswith("Redis ") else error.title
    return error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
