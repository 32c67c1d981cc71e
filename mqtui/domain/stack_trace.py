"""Stack traces: the root exception, and the first frame of the application.

Java prints the chain as `Caused by:` lines at the start of a line, the root last; a `Suppressed:` trace is indented
(`Throwable.printStackTrace`). Python prints the raised exception on the last line that is not indented.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

CAUSED_BY = "\nCaused by: "
INNER = "\n ---> "
"""Before an inner exception, as .NET's `Exception.ToString` prints it; the innermost is the last."""

PYTHON = "Traceback (most recent call last):"
MAX_CHARACTERS = 4_000
_CLASS = re.compile(r"[\w$.]+(?:\.|Exception|Error|Timeout|Failure)[\w$]*|[\w$]+(?:\.[\w$]+)+|[A-Z][\w$]*")
_LIBRARIES = (
    r"java\.|javax\.|jakarta\.|jdk\.|sun\.|com\.sun\.|kotlin\.|kotlinx\.|scala\.|groovy\.|"
    r"org\.springframework\.|org\.apache\.|com\.fasterxml\.|com\.rabbitmq\.|io\.confluent\.|io\.netty\.|"
    r"io\.lettuce\.|io\.smallrye\.|io\.quarkus\.|io\.vertx\.|io\.micrometer\.|org\.hibernate\.|com\.zaxxer\.|"
    r"reactor\.|rx\.|okhttp3\.|com\.google\.|org\.postgresql\.|redis\.clients\.|System\.|Microsoft\."
)
_FRAME = re.compile(rf"\n\s*at (?!{_LIBRARIES})([^\n]+)")
_LIBRARY = re.compile(_LIBRARIES)
_ANY_FRAME = re.compile(r"\n\s*at ([^\n]+)")


@dataclass(frozen=True, slots=True)
class RootException:
    """The innermost cause of an exception chain. `frame` is "" where the trace has none."""

    exception: str
    message: str
    frame: str = ""


def split_heading(line: str) -> tuple[str, str]:
    """Class and message of `a.b.Problem: what happened`; ("", line) where it does not begin with a class name."""
    name, _, rest = line.partition(": ")
    name = name.rstrip(":")
    return (name, rest) if _is_class(name) else ("", line)


def find_root(trace: str) -> RootException | None:
    """The root exception of a trace, or None where it names none."""
    if trace.startswith(PYTHON):
        return _python_root(trace)
    mark = max((INNER, CAUSED_BY), key=trace.rfind)
    at = trace.rfind(mark)
    start = 0 if at < 0 else at + len(mark)
    end = trace.find("\n\tat ", start)
    if end < 0:
        end = _end_of_heading(trace, start)
    name, message = _inner_heading(trace[start:end][:MAX_CHARACTERS].strip())
    if not name:
        return None
    found = _FRAME.search(trace, end) or _ANY_FRAME.search(trace, end)
    return RootException(name, message, found[1].strip() if found else "")


def _inner_heading(line: str) -> tuple[str, str]:
    """`heading`, also behind other words (`1 unhandled exceptions: 11/29/2026: System.Exception: no stock`).

    There only a name with dots is taken for a class.
    """
    name, message = split_heading(line)
    rest = line
    while not name and ": " in rest:
        _, _, rest = rest.partition(": ")
        inner, inner_message = split_heading(rest)
        if "." in inner:
            name, message = inner, inner_message
    return name, message


def is_library(frame: str) -> bool:
    """Whether a frame, as printed behind `at ` or as Python's `File "..."`, belongs to a library."""
    return _LIBRARY.match(frame) is not None or "site-packages" in frame or "/lib/python" in frame


@lru_cache(maxsize=2048)
def _is_class(name: str) -> bool:
    return _CLASS.fullmatch(name) is not None


def _end_of_heading(trace: str, start: int) -> int:
    """The end of the message where no tab-indented frame follows: at any frame, or at the end of the trace."""
    found = _ANY_FRAME.search(trace, start)
    if found:
        return found.start()
    more = trace.find("\n\t...", start)
    return more if more >= 0 else len(trace)


def _python_root(trace: str) -> RootException | None:
    lines = trace.rstrip().splitlines()
    last = next((number for number in reversed(range(len(lines))) if not lines[number].startswith((" ", "\t"))), None)
    if last is None:
        return None
    name, message = split_heading(lines[last])
    if not name:
        return None
    frames = [line.strip() for line in lines[:last] if line.lstrip().startswith('File "')]
    own = [frame for frame in frames if "site-packages" not in frame and "/lib/python" not in frame]
    chosen = own or frames
    return RootException(name, message, chosen[-1] if chosen else "")
