"""Asks every broker of a profile at once: a broker that fails costs only its own rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from mqtui.cli.exit_codes import DONE, INCOMPLETE
from mqtui.cli.output import Output
from mqtui.domain.errors import BadInput, MqtuiError, NotFound
from mqtui.domain.resource import ParsedName

if TYPE_CHECKING:
    from mqtui.services.session import Session

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class BrokerAnswers(Generic[Answer]):
    """The answer of each broker, by its target, and the exit code: 1 where one of several failed."""

    answers: tuple[tuple[str, Answer], ...]
    several: bool
    exit_code: int

    def column_titles(self, titles: Sequence[str]) -> tuple[str, ...]:
        """The titles of a table, with TARGET before them where there are several brokers."""
        return ("TARGET", *titles) if self.several else tuple(titles)

    def cells(self, target: str, cells: Sequence[object]) -> tuple[object, ...]:
        """The cells of a row under these titles."""
        return (target, *cells) if self.several else tuple(cells)

    def right_columns(self, columns: Sequence[int]) -> tuple[int, ...]:
        """Which columns of the table are figures."""
        return tuple(column + self.several for column in columns)

    def json_row(self, target: str, row: dict[str, object]) -> dict[str, object]:
        """A JSON row, which names its target where there are several."""
        return {"target": target} | row if self.several else row


@dataclass(frozen=True, slots=True)
class OpenBrokers:
    """The open brokers of a target; one that could not be opened is represented by its error."""

    output: Output
    target: str
    sessions: tuple[tuple[str, Session | MqtuiError], ...]

    async def ask(self, look: Callable[[Session], Awaitable[Answer]]) -> BrokerAnswers[Answer]:
        """Ask each. One that fails is reported on stderr.

        Raises:
            MqtuiError: there is only one, or all of them failed.
        """
        found, failed = await self._ask_all(look)
        if not found:
            raise self._first_error(failed)
        self._print_errors(failed)
        return self._answers(found, failed)

    async def find_on_any(self, look: Callable[[Session], Awaitable[Answer]], hint: str) -> BrokerAnswers[Answer]:
        """Look for one thing on each. One that does not have it is left out, one that fails is reported on stderr.

        `hint` says how to list what is there.

        Raises:
            NotFound: none of those that could be asked has it.
            MqtuiError: none of them could be asked.
        """
        found, failed = await self._ask_all(look)
        absent = [(at, error) for at, error in failed if isinstance(error, NotFound)]
        silent = [(at, error) for at, error in failed if not isinstance(error, NotFound)]
        if not found and not absent:
            raise self._first_error(silent)
        self._print_errors(silent)
        if found:
            return self._answers(found, silent)
        if len(self.sessions) == 1:
            raise absent[0][1]
        asked = f"Searched on {', '.join(at for at, _ in absent)}."
        unknown = f" Not known of {', '.join(at for at, _ in silent)}." if silent else ""
        raise NotFound(absent[0][1].title, asked + unknown, hint)

    async def find_holder(self, resource: ParsedName) -> Session:
        """The broker that has a destination of that name. One that can't be asked is reported on stderr.

        Raises:
            BadInput: several have one.
            NotFound: none of those that could be asked has one.
            MqtuiError: none of them could be asked.
        """
        from mqtui.services.browse import find_destination

        async def look(session: Session) -> Session:
            await find_destination(session.broker, resource)
            return session

        found = (await self.find_on_any(look, f"mqtui ls {self.target} lists what is there.")).answers
        if len(found) > 1:
            places = [at for at, _ in found]
            title = f"{resource.typed or resource.name} is on {' and on '.join(places)}"
            raise BadInput(title, "", f"Name one as the target: {' or '.join(places)}.")
        at, session = found[0]
        if len(self.sessions) > 1:
            self.output.note(f"· {resource.typed or resource.name} is on {at}")
        return session

    async def _ask_all(
        self, look: Callable[[Session], Awaitable[Answer]]
    ) -> tuple[list[tuple[str, Answer]], list[tuple[str, MqtuiError]]]:
        import asyncio

        async def one(session: Session | MqtuiError) -> Answer:
            if isinstance(session, MqtuiError):
                raise session
            return await look(session)

        answers = await asyncio.gather(*(one(session) for _, session in self.sessions), return_exceptions=True)
        found: list[tuple[str, Answer]] = []
        failed: list[tuple[str, MqtuiError]] = []
        for (address, _), answer in zip(self.sessions, answers, strict=True):
            if isinstance(answer, MqtuiError):
                failed.append((address, answer))
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found.append((address, answer))
        return found, failed

    def _answers(self, found: Sequence[tuple[str, Answer]], failed: Sequence[object]) -> BrokerAnswers[Answer]:
        return BrokerAnswers(tuple(found), len(self.sessions) > 1, INCOMPLETE if failed else DONE)

    def _first_error(self, failed: Sequence[tuple[str, MqtuiError]]) -> MqtuiError:
        """The error to raise where all failed: the first, with the broker's name; the others are reported."""
        (address, error), *others = failed
        if len(self.sessions) > 1:
            error.title = f"{address}: {error.title}"
        self._print_errors(others)
        return error

    def _print_errors(self, failed: Sequence[tuple[str, MqtuiError]]) -> None:
        for address, error in failed:
            self.output.note(f"✗ {address}: {error.title}")
            for part in (error.detail, error.hint):
                if part:
                    self.output.note(f"  {part}")


@asynccontextmanager
async def open_all_brokers(output: Output, target: str) -> AsyncIterator[OpenBrokers]:
    """Open every broker of a target, and close them together.

    Raises:
        BadInput: the target is no profile and no URL, or the profiles file has a mistake.
        NotFound: there is no such profile.
    """
    import asyncio

    from mqtui.services.session import list_brokers, open_session

    targets = await asyncio.to_thread(list_brokers, target)
    stacks = {at: AsyncExitStack() for at in targets}

    async def one(at: str) -> Session | MqtuiError:
        try:
            session = await stacks[at].enter_async_context(open_session(at))
        except MqtuiError as error:
            return error
        output.warn(session.warnings)
        return session

    try:
        sessions = await asyncio.gather(*map(one, targets))
        yield OpenBrokers(output, target, tuple(zip(targets, sessions, strict=True)))
    finally:
        await asyncio.gather(*(stack.aclose() for stack in stacks.values()))


async def ask_all_brokers(
    output: Output, target: str, look: Callable[[Session], Awaitable[Answer]]
) -> BrokerAnswers[Answer]:
    """Ask each broker of a target once. One that fails is reported on stderr.

    Raises:
        MqtuiError: there is only one, or all of them failed.
    """
    async with open_all_brokers(output, target) as brokers:
        return await brokers.ask(look)


@asynccontextmanager
async def open_holder(output: Output, target: str, resource: ParsedName) -> AsyncIterator[Session]:
    """Open the broker of a target, of several the one that has the resource.

    Raises:
        BadInput: several brokers have one of that name.
        NotFound: there is no such profile, or none of several brokers has the resource.
    """
    import asyncio

    from mqtui.services.session import list_brokers, open_session

    if len(await asyncio.to_thread(list_brokers, target)) == 1:
        async with open_session(target) as session:
            output.warn(session.warnings)
            yield session
        return
    async with open_all_brokers(output, target) as brokers:
        yield await brokers.find_holder(resource)
