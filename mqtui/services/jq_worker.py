"""The process in which jq programs run: `python -m mqtui.services.jq_worker MARKS`, started by `jq_process.py`.

A frame in either direction is 4 bytes of length (big-endian) and MessagePack. The first frame in is a `JqJob`, answered
by "" or by jq's compile error. Each further frame is a list of `JqInput`, of at most 4,096; it is answered by lists of
`JqFailure`, the last one empty. For each finished message one byte is written to the descriptor MARKS, from where it is
read after the frame or the process has ended, so that the message that crashed it is known.

The process has no environment, opens no file (so jq finds no modules and no `~/.jq`), and dies by a signal where one
message takes more than its processor time (SIGPROF) or jq can't get memory (SIGABRT). The end of stdin ends it.
"""

from __future__ import annotations

import importlib
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import jq
import msgspec

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


class JqFailure(msgspec.Struct, array_like=True):
    """jq's error on the message at an index of its frame; left out where memory was short."""

    index: int
    why: str


PASSED, CHOSEN, FAILED = 0, 1, 2
"""Marks: how a message ended."""


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
            test = _compile(job)
        except ValueError as error:
            _write_frame(sink, str(error))
            return
        _write_frame(sink, "")
        decoder = msgspec.msgpack.Decoder(list[JqInput])
        while True:
            _answer(sink, decoder.decode(_read_frame(source)), job, test, base)
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


def _compile(job: JqJob) -> Callable[[str], Any]:
    """Compile the program, first as it is, so that errors name its own lines.

    Raises:
        ValueError: jq's error text.
    """
    jq.compile(job.program, args={"m": None})
    source = f"({job.program}\n) | not | not"
    program = jq.compile(f".m as $m | .v | {source}" if job.whole else source)
    return lambda text: program.input_text(text).first()


def _limit_memory(base: int, size: int) -> None:
    """Limit processor time and memory for one message of so many bytes, from now on."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS * (1 + size / MIB))
    if base:
        most = base + MEMORY + (MEMORY_FACTOR * size if size > MIB else 0)
        resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def _answer(sink: BinaryIO, inputs: list[JqInput], job: JqJob, test: Callable[[str], Any], base: int) -> None:
    for index, jq_input in enumerate(inputs):
        _limit_memory(base, len(jq_input.value or b"") + len(jq_input.line) + len(jq_input.decoded))
        mark = PASSED
        try:
            mark = CHOSEN if test(_text(jq_input, job)) else PASSED
        except StopIteration:
            pass
        except ValueError as error:
            mark = FAILED
            _write_frame(sink, [JqFailure(index, str(error)[:LONGEST_FAILURE] or "error")])
        except MemoryError:
            mark = FAILED
        os.write(MARKS, bytes((mark,)))
    signal.setitimer(signal.ITIMER_PROF, 0)
    _write_frame(sink, [])


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
