"""One text, one reading: what is printed of a thing and typed back leads to that thing, whatever else is there.

`MQTUI_EXAMPLES=10000 pytest tests/services/test_name_round_trip.py` tries ten thousand names instead of a few hundred.
"""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import click
import pytest

from mqtui.brokers.port import Broker
from mqtui.brokers.registry import all_traits
from mqtui.cli.discard import discard
from mqtui.cli.lag import lag
from mqtui.cli.peek import peek
from mqtui.cli.publish import publish
from mqtui.cli.redrive import redrive
from mqtui.domain.capability import Verb
from mqtui.domain.errors import MqtuiError, NotFound, Refused
from mqtui.domain.name_quoting import UnambiguousNames, command, join
from mqtui.domain.printable import printable
from mqtui.domain.redrive import Selection
from mqtui.domain.resource import BrokerKind, Kind, ParsedName, Ref, name_bytes, parse_name
from mqtui.domain.topology import Destination, Page
from mqtui.services.browse import find_destination, find_target
from mqtui.services.command_line import command_of
from mqtui.services.group_lookup import find_groups
from mqtui.services.redrive.request import RedriveRequest
from mqtui.ui.navigation import goto

KINDS = {traits.kind: traits.destinations for traits in all_traits()}
EXAMPLES = int(os.environ.get("MQTUI_EXAMPLES", "300"))
NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
PROFILES = ("shop", "prod-eu")
STEMS = ("orders", "stream:orders", "s:orders", "queue:q:x", "topic:t", "x:y", "g:h", "group:a/b", "b:c", "exchange:e",
    "orders:dlq", "orders@newest", "orders@4/1", "orders-4@7", "orders[4]@7", "orders offset 5", "run 7f3a", "audit 3",
    "oldest", "14:02", "-15m", "5", "118203", "1795475111678-0", "audit", "home", "shop", "shop/orders", "shop/s:x",
    "kafka://h/topic/x", "redis://h:1/0/stream/x", "-n", "--yes", "--", "-", " ", " a", "a ", "", "*", "a?b", "[a]",
    "a/b", "a/b/c", "/", "bad\nrow", "bad␊row", "cr\rx", "tab\tx", "\x1b]2;T\x07", "nul\0x", "nul␀x", "a\u202eb",
    "a<U+202E>b", "\udcff", "\\xff", "受注", "👍", "e\u0301", "it's", '"q"', "$HOME", "`id`", "a\\nb", "a;b", "stream:",
    "x" * 200, "{orders}.dlq", "stream:stream:orders", "s:stream:orders")  # fmt: skip


@dataclass(frozen=True)
class Names:
    """A broker that holds these names and nothing else."""

    kind: BrokerKind
    there: frozenset[Ref]

    @property
    def catalog(self) -> Names:
        return self

    async def locate(self, ref: Ref) -> Destination:
        if ref not in self.there:
            raise NotFound(f"There is no {ref}")
        return Destination(ref, ref.kind)

    async def list_destinations(self) -> AsyncIterator[Page[Destination]]:
        yield Page(tuple(Destination(ref, ref.kind) for ref in self.there))


def allowed(name: str, kind: BrokerKind) -> str | None:
    """The name as the broker would take it, or None."""
    if kind is BrokerKind.KAFKA:
        kept = "".join(sign for sign in name if sign.isascii() and (sign.isalnum() or sign in "._-"))
        return kept if kept.strip(".") else None
    if kind is BrokerKind.RABBITMQ:
        return name if name and "\udcff" not in name and len(name.encode()) <= 255 else None
    return name


def world(dice: random.Random, kind: BrokerKind) -> Names:
    """Some odd names, and beside each what it could be taken for."""
    names: list[str] = []
    for _ in range(dice.randint(1, 4)):
        name = dice.choice(STEMS)
        if dice.random() < 0.3:
            name = dice.choice(("s:", "stream:", "q:", "exchange:", "shop/", "t:")) + name
        if dice.random() < 0.3:
            name += dice.choice(("", "@newest", "@4/7", "\n", dice.choice(STEMS)))
        if dice.random() < 0.2:
            name = "".join(dice.choice("s:/@ \n\\-x\udcff\0\u202e␊'") for _ in range(dice.randint(0, 8)))
        named = parse_name(name)
        names += [name, named.name, printable(name), f"{dice.choice(KINDS[kind])}:{name}"][: dice.randint(1, 4)]
    found = {allowed(name, kind) for name in names} - {None}
    refs = [Ref(of, name or "") for name in found for of in KINDS[kind] if dice.random() < 0.8]
    return Names(kind, frozenset(refs or [Ref(KINDS[kind][0], "orders")]))


def worlds() -> Iterable[Names]:
    dice = random.Random(10)
    left = EXAMPLES
    while left > 0:
        kind = dice.choice(list(BrokerKind))
        made = world(dice, kind)
        left -= len(made.there)
        yield made


def words_of(lines: Sequence[str]) -> list[list[str]]:
    """What a shell makes of command lines: their words."""
    script = "\n".join(f'set -- {line}; printf \'%s\\0\' "$#" "$@"' for line in lines)
    done = subprocess.run(["bash", "-c", 'eval "$(cat)"'], input=name_bytes(script), capture_output=True, check=True)
    words = iter([word.decode("utf-8", "surrogateescape") for word in done.stdout.split(b"\0")[:-1]])
    return [[next(words) for _ in range(int(count))] for count in words]


def given(to: click.Command, words: Sequence[str]) -> dict[str, ParsedName]:
    """The things a command was given."""
    context = to.make_context(to.name, list(words))
    return {name: value for name, value in context.params.items() if isinstance(value, ParsedName)}


async def test_a_printed_name_is_read_back_or_refused() -> None:
    """What `ls` prints leads back; only where everything that could be typed means two things it is refused."""
    refused = 0
    for there in worlds():
        spelling = UnambiguousNames(there.there, KINDS[there.kind])
        for ref in there.there:
            word = printable(spelling.of(ref))
            try:
                found = (await find_target(cast("Broker", there), parse_name(word))).ref
            except Refused as error:
                refused += 1
                assert "is the name of" in error.title
            else:
                assert found == ref, (word, ref, there.there)
    assert refused < EXAMPLES / 10


@pytest.mark.timeout(120 + EXAMPLES // 10)
async def test_a_copied_command_is_read_back() -> None:
    made: list[tuple[Names, Ref, str, str]] = []
    for there in worlds():
        for ref in there.there:
            target = "-odd target" if ref.name == "5" else "shop"
            reads = ref.kind is not Kind.EXCHANGE
            if reads:
                made.append((there, ref, "peek", join(command("peek", target, ref, "-n", "1"))))
                made.append((there, ref, "discard", command_of(RedriveRequest(Verb.DISCARD, ref, Selection()), target)))
            made.append((there, ref, "publish", join(command("publish", target, ref, "--value", "x"))))
            order = RedriveRequest(Verb.REDRIVE, Ref(KINDS[there.kind][0], "dead"), Selection(), ref)
            made.append((there, ref, "to", command_of(order, target)))
    commands = {"peek": peek, "discard": discard, "publish": publish, "to": redrive}
    assert all(line.isprintable() for *_, line in made)
    for (there, ref, verb, line), words in zip(made, words_of([line for *_, line in made]), strict=True):
        named = given(commands[verb], words[2:])
        wanted = named.get("to") or next(iter(named.values()))
        look = find_destination if verb in ("peek", "discard") else find_target
        signed = {"\0", "␀"} & set(ref.name)
        try:
            found = (await look(cast("Broker", there), wanted)).ref
        except Refused:
            assert signed, (line, ref, there.there)
        else:
            assert found == ref, (line, ref, there.there)


async def test_a_copied_command_finds_its_group() -> None:
    plain = [name for name in STEMS if name and not {"\0", "␀"} & set(name)]
    groups = [Ref(Kind.GROUP, name) for name in (*plain, "orders/g", "g")]
    lines = [join(command("lag", "shop", ref)) for ref in groups]
    for ref, words in zip(groups, words_of(lines), strict=True):
        (wanted,) = given(lag, words[2:]).values()
        assert find_groups(groups, wanted, "shop") == [ref], words


@pytest.mark.parametrize("url", [False, True])
def test_what_go_to_writes_leads_back(url: bool) -> None:
    """Of several things that are shown alike all are offered, among them the one that was meant."""
    several = seen = 0
    for there in worlds():
        target = {
            "kafka": "kafka://h:1",
            "rabbitmq": "amqp://u:p@h:1/%2F?management=http://h:2",
            "redis": "redis://h:1/0",
        }[there.kind]
        known = [goto.KnownResource(target if url else "shop", there.kind, ref, ("h", "h:1")) for ref in there.there]
        for each in known:
            texts = [goto.reference(each.target, each.ref)]
            if not url:
                texts += [goto.to_typed(each, "shop", PROFILES), goto.to_typed(each, "prod-eu", PROFILES)]
            for text in texts:
                assert text.isprintable(), text
                goal = goto.parse(text, NOW, PROFILES)
                assert isinstance(goal, goto.ResourceTarget), (text, each.ref, goal)
                spots = goto.resolve(goal, known, "shop")
                assert each in [spot.known for spot in spots if spot.at is None], (text, each.ref, spots)
                several += len(spots) > 1
                seen += 1
    assert several < seen / 2


def test_a_position_stays_with_its_name() -> None:
    for name in STEMS:
        known = [goto.KnownResource("shop", BrokerKind.REDIS, Ref(Kind.STREAM, name), ())]
        goal = goto.parse(goto.reference("shop", known[0].ref, "1795475111678-0"), NOW, PROFILES)
        assert isinstance(goal, goto.ResourceTarget)
        (spot,) = goto.resolve(goal, known, "shop")
        assert spot.at == goto.parse("x@1795475111678-0", NOW).at  # type: ignore[union-attr]


async def test_what_is_nowhere_is_told_in_all_its_readings() -> None:
    there = cast("Broker", Names(BrokerKind.RABBITMQ, frozenset()))
    with pytest.raises(NotFound, match="no queue 'nothere' and no exchange 'nothere'"):
        await find_target(there, parse_name("nothere"))
    with pytest.raises(MqtuiError):
        await find_destination(there, parse_name("exchange:nothere"))
