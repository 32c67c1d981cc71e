"""Every verb over the world of strangers, as text and as JSON: it ends in order, obeys nobody, loses no row."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from mqtui.domain.name_quoting import command
from mqtui.domain.printable import printable
from mqtui.domain.resource import BrokerKind, Kind, Ref
from tests.cli.command_line import CommandResult, Mqtui
from tests.strangers.odd import KEY, SEALED, TITLE, Place, Strangers

KINDS = {BrokerKind.KAFKA: Kind.TOPIC, BrokerKind.RABBITMQ: Kind.QUEUE, BrokerKind.REDIS: Kind.STREAM}
OBEYED = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff\udc80-\udcff]")
"""What a terminal acts on; a line ends by a line feed."""

EXCHANGES = ("s60", "s61", "s63")
"""They hold nothing."""

MUCH = ("s42", "s50", "s51", "s73", "s74", "s80", "s81", "s82", "s86")
"""They hold every body, time or header."""

EXPORTED = {"s42": "jsonl", "s74": "csv", "s82": "parquet"}
"""Places that are exported, and the format."""

FOLLOWED = {BrokerKind.KAFKA: "s81", BrokerKind.RABBITMQ: "s70", BrokerKind.REDIS: "s03"}

ENDS = (0, 1, 3, 4)
PROFILES = (f"p{TITLE}", "p\nrow", "-p", "p/x", "ls", "受\u202e", "p" * 300, "plain")
"""Names of which a profile can have the last."""


def called(mqtui: Mqtui, *words: str, ends: Sequence[int] = ENDS) -> CommandResult:
    """Call it, and see that it ended in order and that nothing in what it said is obeyed."""
    if "\0" in "".join(words):
        words = tuple(word.replace("\0", "␀") for word in words)
    done = mqtui(*words, within=120)
    assert done.code in ends, (words, done)
    assert "Traceback" not in done.err and "Internal error" not in done.err, (words, done.err)
    if "--json" in words:
        for line in done.out.splitlines():
            assert isinstance(json.loads(line), dict), (words, line)
        if done.code in (3, 4) or (done.code and not done.out):
            assert done.error()["title"], (words, done.err)
    else:
        assert not (found := OBEYED.search(done.text)), (words, found, done.text)
        assert not (found := OBEYED.search(done.err)), (words, found, done.err)
    return done


def both(mqtui: Mqtui, *words: str, ends: Sequence[int] = ENDS) -> tuple[CommandResult, CommandResult]:
    """The same call as text and as JSON; both end alike."""
    end = words.index("--") if "--" in words else len(words)
    text, rows = called(mqtui, *words, ends=ends), called(mqtui, *words[:end], "--json", *words[end:], ends=ends)
    assert text.code == rows.code, (words, text, rows)
    return text, rows


def words_of(verb: str, world: Strangers, place: Place, *options: str) -> Sequence[str]:
    return command(verb, world.url, Ref(KINDS[world.kind], place.name), *options)[1:]


def place_of(world: Strangers, tag: str) -> Place:
    return next(place for place in world.places if place.tag == tag)


def no_mistake(mqtui: Mqtui) -> None:
    """No report of a mistake was written."""
    report = mqtui.folder / "state" / "last-crash.txt"
    assert not report.exists(), report.read_text()


@pytest.mark.timeout(400)
def test_no_list_loses_a_row(mqtui: Mqtui, world: Strangers) -> None:
    text, rows = both(mqtui, "ls", world.url)
    assert text.code == 0
    listed = text.text.splitlines()[1:]
    assert len(listed) == len(rows.rows())
    names = [row["resource"] for row in rows.rows()]
    for place in world.places:
        assert len([line for line in listed if place.tag in line]) >= 1, place
        if "\udcff" not in place.name:
            assert place.name in names, place
    for verb in ("groups", "lag", "dlq"):
        text, rows = both(mqtui, verb, world.url)
        told = [printable(str(row.get("group") or row.get("resource"))) for row in rows.rows()]
        for name in world.groups if verb != "dlq" else [place.name for place in world.places if place.dead]:
            assert printable(name) in told and printable(name) in text.text, (verb, name)
    both(mqtui, "lag", world.url, "--fail", "1")
    both(mqtui, "audit")
    both(mqtui, "runs", "list")
    no_mistake(mqtui)


@pytest.mark.timeout(400)
def test_every_place_is_looked_at(mqtui: Mqtui, world: Strangers, tmp_path: Path) -> None:
    """By the command that is copied for it, every other time as JSON; one that holds much is looked at both ways.

    Three are exported as well, as JSON lines, CSV and Parquet: no message is lost.
    """

    def look(numbered: tuple[int, Place]) -> None:
        number, place = numbered
        looks = [words_of("peek", world, place, "-n", "100", *(("--json",) if number % 2 else ()))]
        if place.tag in MUCH:
            looks = [words_of("peek", world, place, "-n", "100", *json_too) for json_too in ((), ("--json",))]
            called(mqtui, *words_of("search", world, place, "--until", "9999-12-31"), ends=(0,))
            called(mqtui, *words_of("search", world, place, "--grep", "PWNED", "--count", "--json"), ends=(0, 1))
        done = [called(mqtui, *words) for words in looks]
        assert not any(each.code for each in done), (place, done)
        assert len({len(each.out.splitlines()) for each in done}) == 1, place
        rows = [
            row["resource"] for told, words in zip(done, looks, strict=True) if "--json" in words for row in told.rows()
        ]
        assert {row for row in rows if isinstance(row, str)} <= {place.name}
        if form := EXPORTED.get(place.tag):
            words = words_of("export", world, place, "--out", str(tmp_path / f"{place.tag}.{form}"), "--json")
            (told,) = called(mqtui, *words).rows()
            assert told["exported"] >= len(rows) > 0 and told["format"] == form, (place, told)

    chosen = [place for number, place in enumerate(world.places) if number % 2 or place.tag > "s40"]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(look, enumerate(place for place in chosen if place.tag not in EXCHANGES)))
    no_mistake(mqtui)


@pytest.mark.timeout(400)
def test_what_is_shown_is_typed_back(mqtui: Mqtui, world: Strangers) -> None:
    """A name as the list shows it leads to its plan; a group's command to its lag."""

    def type_back(place: Place) -> None:
        shown = printable(place.name)
        typed = ("--", world.url, shown) if shown.startswith("-") else (world.url, shown)
        done = called(mqtui, "publish", "--value", "x", "--dry-run", *typed)
        assert done.code == 0 or "is the name of 2 things" in done.err, (place, done.err)
        assert done.code or printable(f"to {KINDS[world.kind]}:{place.name}") in done.text, (place, done.text)

    def ask(group: str) -> None:
        (row,) = called(mqtui, *command("lag", world.url, Ref(Kind.GROUP, group), "--json")[1:]).rows()
        assert row["group"] == group

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(type_back, world.places[1:27:2]))
        list(pool.map(ask, world.groups))
    no_mistake(mqtui)


@pytest.mark.timeout(400)
def test_dead_letters_of_strangers(mqtui: Mqtui, world: Strangers) -> None:
    for place in world.places:
        if not place.dead:
            continue
        text, rows = both(mqtui, *words_of("dlq", world, place))
        assert text.code == 0, (place, text.err)
        assert len(text.text.splitlines()) == len(rows.rows()) + 1
        for verb in ("redrive", "discard"):
            both(mqtui, *words_of(verb, world, place, "--dry-run"))
        called(mqtui, *words_of("redrive", world, place, "--limit", "2", "--yes"))
        called(mqtui, *words_of("discard", world, place, "--limit", "2", "--yes", "--json"))
    runs = [row["run"] for row in called(mqtui, "runs", "list", "--json").rows()]
    assert runs
    called(mqtui, "runs", "list")
    for run in runs[-6:]:
        for words in (("show", run), ("report", run), ("putback", run, "--dry-run")):
            called(mqtui, "runs", *words)
        called(mqtui, "runs", "show", run, "--json")
    assert both(mqtui, "audit")[0].code == 0
    no_mistake(mqtui)


@pytest.mark.timeout(400)
def test_writing_to_strangers(mqtui: Mqtui, world: Strangers) -> None:
    for place in world.places[::3]:
        words = words_of("publish", world, place, "--value", "from us\x1b]2;PWNED\x07", "--yes")
        assert called(mqtui, *words).code in (0, 1), place
    text, _ = both(mqtui, "audit")
    assert "PWNED" in text.text or world.kind is BrokerKind.KAFKA
    if world.limited:
        for verb in ("ls", "groups", "lag", "dlq"):
            both(mqtui, verb, world.limited)
        for words in (("peek",), ("dlq",), ("publish", "--value", "x", "--yes"), ("redrive", "--dry-run")):
            both(mqtui, words[0], world.limited, world.places[-1].name, *words[1:])
    no_mistake(mqtui)


@pytest.mark.timeout(400)
def test_entries_that_strangers_have_not_acknowledged(mqtui: Mqtui, world: Strangers) -> None:
    if world.kind is not BrokerKind.REDIS:
        assert called(mqtui, "pending", world.url, world.places[0].name, "g").code == 4
        return
    for name in world.groups:
        stream, _, group = name.partition("/")
        dashed = ("--",) if group.startswith("-") else ()
        both(mqtui, "pending", *dashed, world.url, stream, group)
        for words in (("claim", "--to", "c\x1b]2;PWNED\x07", "--all", "--min-idle", "0ms"), ("ack", "--all")):
            both(mqtui, words[0], *words[1:], "--dry-run", *dashed, world.url, stream, group)
            called(mqtui, *words, "--yes", *dashed, world.url, stream, group)
    no_mistake(mqtui)


@pytest.mark.timeout(400)
def test_offsets_of_strangers(mqtui: Mqtui, world: Strangers) -> None:
    """Set, and put back, in groups and on places of any name."""
    if world.kind is BrokerKind.RABBITMQ:
        assert called(mqtui, "offsets", world.url, "g", world.places[0].name, "--to", "oldest").code == 4
        return
    rows = called(mqtui, "groups", world.url, "--json").rows()
    reads = {row["group"]: row["reads"] for row in rows if isinstance(row["group"], str)}
    targets = (("--to", "oldest"), ("--to", "shift:1"), ("--skip", "1", "--partition", "0"))
    for number, name in enumerate(world.groups):
        dashed = ("--",) if name.startswith("-") else ()
        for place in [each["resource"] for each in reads.get(name, ()) if isinstance(each["resource"], str)][:1]:
            both(mqtui, "offsets", *targets[number % 3], "--dry-run", *dashed, world.url, name, place)
            done = called(mqtui, "offsets", "--to", "newest", "--yes", "--json", *dashed, world.url, name, place)
            for run in [row["run"] for row in done.rows() if "run" in row]:
                assert called(mqtui, "runs", "putback", run, "--yes").code == 0, name
    no_mistake(mqtui)


@pytest.mark.timeout(400)
def test_sealed_bodies_of_strangers(mqtui: Mqtui, world: Strangers) -> None:
    """They are read as they are, whoever has the key; what is sealed here is one of them."""
    mqtui.extra = {"MQTUI_KEY_STRANGERS": KEY}
    place = place_of(world, FOLLOWED[world.kind])
    opened = words_of("publish", world, place, "--value", SEALED, "--fernet", "strangers", "--yes")
    assert both(mqtui, *opened)[0].code == 0
    text, rows = both(mqtui, *words_of("peek", world, place, "-n", "1", "--from", "newest"))
    sealed = json.dumps(rows.rows()).partition("gAAAAA")[2].partition('"')[0]
    assert Fernet(KEY).decrypt(f"gAAAAA{sealed}") == SEALED.encode()
    assert "gAAAAA" in text.text
    no_mistake(mqtui)


@pytest.mark.timeout(400)
def test_strangers_that_arrive(mqtui: Mqtui, world: Strangers) -> None:
    """Followed as text and as JSON while they come; a queue can't be."""
    place = place_of(world, FOLLOWED[world.kind])
    lines = [
        json.dumps({"value": text, "headers": [[f"h{text}", text]]}) for text in (TITLE, "r\r\nrow\u2028", "\u202e")
    ]
    given = "\n".join([*lines, ""]).encode()
    send = words_of("publish", world, place, "--jsonl", "-", "--yes")
    with ThreadPoolExecutor(2) as pool:
        follow = [words_of("tail", world, place, "-n", "3", *more) for more in ((), ("--json",))]
        following = [pool.submit(called, mqtui, *words) for words in follow]
        while not all(one.done() for one in following):
            assert mqtui(*send, given=given).code == 0
        text, rows = (one.result() for one in following)
    assert (text.code, rows.code) == (0, 0)
    assert len(rows.rows()) == 3
    if world.kind is BrokerKind.RABBITMQ:
        assert called(mqtui, *words_of("tail", world, place_of(world, "s03"))).code == 4
    no_mistake(mqtui)


@pytest.mark.timeout(400)
def test_profiles_with_names_of_strangers(mqtui: Mqtui, world: Strangers) -> None:
    """A name that is refused is told; one that is kept is listed, shown, tried and removed."""
    if world.kind is not BrokerKind.REDIS:
        return
    ends = (*ENDS, 2)
    kept = [
        name
        for name in PROFILES
        if called(mqtui, "profile", "add", "--json", "--", name, world.url, ends=ends).code == 0
    ]
    assert kept[-1] == "plain"
    assert called(mqtui, "profile", "add", "odd", f"redis://h{TITLE}\n:1/0", ends=ends).code in (0, 2)
    text, rows = both(mqtui, "profile", "list")
    assert {row["name"] for row in rows.rows()} >= set(kept)
    assert len(text.text.splitlines()) == len(rows.rows()) + 1
    for name in (*kept, *(name for name in PROFILES if name not in kept)):
        for verb in ("show", "test"):
            both(mqtui, "profile", verb, "--", name, ends=ends)
        for json_too in (("--json",), ()):
            called(mqtui, "profile", "remove", *json_too, "--confirm", name, "--", name, ends=ends)
    assert called(mqtui, "profile", "show", "plain").code == 1
    for shell in ("bash", "zsh", "fish"):
        assert "_MQTUI_COMPLETE" in mqtui("completion", shell).ok().text
    no_mistake(mqtui)
