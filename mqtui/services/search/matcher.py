"""Decides which messages match: what bytes alone do not tell is decoded, and jq is asked where nothing else can."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing
from itertools import compress
from typing import Self

import orjson

from mqtui.brokers.header_values import untyped_value
from mqtui.brokers.loop_yield import TimeSlices
from mqtui.codecs.compression import MAGICS
from mqtui.codecs.decoded import Decoded
from mqtui.codecs.framing import FRAME_STYLES
from mqtui.domain.message import EntryId, Message
from mqtui.domain.scan import Candidates, Certainty, ScanTest
from mqtui.services.decode_batch import decode_each
from mqtui.services.decoding import FRAME_BYTES, Decoder
from mqtui.services.jq_filter import JqFilter
from mqtui.services.regular_expression import compile_expression
from mqtui.services.search.jq_predicate import Unsure, compile_predicate
from mqtui.services.search.query import SearchQuery
from mqtui.services.search.record_test import ColumnTest, is_plain_json, text_test

JQ_CHUNK = 2_048
"""Messages that are sent to jq at once: each exchange between two processes waits for the scheduler twice."""

JQ_SHARED_FROM = 512
"""Messages from which on jq is asked in more than one process."""

OPENED = {*FRAME_STYLES, "fernet", *(name for _, name in MAGICS)}
"""Layers that are known by their beginning: one that can't be opened hides what is in it."""


class MessageMatcher:
    """One query on the messages of one broker. It counts what could not be tested: that is never selected."""

    def __init__(self, query: SearchQuery, decoder: Decoder, jq_processes: int = 1) -> None:
        """Prepare the conditions.

        Raises:
            BadInput: an expression can't be read.
        """
        self.query = query
        self.undecodable = 0
        """Messages whose value could not be decoded."""

        self._decoder = decoder
        self._predicate = compile_predicate(query.program) if query.program else None
        self._jq = [self._jq_filter() for _ in range(jq_processes)] if query.program else []
        self._started = 0
        self._grep = text_test(query.grep) if query.grep else None
        self._key = compile_expression(query.key) if query.key else None
        self._headers = [(name, compile_expression(expression)) for name, expression in query.headers]

    def _jq_filter(self) -> JqFilter:
        return JqFilter(self.query.program, self._decoder, chunk=JQ_CHUNK)

    async def __aenter__(self) -> Self:
        """Compile the jq program.

        Raises:
            BadInput: it can't be compiled.
            OverBudget: compiling it takes too long or too much memory.
        """
        await self._start_jq(1)
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the jq program."""
        for jq in self._jq[: self._started]:
            await jq.close()

    async def _start_jq(self, wanted: int) -> None:
        """Start the program in so many processes."""
        for jq in self._jq[self._started : wanted]:
            await jq.start()
            self._started += 1

    def column_test(self, destination: str) -> ScanTest:
        """The test that rejects records of a destination by their bytes."""
        reads_bytes = not self._decoder.has_rules_for(destination)
        reads_value = bool(self._jq) and reads_bytes and not self._jq[0].needs_message
        return ColumnTest(self.query, self._predicate, reads_bytes=reads_bytes, program_reads_value=reads_value)

    @property
    def failures(self) -> int:
        """Messages on which the jq program failed."""
        return sum(jq.failure_count for jq in self._jq)

    def failure_reasons(self) -> list[str]:
        """Why, naming the first message of each kind."""
        return [f"{why}: {count:,}" for jq in self._jq for why, count in jq.failure_reasons()]

    async def select(self, candidates: Candidates) -> list[Message]:
        """The messages that match, in order; those that are sure are not tested again.

        Raises:
            OverBudget: the jq program uses up its budget on too many messages.
        """
        records, found = candidates.records, candidates.found
        chosen = {index for index, certainty in found if certainty is Certainty.SURE}
        if asked := [index for index, certainty in found if certainty is Certainty.PROGRAM]:
            chosen.update(await self._ask_values(candidates, asked))
        if unsure := [index for index, certainty in found if certainty is Certainty.UNSURE]:
            matching = await self._test(records.messages(unsure))
            chosen.update(index for index, is_wanted in zip(unsure, matching, strict=True) if is_wanted)
        return list(records.messages(index for index, _ in found if index in chosen))

    async def _test(self, messages: Sequence[Message]) -> list[bool]:
        wanted = [self._has_headers(message) for message in messages]
        await self._test_keys(messages, wanted)
        if self.query.looks_into_values:
            places = [place for place, is_wanted in enumerate(wanted) if is_wanted]
            chosen = await self._test_values([messages[place] for place in places])
            for place, is_chosen in zip(places, chosen, strict=True):
                wanted[place] = is_chosen
        return wanted

    def _has_headers(self, message: Message) -> bool:
        for name, test in self._headers:
            values = (untyped_value(value, kind) for known, value, kind in message.headers if known == name)
            if not any(test(value or b"") for value in values):
                return False
        return True

    async def _test_keys(self, messages: Sequence[Message], wanted: list[bool]) -> None:
        if self._key is None:
            return
        for place, message in enumerate(messages):
            key = message.key
            if wanted[place] and key is not None and key.startswith(FRAME_BYTES):
                decoded = self._decoder.decode_key(message)
                key = decoded.text if decoded is not None else key
            wanted[place] = wanted[place] and key is not None and self._key(key)

    async def _test_values(self, messages: Sequence[Message]) -> list[bool]:
        """Whether the values match. Each is decoded, so that one that can't be is known."""
        plain = [self._is_read_as_it_stands(message) for message in messages]
        encoded = [message for message, is_plain in zip(messages, plain, strict=True) if not is_plain]
        decoded = iter(await decode_each(self._decoder, encoded))
        wanted = [False] * len(messages)
        open_places: list[int] = []
        slices = TimeSlices()
        for place, message in enumerate(messages):
            if slices.is_over:
                await slices.yield_to_loop()
            found = Decoded(message.value or b"", "json") if plain[place] else next(decoded)
            if self._grep is not None and message.value is None and not message.fields:
                continue
            if is_undecodable(found):
                self.undecodable += 1
                continue
            if self._grep is not None and not any(map(self._grep, texts_of(message, found))):
                continue
            answer = self._predicate_holds(found)
            wanted[place] = bool(answer)
            if answer is None:
                open_places.append(place)
        await self._ask_jq(messages, open_places, wanted)
        return wanted

    def _is_read_as_it_stands(self, message: Message) -> bool:
        value = message.value
        return value is not None and is_plain_json(value) and not self._decoder.has_rules_for(message.resource.name)

    async def _ask_jq(self, messages: Sequence[Message], places: Sequence[int], wanted: list[bool]) -> None:
        """Ask jq of the messages at some places."""

        async def ask(jq: JqFilter, own: Sequence[int]) -> None:
            async with aclosing(jq.select([messages[place] for place in own])) as answers:
                asked = iter(own)
                async for is_wanted in answers:
                    wanted[next(asked)] = is_wanted

        await self._share_among_jq(places, ask)

    async def _ask_values(self, candidates: Candidates, asked: Sequence[int]) -> Sequence[int]:
        """Those of some records of which jq chooses the value as it stands."""
        records, values = candidates.records, candidates.records.values
        chosen: list[int] = []

        async def ask(jq: JqFilter, own: Sequence[int]) -> None:
            answers = await jq.select_values(
                [values[index] or b"" for index in own], lambda place: records.messages((own[place],))[0]
            )
            chosen.extend(compress(own, answers))

        await self._share_among_jq(asked, ask)
        return chosen

    async def _share_among_jq(
        self, asked: Sequence[int], ask: Callable[[JqFilter, Sequence[int]], Coroutine[None, None, None]]
    ) -> None:
        """Ask jq of some things; of many in all its processes, since it takes longer than all else."""
        if not asked:
            return
        shares = len(self._jq) if len(asked) >= JQ_SHARED_FROM else 1
        await self._start_jq(shares)
        size = -(-len(asked) // shares)
        parts = [asked[number * size : (number + 1) * size] for number in range(shares)]
        tasks = [asyncio.ensure_future(ask(jq, part)) for jq, part in zip(self._jq, parts, strict=False)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _predicate_holds(self, found: Decoded) -> bool | None:
        """Whether the program selects a decoded value; None where only jq can tell."""
        if not self._jq:
            return True
        if self._predicate is None:
            return None
        try:
            return bool(self._predicate(orjson.loads(found.text)))
        except (Unsure, orjson.JSONDecodeError):
            return None


def texts_of(message: Message, found: Decoded) -> Iterable[bytes]:
    """What is searched of a decoded value: it, and what is stored where that is text."""
    if isinstance(message.position, EntryId):
        for name, value in message.fields:
            yield name
            yield value
    elif message.value is not None:
        yield message.value
    if found.text[:1] == b'"':
        yield str(orjson.loads(found.text)).encode("utf-8", "surrogatepass")
    yield found.text


def is_undecodable(found: Decoded) -> bool:
    """Whether nothing fits the bytes, or a layer that they begin with could not be opened."""
    innermost = found.codec.rpartition("+")[2]
    if innermost == "binary":
        return True
    return innermost == "text" and any(not each.fitted and each.codec in OPENED for each in found.attempts)
