"""The log of `--log FILE` and `MQTUI_LOG`, off by default: requests, retries, the client libraries' own records.

Secrets are masked whatever a record holds: those of the addresses that were opened, and what looks like one in a URL.
The file is its user's alone (0600) and is added to.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

from mqtui.domain.errors import StorageFailed
from mqtui.domain.printable import printable
from mqtui.state.fsync import open_private

LIBRARIES = {"mqtui": logging.DEBUG, "pika": logging.INFO, "kafka": logging.INFO, "redis": logging.INFO}
"""The loggers that are written, each from which level on. librdkafka's is `mqtui.kafka`."""

MIN_SECRET_LENGTH = 3
"""The least length of a secret that is masked: a shorter one would mask parts of every word."""


class _MaskedLines(logging.Formatter):
    """One line for each record, without secrets and control characters."""

    def __init__(self, mask: Callable[[str], str]) -> None:
        super().__init__("%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
        self._masked = mask
        self._secrets: set[str] = set()

    def hide(self, secrets: Iterable[str]) -> None:
        """Mask these from now on, as they are and as they stand in a URL."""
        for secret in secrets:
            if len(secret) >= MIN_SECRET_LENGTH:
                self._secrets |= {secret, quote(secret, safe=""), repr(secret)[1:-1]}

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line. Logins are looked for in the message only, since times have colons too."""
        record.message = self._masked(self._without_secrets(record.message))
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        """The stack trace below a line."""
        return self._masked(self._without_secrets(super().formatException(ei)))

    def _without_secrets(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "…")
        return text


class _Log:
    """The log of this process."""

    def __init__(self, file: Path, stream: TextIO, lines: _MaskedLines) -> None:
        self.file = file
        self.lines = lines
        self.handler = logging.StreamHandler(stream)
        self.handler.setFormatter(self.lines)


_logs: list[_Log] = []
"""Empty, or the one log of this process."""


def start_log(file: Path) -> None:
    """Start to write the log to a file, instead of an earlier one.

    Raises:
        StorageFailed: it can't be written.
    """
    from mqtui.state.redact import mask, redact_command

    try:
        handle = open_private(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    except OSError as error:
        raise StorageFailed(f"The log {file} can't be written", error.strerror or str(error)) from error
    stream = os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace")
    log = _Log(file.absolute(), stream, _MaskedLines(mask))
    for name, earlier in [(name, earlier) for name in LIBRARIES for earlier in _logs]:
        logging.getLogger(name).removeHandler(earlier.handler)
    _logs[:] = [log]
    logging.raiseExceptions = False
    for name, level in LIBRARIES.items():
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.addHandler(log.handler)
        logger.propagate = False
    logging.getLogger("mqtui").info("mqtui begins: %s", redact_command(sys.argv))


def mask_secrets(secrets: Iterable[str]) -> None:
    """Mask these secrets in the log."""
    for log in _logs:
        log.lines.hide(secrets)


def log_file() -> Path | None:
    """The file of the log; None where it is off."""
    return _logs[0].file if _logs else None
