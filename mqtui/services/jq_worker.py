"""The process in which jq programs run: `python -m mqtui.services.jq_worker MARKS`, started by `jq_process.py`.

A frame in either direction is 4 bytes of length (big-endian) and MessagePack. The first frame in is a `JqJob`, answered
by "" or by jq's compile error. Each further frame is a `JqFrame` of at most 4,096 messages; it is answered by lists of
`JqFailure`, the last one empty. For each finished message one byte is written to the descriptor MARKS, from where it is
read after the frame or the process has ended, so that the message that crashed it is known.

Messages of plain JSON are given to jq many at once (`_test_together`), as long as each of them ends in a proper answer:
else each of them is asked by itself. The mark TOGETHER comes before: a crash after it may be any of theirs.

The process has no environment, opens no file (so jq finds no modules and no `~/.jq`), and dies by a signal where one
message takes more than its processor time (SIGPROF) or jq can't get memory (SIGABRT). The end of stdin ends it.
"""

from __future__ import annotations

import importlib
import os
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import BinaryIO

import jq
import msgspec
import orjson

from mqtui.codecs.containers import HOLDS_BODY
from mqtui.codecs.decode import decode
from mqtui.services.decoding import decode_fields

SECONDS = 1.0
"""Processor time for one message, and that much more for each MiB of it."""

MEMORY = 256 * 1024 * 1024
"""Bytes of memory beside those of the process at its start."""

MEMORY_FACTOR = 32
"""More bytes of memory for each byte of a message [jq holds 10 MB of JSON in 140 MB]."""

MIB = 1024 * 1024
MARKS = 3
"""The file descriptor of the marks inside the sandbox."""

LONGEST_FAILURE = 300
OUT_OF_MEMORY = 12
"""Exit code where there is not enough memory to read the messages."""


class JqJob(msgspec.Struct, array_like=True):
    """The program, whether it uses `$m`, and the Fernet keys by name."""

    program: str
    whole: bool
    keys: dict[str, bytes]


class JqInput(msgspec.Struct, array_like=True):
    """One message: its value, or a Redis entry's fields, and its JSON line where the program uses `$m`.

    `decoded` is the JSON text of one that is decoded already: by the profile's rules, or by a schema.
    """

    value: bytes | None
    fields: list[tuple[bytes, bytes]] | None
    line: bytes
    decoded: bytes = b""


class JqFrame(msgspec.Struct, array_like=True):
    """Messages to test; `one_by_one` where some of them, asked together, crashed the process."""

    inputs: list[JqInput]
    one_by_one: bool = False


class JqFailure(msgspec.Struct, array_like=True):
    """jq's error on the message at an index of its frame; left out where memory was short."""

    index: int
    why: str


PASSED, CHOSEN, FAILED = 0, 1, 2
"""Marks: how a message ended."""

TOGETHER = 3
"""The mark of a batch that begins."""

MOST_TOGETHER = 128
"""Messages that jq is given at once, at most [beside jq's own work, one by one 19 µs a message, together 2]."""

LONG = 0.05
"""Seconds of processor time for a batch above which the next one is smaller: all share the budget of one message."""


def main() -> None:
    """Read a job, then answer frames until stdin ends."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    try:
        job = msgspec.msgpack.decode(_read_frame(source), type=JqJob)
        if job.keys:
            import cryptography.fernet  # noqa: F401 - no file can be opened later
        _load_libraries()
        os.dup2(int(sys.argv[1]), MARKS)
        base = _enter_sandbox()
        _limit_memory(base, len(job.program))
        try:
            worker = _Worker(sink, job, base)
        except ValueError as error:
            _write_frame(sink, str(error))
            return
        _write_frame(sink, "")
        decoder = msgspec.msgpack.Decoder(JqFrame)
        while True:
            worker.answer(decoder.decode(_read_frame(source)))
    except (EOFError, BrokenPipeError):
        return
    except MemoryError:
        os._exit(OUT_OF_MEMORY)


def _load_libraries() -> None:
    """Load what decodes bodies that name no schema: no file can be opened later."""
    for name in ("cbor2", "cramjam", "msgpack", "mqtui.codecs.packed"):
        importlib.import_module(name)


def _enter_sandbox() -> int:
    """Give up files and environment. The bytes of address space in use; 0 where the platform does not tell."""
    for name in list(os.environ):
        del os.environ[name]
    statm = Path("/proc/self/statm")
    pages = int(statm.read_bytes().split()[0]) if statm.exists() else 0
    for limit, most in ((resource.RLIMIT_NOFILE, MARKS + 1), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (most, most))
    return pages * resource.getpagesize()


def _limit_memory(base: int, size: int) -> None:
    """Limit processor time and memory for one message of so many bytes, from now on."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS * (1 + size / MIB))
    if base:
        most = base + MEMORY + (MEMORY_FACTOR * size if size > MIB else 0)
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


class _Worker:
    """Answers frames. The program is compiled twice: for one message, and for many at once."""

    def __init__(self, sink: BinaryIO, job: JqJob, base: int) -> None:
        """Compile the program, first as it is, so that errors name its own lines.

        Raises:
            ValueError: jq's error text.
        """
        jq.compile(job.program, args={"m": None})
        source = f"({job.program}\n) | not | not"
        self._single = jq.compile(f".m as $m | .v | {source}" if job.whole else source)
        self._together = jq.compile("null" if job.whole else f"try [{source}] catch null")
        self._sink, self._job, self._base = sink, job, base
        self._most = 1

    def answer(self, frame: JqFrame) -> None:
        """Test the messages of a frame, in order."""
        inputs, at = frame.inputs, 0
        most = 1 if frame.one_by_one or self._job.whole else MOST_TOGETHER
        while at < len(inputs):
            values = _json_like(inputs[at : at + min(most, self._most)])
            ended = at + max(1, len(values))
            if marks := self._test_together(values):
                os.write(MARKS, marks)
            else:
                for index in range(at, ended):
                    self._test_single(index, inputs[index])
            at = ended
        signal.setitimer(signal.ITIMER_PROF, 0)
        _write_frame(self._sink, [])

    def _test_together(self, values: Sequence[bytes]) -> bytes:
        """The marks of messages that are JSON; none where one of them is to be asked by itself."""
        if len(values) < 2 or not are_plain_documents(values):
            return b""
        _limit_memory(self._base, sum(map(len, values)))
        os.write(MARKS, bytes((TOGETHER,)))
        began = process_time()
        try:
            found = list(self._together.input_text(b"\n".join(values).decode()))
        except (ValueError, MemoryError):
            return b""
        self._resize(process_time() - began)
        if len(found) != len(values) or None in found:
            return b""
        return bytes(CHOSEN if outputs and outputs[0] else PASSED for outputs in found)

    def _test_single(self, index: int, jq_input: JqInput) -> None:
        _limit_memory(self._base, len(jq_input.value or b"") + len(jq_input.line) + len(jq_input.decoded))
        mark, began = PASSED, process_time()
        try:
            mark = CHOSEN if self._single.input_text(_text(jq_input, self._job)).first() else PASSED
        except StopIteration:
            pass
        except ValueError as error:
            mark = FAILED
            _write_frame(self._sink, [JqFailure(index, str(error)[:LONGEST_FAILURE] or "error")])
        except MemoryError:
            mark = FAILED
        os.write(MARKS, bytes((mark,)))
        if self._most == 1:
            self._resize(process_time() - began)

    def _resize(self, seconds: float) -> None:
        """Give jq more at once, or fewer where these took long."""
        self._most = min(MOST_TOGETHER, 2 * self._most) if seconds < LONG else max(1, self._most // 4)


def _json_like(inputs: Sequence[JqInput]) -> list[bytes]:
    """The values of the first messages that look like JSON and are given to jq as they stand."""
    values: list[bytes] = []
    size = 0
    for jq_input in inputs:
        value = jq_input.value
        if value is None or jq_input.line or jq_input.decoded or value[:1] not in (b"{", b"["):
            break
        size += len(value)
        if size > MIB:
            break
        values.append(value)
    return values


def are_plain_documents(values: Sequence[bytes]) -> bool:
    """Whether each value is one JSON document that holds no other body.

    Side by side they must be the same documents: `{"a":` and `1}` are none, and make one.
    """
    listed = b"[" + b",".join(values) + b"]"
    if any(mark in listed for mark in HOLDS_BODY):
        return False
    try:
        orjson.loads(listed)
        return list(map(bytes, msgspec.json.decode(listed, type=list[msgspec.Raw]))) == values
    except (orjson.JSONDecodeError, msgspec.MsgspecError, RecursionError):
        return False


def _text(jq_input: JqInput, job: JqJob) -> str:
    """The program's input: the decoded value, with the whole message where it uses `$m`."""
    text = jq_input.decoded
    if not text and jq_input.fields is not None:
        text = decode_fields(jq_input.fields, job.keys).text
    elif not text:
        text = decode(jq_input.value, job.keys).text
    if job.whole:
        text = b'{"m":%b,"v":%b}' % (jq_input.line, text)
    return text.decode()


def _read_frame(source: BinaryIO) -> bytes:
    """The next frame.

    Raises:
        EOFError: there is none.
    """
    head = source.read(4)
    if len(head) < 4:
        raise EOFError
    return source.read(int.from_bytes(head, "big"))


def _write_frame(sink: BinaryIO, value: object) -> None:
    body = msgspec.msgpack.encode(value)
    sink.write(len(body).to_bytes(4, "big") + body)
    sink.flush()


if __name__ == "__main__":
    main()
