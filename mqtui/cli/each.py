"""Looking at every broker of a profile: what one of them does not tell costs only its own rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from mqtui.cli.exits import DONE, NOT_ALL
from mqtui.cli.output import Output
from mqtui.domain.errors import MqtuiError, NotFound

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


@dataclass(frozen=True, slots=True)
class Brokers:
    """The brokers of a target, open; one that could not be opened stands with its error."""

    output: Output
    target: str
    sessions: tuple[tuple[str, Session | MqtuiError], ...]

    async def look(self, look: Callable[[Session], Awaitable[Seen]]) -> Looked[Seen]:
        """Look at each. One that fails is named on stderr.

        Raises:
            MqtuiError: there is only one, or none of them told anything.
        """
        found, failed = await self._ask(look)
        if not found:
            raise self._only(failed)
        self._tell(failed)
        return self._looked(found, failed)

    async def find(self, look: Callable[[Session], Awaitable[Seen]], hint: str) -> Looked[Seen]:
        """Look for one thing on each. One that does not have it is left out, one that fails is named on stderr.

        `hint` says how to find out what is there.

        Raises:
            NotFound: none of those that could be asked has it.
            MqtuiError: none of them could be asked.
        """
        found, failed = await self._ask(look)
        absent = [(at, error) for at, error in failed if isinstance(error, NotFound)]
        silent = [(at, error) for at, error in failed if not isinstance(error, NotFound)]
        if not found and not absent:
            raise self._only(silent)
        self._tell(silent)
        if found:
            return self._looked(found, silent)
        if len(self.sessions) == 1:
            raise absent[0][1]
        asked = f"Looked for on {', '.join(at for at, _ in absent)}."
        unknown = f" Not known of {', '.join(at for at, _ in silent)}." if silent else ""
        raise NotFound(absent[0][1].title, asked + unknown, hint)

    async def _ask(
        self, look: Callable[[Session], Awaitable[Seen]]
    ) -> tuple[list[tuple[str, Seen]], list[tuple[str, MqtuiError]]]:
        async def one(session: Session | MqtuiError) -> Seen:
            if isinstance(session, MqtuiError):
                raise session
            return await look(session)

        answers = await asyncio.gather(*(one(session) for _, session in self.sessions), return_exceptions=True)
        found: list[tuple[str, Seen]] = []
        failed: list[tuple[str, MqtuiError]] = []
        for (address, _), answer in zip(self.sessions, answers, strict=True):
            if isinstance(answer, MqtuiError):
                failed.append((address, answer))
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found.append((address, answer))
        return found, failed

    def _looked(self, found: Sequence[tuple[str, Seen]], failed: Sequence[object]) -> Looked[Seen]:
        return Looked(tuple(found), len(self.sessions) > 1, NOT_ALL if failed else DONE)

    def _only(self, failed: Sequence[tuple[str, MqtuiError]]) -> MqtuiError:
        """What is raised where nothing else is told: the first error, which says whose it is; the others are named."""
        (address, error), *others = failed
        if len(self.sessions) > 1:
            error.title = f"{address}: {error.title}"
        self._tell(others)
        return error

    def _tell(self, failed: Sequence[tuple[str, MqtuiError]]) -> None:
        for address, error in failed:
            self.output.note(f"✗ {address}: {error.title}")
            for part in (error.detail, error.hint):
                if part:
                    self.output.note(f"  {part}")


@asynccontextmanager
async def each_opened(output: Output, target: str) -> AsyncIterator[Brokers]:
    """Open every broker of a target for a while, and close them together.

    Raises:
        BadInput: the target is no profile and no URL, or the file of profiles has a mistake.
        NotFound: there is no such profile.
    """
    from mqtui.services.session import brokers_of, opened

    targets = await asyncio.to_thread(brokers_of, target)
    stacks = {at: AsyncExitStack() for at in targets}

    async def one(at: str) -> Session | MqtuiError:
        try:
            session = await stacks[at].enter_async_context(opened(at))
        except MqtuiError as error:
            return error
        output.warn(session.warnings)
        return session

    try:
        sessions = await asyncio.gather(*map(one, targets))
        yield Brokers(output, target, tuple(zip(targets, sessions, strict=True)))
    finally:
        await asyncio.gather(*(stack.aclose() for stack in stacks.values()))


async def look_at_each(output: Output, target: str, look: Callable[[Session], Awaitable[Seen]]) -> Looked[Seen]:
    """Look once at each broker of a target. One that fails is named on stderr.

    Raises:
        MqtuiError: there is only one, or none of them told anything.
    """
    async with each_opened(output, target) as brokers:
        return await brokers.look(look)
