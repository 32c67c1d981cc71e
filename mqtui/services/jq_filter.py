"""jq programs that select messages (`--where`).

The program's input is the decoded value: JSON as it is, text as a string, a Redis entry as an object of its fields,
bytes as `{"base64"}`, no value as null. `$m` is the whole message as a JSON line has it. A message is selected where
the program's first output is neither false nor null. The program runs in a sandboxed process (`jq_process`): it sees no
file, no module and no environment, and has 1 s of processor time and 256 MiB of memory for each message.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing

from mqtui.codecs import compression
from mqtui.codecs.decoded import Decoded
from mqtui.domain.errors import OverBudget
from mqtui.domain.message import Delivery, EntryId, Message
from mqtui.services.decode_batch import decode_each
from mqtui.services.decoding import PLAIN, Decoder
from mqtui.services.jq_process import CRASHED, TOO_MUCH_MEMORY, TOO_MUCH_TIME, Answer, BudgetExceeded, JqProcess
from mqtui.services.jq_worker import JqInput
from mqtui.services.jsonlines import to_json

_MENTIONS_MESSAGE = re.compile(r"\$m\b")
CHUNK_MESSAGES = 256
"""Messages that are sent to the worker at once, at most."""

CHUNK_BYTES = 1024 * 1024
MAX_DECODED_AT_ONCE = 64 * 1024
"""Bytes of a message that is decoded on the event loop; a larger one, or one that is compressed, in a thread."""

MAX_OVERRUNS_IN_A_ROW = 3
"""Messages in a row that exceed the budget before the program is given up."""

MAX_OVERRUNS = 20
"""Messages that exceed the budget, in all, before the program is given up."""

FAILED = "failed"


class JqFilter:
    """One program. A message on which it fails or exceeds its budget is not selected, and is counted."""

    def __init__(self, program: str, decoder: Decoder = PLAIN, *, chunk: int = CHUNK_MESSAGES) -> None:
        """`chunk` is how many messages are sent to the worker at once, at most 4,096."""
        self._chunk = chunk
        self.needs_message = bool(_MENTIONS_MESSAGE.search(program))
        """Whether the program's input is more than the decoded value."""

        self._process = JqProcess(program, decoder.keys, whole=self.needs_message)
        self._decoder = decoder
        self._failures: Counter[str] = Counter()
        self._first_failures: dict[str, str] = {}
        self._tested = self._overruns_in_a_row = 0

    async def start(self) -> None:
        """Start the worker and compile the program.

        Raises:
            BadInput: it can't be compiled; the detail is jq's own.
            OverBudget: compiling it takes too long or too much memory.
        """
        await self._process.start()

    async def close(self) -> None:
        """End the worker."""
        await self._process.close()

    @property
    def failure_count(self) -> int:
        """Messages it failed on; they are not selected."""
        return self._failures.total()

    def failure_reasons(self) -> list[tuple[str, int]]:
        """Why it failed, naming the first message, and on how many."""
        return [(f"the jq program {self._first_failures[kind]}", number) for kind, number in self._failures.items()]

    async def select(self, messages: Sequence[Message]) -> AsyncGenerator[bool]:
        """Whether the program selects each of the messages, in order.

        Raises:
            OverBudget: too many messages exceeded the budget, in a row or in all.
        """
        async for chunk in self._chunks(messages):
            place = 0
            async with aclosing(self._process.evaluate([jq_input for jq_input, _ in chunk])) as answered:
                async for answers in answered:
                    for answer in answers:
                        yield self._record_answer(answer, chunk[place][1])
                        place += 1

    async def select_values(self, values: Sequence[bytes], message_of: Callable[[int], Message]) -> list[bool]:
        """Whether the program selects each of some values that are read as they stand.

        `message_of` gives the message of a value on which it fails.

        Raises:
            OverBudget: as `select`.
        """
        selected: list[bool] = []
        for chunk in _value_chunks(values, self._chunk):
            async with aclosing(self._process.evaluate(chunk)) as answered:
                async for answers in answered:
                    if all(type(answer) is bool for answer in answers):
                        self._tested += len(answers)
                        self._overruns_in_a_row = 0
                        selected += answers  # type: ignore[arg-type]  # checked just now
                        continue
                    for answer in answers:
                        selected.append(self._record_answer(answer, message_of(len(selected))))
        return selected

    async def _chunks(self, messages: Sequence[Message]) -> AsyncIterator[list[tuple[JqInput, Message]]]:
        """The messages in chunks of bounded count and size."""
        chunk: list[tuple[JqInput, Message]] = []
        size = 0
        for message in messages:
            jq_input = await self._input(message)
            added = message.size + len(jq_input.line) + len(jq_input.decoded)
            if chunk and (size + added > CHUNK_BYTES or len(chunk) == self._chunk):
                yield chunk
                chunk, size = [], 0
            chunk.append((jq_input, message))
            size += added
        if chunk:
            yield chunk

    async def _input(self, message: Message) -> JqInput:
        """A message for the worker; decoded where the worker has not what that takes."""
        line = to_json(message) if self.needs_message else b""
        if self._decoder.needs_more_than_bytes(message):
            registry = self._decoder.registry
            misses = registry.misses if registry is not None else 0
            found = await self._decode(message)
            if registry is not None and registry.misses > misses:
                (found,) = await decode_each(self._decoder, (message,))
            return JqInput(None, None, line, found.text)
        if isinstance(message.position, EntryId):
            return JqInput(None, list(message.fields), line)
        return JqInput(message.value, None, line)

    async def _decode(self, message: Message) -> Decoded:
        if message.size <= MAX_DECODED_AT_ONCE and not compression.detect(message.value or b""):
            return self._decoder.decode(message)
        return await asyncio.to_thread(self._decoder.decode, message)

    def _record_answer(self, answer: Answer, message: Message) -> bool:
        self._tested += 1
        if isinstance(answer, bool):
            self._overruns_in_a_row = 0
            return answer
        over = isinstance(answer, BudgetExceeded)
        kind = str(answer) if over else FAILED
        self._failures[kind] += 1
        first = answer if over else f"failed: {answer}"
        self._first_failures.setdefault(kind, f"{first}, first on {self._name(message)}")
        self._overruns_in_a_row = self._overruns_in_a_row + 1 if over else 0
        overruns = sum(self._failures[kind] for kind in (TOO_MUCH_TIME, TOO_MUCH_MEMORY, CRASHED))
        if self._overruns_in_a_row == MAX_OVERRUNS_IN_A_ROW or overruns == MAX_OVERRUNS:
            often = (
                f"on {MAX_OVERRUNS_IN_A_ROW} messages in a row"
                if self._overruns_in_a_row == MAX_OVERRUNS_IN_A_ROW
                else f"on {MAX_OVERRUNS} messages"
            )
            raise OverBudget(
                f"The jq program {answer} {often}",
                f"The first was {self._first_failures[kind].rpartition(', first on ')[2]}.",
                "Write a program that ends on each message, or look at those on which it does not end.",
            )
        return False

    def _name(self, message: Message) -> str:
        """A message by its position; one of a queue by its number among those tested, and its message id."""
        if not isinstance(message.position, Delivery):
            return f"{message.resource.name} {message.position}"
        properties = message.envelope.properties if message.envelope is not None else ()
        known = next((f" ({value})" for name, value in properties if name == "message_id"), "")
        return f"letter {self._tested:,} of {message.resource.name}{known}"


def _value_chunks(values: Sequence[bytes], most: int) -> Iterator[list[JqInput]]:
    """Values for the worker, in chunks of bounded count and size."""
    chunk: list[JqInput] = []
    size = 0
    for value in values:
        if chunk and (size + len(value) > CHUNK_BYTES or len(chunk) == most):
            yield chunk
            chunk, size = [], 0
        chunk.append(JqInput(value, None, b""))
        size += len(value)
    if chunk:
        yield chunk
