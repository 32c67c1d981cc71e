"""Names as arguments of a shell, so that what is printed and typed back means the same thing (D8)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from mqtui.domain.printable import printable
from mqtui.domain.resource import KIND_LETTERS, Kind, ParsedName, Ref, name_bytes, parse_name

SIGNS = re.compile(r"[\u2400-\u2421]|<U\+[0-9A-F]{4,6}>|\\x[0-9a-f]{2}")
"""What `printable` writes for characters that can't be shown."""

SENDING = frozenset({"publish", "--to"})
"""Verbs and options whose name may be that of a queue or of an exchange."""

NUL_SIGN = "\u2400"
ESCAPES = {ord("\n"): r"\n", ord("\t"): r"\t", ord("\r"): r"\r", ord("'"): r"\'", ord("\\"): r"\\"}


def candidates(ref: Ref) -> Iterator[str]:
    """The ways to type a name, the shortest first."""
    letter = next(letter for letter, kind in KIND_LETTERS.items() if kind is ref.kind)
    yield ref.name
    yield f"{ref.kind}:{ref.name}"
    yield f"{letter}:{ref.name}"


class UnambiguousNames:
    """The shortest unambiguous names of the destinations and groups of a broker, whose destinations are of `kinds`."""

    def __init__(self, there: Iterable[Ref], kinds: Sequence[Kind]) -> None:
        self._there = frozenset(map(_place, there))
        self._kinds = kinds

    def of(self, ref: Ref) -> str:
        """The shortest way to type a name that can mean nothing else that exists.

        Where there is none, kind and name: typed, that is refused, and never taken for another thing.
        """
        wanted = _place(ref)
        for text in candidates(ref):
            means = set(map(_place, parse_name(text).readings(self._kinds)))
            if text and wanted in means and not any(each in self._there for each in means - {wanted}):
                return text
        return str(ref)


def _place(ref: Ref) -> Ref:
    """The reference by which names are unique: streams and queues of RabbitMQ share their names."""
    return Ref(Kind.QUEUE, ref.name) if ref.kind is Kind.STREAM else ref


def may_stand_for_another(named: ParsedName) -> bool:
    """Whether a name may be the printed form of another one. With a kind it is exact, except for the sign of NUL."""
    return SIGNS.search(named.typed) is not None or NUL_SIGN in named.name


def is_shown_as(ref: Ref, reading: Ref) -> bool:
    """Whether a name is printed as another name of its kind, since it holds characters that can't be printed."""
    return (
        ref.name != reading.name
        and printable(ref.name) == printable(reading.name)
        and _place(reading).kind is _place(ref).kind
    )


def quote(word: str) -> str:
    """Quote a word for a shell, on one line.

    Characters that can't be printed, and bytes that are not UTF-8, are escapes of `$'...'` (bash, zsh, ksh). A NUL
    can't be part of a word; its sign is written instead, and read back where nothing else has that name.
    """
    word = word.replace("\0", NUL_SIGN)
    if word.isprintable():
        return shlex.quote(word)
    return "$'" + "".join(map(_escaped, word)) + "'"


def _escaped(sign: str) -> str:
    if ord(sign) in ESCAPES:
        return ESCAPES[ord(sign)]
    return sign if sign.isprintable() else "".join(f"\\{byte:03o}" for byte in name_bytes(sign))


def join(words: Iterable[str]) -> str:
    """The words as a command line for a shell."""
    return " ".join(map(quote, words))


def command(verb: str, target: str, ref: Ref, *options: str, also: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The words of a command on one destination or group; `also` are arguments after it.

    The kind is added where the name alone is ambiguous. Options come first where a name begins like one.
    """
    kind = ("--kind", str(ref.kind)) if needs_kind(ref, verb) else ()
    arguments = (target, ref.name, *also)
    if any(word.startswith("-") and word != "-" for word in arguments) or ref.name == "-":
        return ("mqtui", verb, *kind, *options, "--", *arguments)
    return ("mqtui", verb, *arguments, *kind, *options)


def needs_kind(ref: Ref, use: str) -> bool:
    """Whether the name alone is ambiguous for a verb or for `--to`.

    A queue and an exchange may have one name, and reading means the queue; a name may begin like a kind, hold signs
    that stand for other characters, or be empty.
    """
    if ref.kind is Kind.EXCHANGE or parse_name(ref.name).kind is not None or not ref.name or SIGNS.search(ref.name):
        return True
    return use in SENDING and ref.kind is Kind.QUEUE
