"""Grouping by cause, and choosing letters."""

import gzip
from collections.abc import AsyncIterator, Sequence

import msgspec
import orjson
import pytest

from mqtui.domain.convention import Conventions
from mqtui.domain.deadletter import describe
from mqtui.domain.errors import BadInput, NotFound
from mqtui.domain.message import Message, Offset
from mqtui.domain.redrive import Selection
from mqtui.services import cause_grouping
from mqtui.services.cause_grouping import FirstLetters, complete_cause_id, group_by_cause
from mqtui.services.cause_samples import CauseReport, read_letters
from mqtui.services.conventions import load_conventions
from mqtui.services.decoding import Decoder
from mqtui.services.letter_selector import LetterSelector
from tests.domain import dead_letters


@pytest.fixture(scope="module")
def conventions() -> Conventions:
    return load_conventions().conventions


def letter(message: str, time: int, exception: str = "shop.Late") -> Message:
    headers = (
        ("__connect.errors.topic", b"orders", ""),
        ("__connect.errors.exception.class.name", exception.encode(), ""),
        ("__connect.errors.exception.message", message.encode(), ""),
    )
    return dead_letters.kafka(headers, timestamp=time)


async def batches(*all_letters: Sequence[Message]) -> AsyncIterator[Sequence[Message]]:
    for batch in all_letters:
        yield batch


async def test_letters_of_one_cause_are_one_group(conventions: Conventions) -> None:
    late = [letter(f"order {number} came {number * 7} ms late", 1_000 + number) for number in range(30)]
    other = [letter("no stock", 5_000)]
    causes = await group_by_cause(batches(late[:10], other, late[10:]), conventions)
    assert [(cause.count, cause.text) for cause in causes] == [
        (30, "Late: order # came # ms late"),
        (1, "Late: no stock"),
    ]
    first = causes[0]
    assert (first.first, first.last) == (1_000, 1_029)
    assert (first.sample, first.origin) == ("order 0 came 0 ms late", "topic:orders")
    assert first.id == describe(late[7], conventions).cause


async def test_a_cause_in_a_body_is_found_however_it_is_encoded(conventions: Conventions) -> None:
    body = {"original_topic": "orders", "original_value": "x", "error_type": "shop.Late", "error_message": "no stock"}
    text = orjson.dumps(body)
    plain, zipped, packed = (
        Message(dead_letters.kafka(()).resource, Offset(0, place), value)
        for place, value in enumerate((text, gzip.compress(text), msgspec.msgpack.encode(body)))
    )
    (cause,) = await group_by_cause(batches([plain, zipped]), conventions)
    assert (cause.count, cause.text) == (2, "Late: no stock")
    decoder = Decoder(rules={"*": {"value": "msgpack"}})
    assert [each.id for each in await group_by_cause(batches([packed]), conventions, None, decoder)] == [cause.id]
    report = CauseReport(conventions)
    await read_letters(batches([plain, zipped]), report, lambda _: None)
    assert [len(case.letters) for case in report.samples.values()] == [2]
    assert report.samples[cause.id].letters[1].value == zipped.value
    assert await accepts(Selection(cause=cause.id), conventions, zipped)


async def test_memory_is_bounded(conventions: Conventions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cause_grouping, "MAX_CAUSES", 3)
    many = [letter("x", number, f"shop.E{'abcdefgh'[number % 8]}") for number in range(80)]
    causes = await group_by_cause(batches(many), conventions)
    assert [cause.count for cause in causes] == [10, 10, 10, 50]
    assert (causes[-1].id, causes[-1].text) == ("others", "more than 3 causes")
    assert (causes[-1].first, causes[-1].last) == (3, 79)


async def test_the_first_letter_of_each_cause_is_kept_in_bounded_memory(
    conventions: Conventions, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = [letter("late", 1), letter("late", 2), letter("no stock", 3)]
    first = FirstLetters()
    causes = await group_by_cause(batches(letters), conventions, first)
    assert [first.by_cause[cause.id] for cause in causes] == [letters[0], letters[2]]
    monkeypatch.setattr(cause_grouping, "MAX_FIRST_BYTES", letters[0].size)
    bounded = FirstLetters()
    await group_by_cause(batches(letters), conventions, bounded)
    assert list(bounded.by_cause.values()) == [letters[0]]


async def test_a_cause_is_named_by_its_beginning(conventions: Conventions) -> None:
    causes = await group_by_cause(batches([letter("a", 1), letter("b", 2)]), conventions)
    assert complete_cause_id(causes[0].id[:4], causes) == causes[0].id
    assert complete_cause_id(causes[0].id.upper(), causes) == causes[0].id
    with pytest.raises(NotFound):
        complete_cause_id("0000", causes)
    with pytest.raises(BadInput, match="too short"):
        complete_cause_id(causes[0].id[:3], causes)
    with pytest.raises(BadInput, match="Several"):
        complete_cause_id(causes[0].id[:4], [*causes, *causes])


async def test_selector_takes_all_that_match_everything_given(conventions: Conventions) -> None:
    wanted = letter("order 7 is late", 2_000)
    cause = describe(wanted, conventions).cause
    for selection, accepted in [
        (Selection(), True),
        (Selection(limit=3), True),
        (Selection(cause=cause), True),
        (Selection(cause=cause[:4].upper()), True),
        (Selection(cause="00000000"), False),
        (Selection(partition=0), True),
        (Selection(partition=1), False),
        (Selection(since=2_000), True),
        (Selection(since=2_001), False),
        (Selection(until=2_000), False),
        (Selection(since=1_000, until=2_001, cause=cause, where='.id == 118203 and $m.key == "u7"'), True),
        (Selection(cause=cause, where=".id == 1"), False),
    ]:
        assert await accepts(selection, conventions, wanted) is accepted, selection


async def accepts(selection: Selection, conventions: Conventions, letter: Message) -> bool:
    async with LetterSelector(selection, conventions) as selector:
        (accepted,) = await selector.select([letter])
    return accepted


async def test_time_of_death_wins_over_the_messages_own(conventions: Conventions) -> None:
    rejected = dead_letters.rabbitmq(
        [dead_letters.x_death(dead_letters.death("work", "rejected", seconds=50))], timestamp=1
    )
    assert await accepts(Selection(since=50_000, until=50_001), conventions, rejected)
    timeless = dead_letters.rabbitmq([])
    assert not await accepts(Selection(since=0), conventions, timeless)
    assert not await accepts(Selection(partition=0), conventions, timeless)


async def test_partition_of_a_letter(conventions: Conventions) -> None:
    moved = Message(dead_letters.kafka(()).resource, Offset(3, 1), b"{}")
    assert await accepts(Selection(partition=3), conventions, moved)


async def test_wrong_selections_say_so(conventions: Conventions) -> None:
    with pytest.raises(BadInput, match="jq"):
        async with LetterSelector(Selection(where=".a |"), conventions):
            pass
    with pytest.raises(BadInput, match="too short"):
        LetterSelector(Selection(cause="9d"), conventions)


async def test_letters_behind_the_last_one_wanted_are_not_tested(conventions: Conventions) -> None:
    letters = [letter(f"order {number}", number) for number in range(600)]
    async with LetterSelector(Selection(where="$m.timestamp % 2 == 1 or error"), conventions) as selector:
        wanted = await selector.select(letters, 3)
        assert [place for place, chosen in enumerate(wanted) if chosen] == [1, 3, 5]
        assert selector.jq_filter is not None
        assert selector.jq_filter.failure_count == 3
        assert sum(await selector.select(letters)) == 300
    async with LetterSelector(Selection(cause="0000"), conventions) as selector:
        assert await selector.select(letters, 2) == [False] * 600
    async with LetterSelector(Selection(), conventions) as selector:
        assert await selector.select(letters[:3], 2) == [True, True, False]
