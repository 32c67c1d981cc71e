"""Errors of redis-py and of the server as domain errors."""

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

DENIED_COMMAND = re.compile(r"'([\w|-]+)' command")
ERROR_CODES = {
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
"""Title and hint by the error code of the server."""

COMMAND_UNAVAILABLE = (NotAuthorised, Unsupported)
"""Errors that all mean: this user can't use the command here. It is denied, disabled, renamed or too new (D9)."""


class RepliesLost(ReplyLost):
    """The connection broke before all replies came. `replies` are those that came, in order."""

    def __init__(
        self, title: str, detail: str = "", hint: str = "", replies: Sequence[Any] = (), *, timed_out: bool = False
    ) -> None:
        super().__init__(title, detail, hint)
        self.replies = replies
        self.timed_out = timed_out


def error_code(error: redis_errors.RedisError) -> str:
    """The error code with which a reply begins, such as WRONGTYPE; "" where it has none."""
    head = str(error).partition(" ")[0]
    return error.status_code or (head if head.isupper() else "")


def translate(error: redis_errors.RedisError, command: str = "", name: str = "") -> MqtuiError:
    """The error of a server's reply. `name` is the stream or group that the command was about."""
    code, text = error_code(error), str(error)
    if code == "NOPERM" or "permissions to run" in text or "user executing the script" in text:
        return not_authorised(text, command, name)
    if code in ("NOAUTH", "WRONGPASS") or isinstance(error, redis_errors.AuthenticationError):
        return _login_error(code, text)
    if code == "WRONGTYPE":
        return NotFound(f"{name or 'The key'} is not a stream", text, "mqtui ls lists the streams.")
    if code == "NOGROUP":
        return NotFound(f"No such consumer group on {name}" if name else "No such consumer group", text)
    if code in ERROR_CODES:
        title, hint = ERROR_CODES[code]
        return BrokerTrouble(title, text, hint)
    if "no such key" in text:
        return no_such_stream(name)
    if "unknown command" in text or "unknown subcommand" in text:
        return command_unavailable(command, text)
    if "syntax error" in text:
        return Unsupported(f"This Redis does not know {command}", text, "A newer version does.")
    return BrokerTrouble(f"Redis refused {command}" if command else "Redis refused the command", text)


def _login_error(code: str, text: str) -> NotAuthenticated:
    if code == "NOAUTH" or "Authentication required" in text:
        return NotAuthenticated(
            "Redis wants a login",
            text,
            "Write user:password@ before the host (:password@ for the default user), or save a profile.",
        )
    if "without any password configured" in text:
        return NotAuthenticated("Redis takes no login", text, "Leave the password out; its default user has none.")
    return NotAuthenticated("Redis refused the user or the password", text, "Check user and password.")


def not_authorised(text: str, command: str = "", name: str = "") -> NotAuthorised:
    """A missing right to a command, or to a key. `text` is the server's."""
    found = DENIED_COMMAND.search(text)
    denied = (found.group(1) if found else command.partition(" ")[0]).lower()
    if is_key_denied(text):
        return NotAuthorised(
            f"Not allowed to use the key {name}", text, f"ACL SETUSER … ~{name} gives the right to it (for {command})."
        )
    return NotAuthorised(f"Not allowed to run {denied.upper()}", text, f"ACL SETUSER … +{denied} gives the right.")


def is_key_denied(text: str) -> bool:
    """Whether an access is denied because of the key, not because of the command."""
    return "key" in text and not DENIED_COMMAND.search(text)


def command_unavailable(command: str, text: str = "") -> Unsupported:
    """The error of a command that the server does not have, or has under another name."""
    hint = "It is disabled or renamed here (rename-command), or a newer version has it."
    return Unsupported(f"This Redis does not offer {command}", text, hint)


def no_such_stream(name: str) -> NotFound:
    return NotFound(f"No stream {name!r}", "Redis has no such key.", "mqtui ls lists the streams.")


def connection_error(error: Exception, where: str, database: int = 0) -> MqtuiError:
    """Why connecting or logging in failed. `where` is the server's address."""
    if "DB index is out of range" in str(error) or "SELECT is not allowed" in str(error):
        hint = "The path of the URL is the database. A server has 16, from 0, unless its setting databases says more."
        return NoSuchSpace(f"{where} has no database {database}", str(error), hint)
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            return TlsRefused(f"No TLS with {where}", str(cause), "See tls.ca, tls.cert and tls.verify.")
    if isinstance(error, redis_errors.BusyLoadingError):
        return translate(error)
    if isinstance(error, redis_errors.AuthenticationError | redis_errors.ResponseError):
        return _with_server_name(translate(error, "AUTH"), where)
    return Unreachable(
        f"Cannot reach Redis at {where}", str(error) or "no answer in time", "Is it running, and reachable?"
    )


def _with_server_name(error: MqtuiError, where: str) -> MqtuiError:
    """The error with the server's address in the title, in place of the word Redis."""
    error.title = error.title.replace("Redis ", f"{where} ", 1) if error.title.startswith("Redis ") else error.title
    return error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
