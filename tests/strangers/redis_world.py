"""Redis full of strangers, in a database of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from redis import Redis

from mqtui.domain.resource import BrokerKind
from tests.strangers.odd import BODIES, CLIPBOARD, NAMES, NUMBERS, TEXTS, TITLE, Place, Strangers, tag_of

DATABASE = 11
IDS = ("1-0", "253402300799999-0", "253402300800000-0", "1700000000000000-0", "18446744073709551614-3")


@contextmanager
def strangers(url: str) -> Iterator[Strangers]:
    """Fill the database, and empty it at the end."""
    parts = urlsplit(url)
    own = parts._replace(path=f"/{DATABASE}").geturl()
    client = Redis.from_url(own)
    call: Callable[..., Any] = client.execute_command
    client.flushdb()
    user = f"strangers{DATABASE}"
    try:
        names = (
            *NAMES,
            b"s40\xff\xfe",
            "{s41}.dlq",
            "s42.dlq",
            f"s43{TITLE}:dlq",
            "s44:dlq",
            "s45_dlq",
            "s46.dead-letter",
        )
        for name in names:
            call("XADD", name, "*", "a", "1")
        _entries(call)
        _letters(call)
        groups = _groups(call)
        call("SET", "no stream", "x")
        call(
            "ACL", "SETUSER", user, "reset", "on", ">secret", "~*", "-@all", "+@connection", "+scan", "+type", "+xrange"
        )
        texts = [name if isinstance(name, str) else name.decode("utf-8", "surrogateescape") for name in names]
        places = [Place(name, tag_of(name), dead=tag_of(name) > "s40") for name in texts]
        more = [Place(name, tag_of(name)) for name in ("s50", "s51", "s52", "s53", "s54", "s54/s55", "s56", "s57")]
        limited = parts._replace(netloc=f"{user}:secret@{parts.hostname}:{parts.port}", path=f"/{DATABASE}").geturl()
        yield Strangers(BrokerKind.REDIS, own, (*places, *more), groups, limited)
    finally:
        client.flushdb()
        call("ACL", "DELUSER", user)
        client.close()


def _entries(call: Callable[..., Any]) -> None:
    """Every id, and every body; names of fields that are empty, repeated, binary, many."""
    for entry in IDS:
        call("XADD", "s50", entry, "k", entry)
    for body in BODIES:
        call("XADD", "s51", "*", "value", body, "", "empty name", "value", "again", b"\xff\x1b]2;", body[:50])
    call("XADD", "s52", "*", *(word for number in range(2000) for word in (f"f{number}", number)))
    call("XADD", "s57", "*", "a", "1")
    call("EXPIRE", "s57", 100_000)


def _letters(call: Callable[..., Any]) -> None:
    """Dead letters of every convention by halves, with texts and times of all kinds."""
    origins = ("s42", "nowhere\n", "", "\x1b]2;PWNED\x07", "s45")
    for place, text in enumerate(TEXTS):
        origin = origins[place % len(origins)]
        call("XADD", "s42.dlq", "*", "dlq_stream", origin, "dlq_exception", text, "dlq_reason", TEXTS[-place], "v", "1")
        call(
            "XADD", "s44:dlq", "*", "original_stream", origin, "error", text, "failed_at", NUMBERS[place % len(NUMBERS)]
        )
        call("XADD", "{s41}.dlq", "*", "reason", text, "retries", NUMBERS[place % len(NUMBERS)], "failed_at", text)
    call("XADD", f"s43{TITLE}:dlq", "*", "dlq_stream", f"s03{TITLE}", "dlq_reason", CLIPBOARD)
    call("XADD", "s42", "*", "a", "1")
    for number in NUMBERS:
        call("XADD", "s45_dlq", "*", "error", "of a time", "failed_at", number, "timestamp", number)


def _groups(call: Callable[..., Any]) -> tuple[str, ...]:
    """Groups in every state: read nothing, behind, ahead of the stream, pending, with ghosts, trimmed, alike."""
    for number in range(6):
        call("XADD", "s53", "*", "n", number)
    for group in (f"g{TITLE}", "g\n", "group:g", "g/x", "受", "-g", b"g\xff", "g\u202e"):
        call("XGROUP", "CREATE", "s53", group, "0")
        call("XREADGROUP", "GROUP", group, f"c{CLIPBOARD}\n", "COUNT", 2, "STREAMS", "s53", ">")
        call("XREADGROUP", "GROUP", group, "-c", "COUNT", 1, "STREAMS", "s53", ">")
    call("XGROUP", "CREATE", "s54", "s55/g", "0", "MKSTREAM")
    call("XGROUP", "CREATE", "s54/s55", "g", "0", "MKSTREAM")
    for name in ("s54", "s54/s55"):
        call("XADD", name, "*", "a", "1")
    call("XADD", "s56", "*", "a", "1")
    call("XGROUP", "CREATE", "s56", "ahead", "$", "ENTRIESREAD", 100)
    call("XGROUP", "CREATE", "s56", "ghosts", "0")
    for number in range(10):
        call("XADD", "s56", "*", "n", number)
    (_, entries), *_ = call("XREADGROUP", "GROUP", "ghosts", "gone", "COUNT", 4, "STREAMS", "s56", ">")
    ids = [entry if isinstance(entry, bytes) else entry[0] for entry in entries]
    call("XDEL", "s56", ids[1], ids[2])
    call("XGROUP", "CREATE", "s56", "middle", ids[3])
    call("XTRIM", "s56", "MAXLEN", 6)
    return ("s56/ahead", "s56/ghosts", "s56/middle", f"s53/g{TITLE}", "s53/group:g", "s53/g/x", "s53/-g")
