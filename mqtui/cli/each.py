"""Looking at every broker of a profile: what one of them does not tell costs only its own rows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from mqtui.cli.exits import DONE, NOT_ALL
from mqtui.cli.output import Output
from mqtui.domain.errors import MqtuiError

if TYPE_CHECKING:
    from mqtui.services.session import Session

Seen = TypeVar("Seen")


@dataclass(frozen=True, slots=True)
class Looked(Generic[Seen]):
    """What each broker told, by its target, and the exit code: 1 where one of several told nothing."""

    found: tuple[tuple[str, Seen], ...]
    several: bool
    code: int

    def named(self, titles: Sequence[str]) -> tuple[str, ...]:
        """The titles of a table, with TARGET before them where there are several brokers."""
        return ("TARGET", *titles) if self.several else tuple(titles)

    def cells(self, target: str, cells: Sequence[object]) -> tuple[object, ...]:
        """The cells of a row under these titles."""
        return (target, *cells) if self.several else tuple(cells)

    def right(self, columns: Sequence[int]) -> tuple[int, ...]:
        """Which columns of the table are figures."""
        return tuple(column + self.several for column in columns)

    def row(self, target: str, row: dict[str, object]) -> dict[str, object]:
        """A JSON row, which names its target where there are several."""
        return {"target": target} | row if self.several else row


async def look_at_each(output: Output, target: str, look: Callable[[Session], Awaitable[Seen]]) -> Looked[Seen]:
    """Look at each broker of a target. One that fails is named on stderr.

    Raises:
        MqtuiError: there is only one, or none of them told anything.
    """
    from mqtui.services.session import brokers_of, opened

    async def one(address: str) -> Seen:
        async with opened(address) as session:
            output.warn(session.warnings)
            return await look(session)

    targets = await asyncio.to_thread(brokers_of, target)
    answers = await asyncio.gather(*map(one, targets), return_exceptions=True)
    found: list[tuple[str, Seen]] = []
    failed: list[tuple[str, MqtuiError]] = []
    for address, answer in zip(targets, answers, strict=True):
        if isinstance(answer, MqtuiError):
            failed.append((address, answer))
        elif isinstance(answer, BaseException):
            raise answer
        else:
            found.append((address, answer))
    if not found:
        raise failed[0][1]
    for address, error in failed:
        output.note(f"✗ {address}: {error.title}")
        for part in (error.detail, error.hint):
            if part:
                output.note(f"  {part}")
    return Looked(tuple(found), len(targets) > 1, NOT_ALL if failed else DONE)
