"""A jq program in a process of its own, with a budget for each message (rules.md C15).

What is tested is foreign twice over: the program is a user's, the values are a stranger's. Both are read in
`jq_worker`, which a message can at most kill: then it is that message that failed, and a new worker goes on. The caller
can give up at any time by cancelling; the worker is then killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import TypeAlias, TypeVar

import msgspec

from mqtui.codecs.decoded import FernetKeys
from mqtui.domain.errors import BadInput, OverBudget
from mqtui.services.jq_worker import (
    CHOSEN,
    FAILED,
    MEMORY,
    MIB,
    OUT_OF_MEMORY,
    SECONDS,
    TOGETHER,
    JqFailure,
    JqFrame,
    JqInput,
    JqJob,
)

Told = TypeVar("Told")
MODULE = "mqtui.services.jq_worker"
TOO_MUCH_TIME = f"took more than {SECONDS:g} s of processor time"
TOO_MUCH_MEMORY = f"needed more than {MEMORY // MIB} MiB of memory"
CRASHED = "crashed, out of memory or nested too deep"
TOGETHER_MARK = bytes((TOGETHER,))
EXIT_REASONS = {-signal.SIGPROF: TOO_MUCH_TIME, -signal.SIGABRT: TOO_MUCH_MEMORY, OUT_OF_MEMORY: TOO_MUCH_MEMORY}


class BudgetExceeded(str):
    """Why a message used up its budget: `TOO_MUCH_TIME`, `TOO_MUCH_MEMORY` or `CRASHED`."""

    __slots__ = ()


Answer: TypeAlias = bool | str
"""Whether the program chose the message; else that it used up its budget, or jq's error text."""


class JqProcess:
    """One program and its worker process, which is started again after each crash."""

    def __init__(self, program: str, keys: FernetKeys, *, whole: bool) -> None:
        """`whole` says that the program uses `$m`, the whole message."""
        self._job = JqJob(program, whole, dict(keys))
        self._process: Process | None = None
        self._marks = -1

    async def start(self) -> None:
        """Start the worker and let it compile the program.

        Raises:
            BadInput: it can't be compiled; the detail is jq's own.
            OverBudget: compiling it takes too long or too much memory.
        """
        self._marks, marks = os.pipe()
        os.set_blocking(self._marks, False)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", MODULE, str(marks)),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                pass_fds=(marks,),
                start_new_session=True,
            )
        except BaseException:
            os.close(self._marks)
            raise
        finally:
            os.close(marks)
        try:
            await self._write(self._job)
            refused = await self._read(str)
        except (EOFError, ConnectionError):
            reason, _ = await self._why_it_ended()
            raise OverBudget(f"The jq program {reason} to be compiled", "", "Write it shorter.") from None
        except BaseException:
            await self.close()
            raise
        if refused:
            await self.close()
            detail = refused.replace("jq: error: ", "").rpartition("\njq: ")[0]
            raise BadInput("The jq program can't be compiled", detail or refused, "See the jq manual.")

    async def close(self) -> None:
        """Kill the worker."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._why_it_ended()

    async def evaluate(self, inputs: Sequence[JqInput]) -> AsyncGenerator[Sequence[Answer]]:
        """An answer for each input, as they come. After one that exceeded the budget a new worker continues.

        Where some that were asked together crashed it, the new one asks one by one, to learn which of them it was.
        Leaving early kills the worker.
        """
        done, one_by_one = 0, False
        try:
            while done < len(inputs):
                if self._process is None:
                    await self.start()
                whys: dict[int, str] = {}
                overrun: list[Answer] = []
                try:
                    await self._write(JqFrame(list(inputs[done:]), one_by_one))
                    while failures := await self._read(list[JqFailure]):
                        whys.update((each.index, each.why) for each in failures)
                    marks = os.read(self._marks, MIB)
                except (EOFError, ConnectionError):
                    reason, marks = await self._why_it_ended()
                    one_by_one = one_by_one or marks.endswith(TOGETHER_MARK)
                    overrun = [] if marks.endswith(TOGETHER_MARK) else [BudgetExceeded(reason)]
                marks = marks.replace(TOGETHER_MARK, b"")
                answers: list[Answer] = [
                    whys.get(place) or BudgetExceeded(TOO_MUCH_MEMORY) if mark == FAILED else mark == CHOSEN
                    for place, mark in enumerate(marks)
                ]
                yield (answers + overrun)[: len(inputs) - done]
                done += len(answers) + len(overrun)
        except BaseException:
            await self.close()
            raise

    async def _why_it_ended(self) -> tuple[str, bytes]:
        """Why the worker ended, and its marks on the messages that it had finished."""
        assert self._process is not None
        code = await self._process.wait()
        marks = b""
        with suppress(BlockingIOError):
            marks = os.read(self._marks, MIB)
        os.close(self._marks)
        self._process = None
        return EXIT_REASONS.get(code, CRASHED), marks

    async def _write(self, value: object) -> None:
        body = msgspec.msgpack.encode(value)
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.writelines((len(body).to_bytes(4, "big"), body))
        await self._process.stdin.drain()

    async def _read(self, kind: type[Told]) -> Told:
        assert self._process is not None
        assert self._process.stdout is not None
        head = await self._process.stdout.readexactly(4)
        body = await self._process.stdout.readexactly(int.from_bytes(head, "big"))
        return msgspec.msgpack.decode(body, type=kind)
