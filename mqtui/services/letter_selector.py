"""Choosing dead letters: by partition, time, cause, and by a jq program."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Self

from mqtui.brokers.loop_yield import TimeSlices
from mqtui.domain.cause import cause_text
from mqtui.domain.convention import Conventions
from mqtui.domain.deadletter import cause_id_of, dead_letter_time, describe
from mqtui.domain.errors import BadInput
from mqtui.domain.message import Message, Offset
from mqtui.domain.redrive import Selection
from mqtui.services.cause_grouping import MIN_PREFIX

if TYPE_CHECKING:
    from mqtui.services.decoding import Decoder
    from mqtui.services.jq_filter import JqFilter
    from mqtui.services.session import Session


class LetterSelector:
    """Tells whether a letter is selected. A cause may be given by its first characters. The caller keeps the limit."""

    def __init__(self, selection: Selection, conventions: Conventions, session: Session | None = None) -> None:
        """Prepare the selection. Causes and the jq program see values as the session's profile decodes them.

        Raises:
            BadInput: the cause is shorter than 4 characters.
        """
        if selection.cause and len(selection.cause) < MIN_PREFIX:
            raise BadInput(f"The cause {selection.cause!r} is too short", "", "Give at least 4 of its characters.")
        self._conventions, self._session, self._where = conventions, session, selection.where
        self._partition = selection.partition
        self._since, self._until = selection.since, selection.until
        self._timed = selection.since is not None or selection.until is not None
        self._cause = selection.cause.lower()
        self._everything = selection.everything
        self._decoder: Decoder | None = None
        self.jq_filter: JqFilter | None = None
        """The jq program; None where there is none."""

        if selection.where:
            from mqtui.services.jq_filter import JqFilter  # loads jq and all codecs: most selections have no program

            self.jq_filter = JqFilter(selection.where)

        self.cause_text = ""
        """The cause in words, by the first letter that has it; empty where none was selected by cause."""

    async def __aenter__(self) -> Self:
        """Compile the jq program.

        Raises:
            BadInput: it can't be compiled.
            OverBudget: compiling it takes too long or too much memory.
        """
        if self._cause or self._where:
            from mqtui.services.decoding import load_decoder

            opened = self._session
            self._decoder = await (load_decoder(opened.profile, opened.address) if opened else load_decoder(None))
        if self._where and self._decoder is not None:
            from mqtui.services.jq_filter import JqFilter

            self.jq_filter = JqFilter(self._where, self._decoder)
            await self.jq_filter.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the jq program."""
        if self.jq_filter is not None:
            await self.jq_filter.close()

    async def select(self, letters: Sequence[Message], most: int | None = None) -> list[bool]:
        """Whether each letter is selected, at most `most` of them: those after the last one are not tested.

        Raises:
            OverBudget: the jq program uses up its budget on too many letters.
        """
        matching = list(range(len(letters))) if self._everything else await self._matching(letters)
        wanted = [False] * len(letters)
        if self.jq_filter is None or most == 0:
            for index in matching[:most]:
                wanted[index] = True
            return wanted
        chosen = 0
        async with aclosing(self.jq_filter.select([letters[index] for index in matching])) as answers:
            indices = iter(matching)
            async for answer in answers:
                wanted[next(indices)] = answer
                chosen += answer
                if chosen == most:
                    break
        return wanted

    async def _matching(self, letters: Sequence[Message]) -> list[int]:
        """Indices of the letters that match all but the jq program."""
        found, slices, decoded = list[int](), TimeSlices(), letters
        if self._decoder is not None and self._cause:
            from mqtui.services.decode_batch import with_decoded_values

            decoded = await with_decoded_values(self._decoder, letters, self._conventions)
        for index, letter in enumerate(letters):
            if slices.is_over:
                await slices.yield_to_loop()
            if self._matches(letter, decoded[index]):
                found.append(index)
        return found

    def _matches(self, letter: Message, decoded: Message) -> bool:
        """Whether it matches all but the jq program; the cheap tests come first."""
        if self._partition is not None:
            position = letter.position
            if not isinstance(position, Offset) or position.partition != self._partition:
                return False
        if self._timed and not self._is_in_time_range(letter):
            return False
        return not self._cause or self._has_cause(decoded)

    def _has_cause(self, letter: Message) -> bool:
        has = cause_id_of(letter, self._conventions).startswith(self._cause)
        if has and not self.cause_text:
            death = describe(letter, self._conventions)
            self.cause_text = cause_text(death.exception, death.normal)
        return has

    def _is_in_time_range(self, letter: Message) -> bool:
        """By the time of dead-lettering, else the letter's own; a letter without any time matches no time range."""
        time = dead_letter_time(letter, self._conventions.layout(letter))
        if time is None:
            return False
        return (self._since is None or time >= self._since) and (self._until is None or time < self._until)
