"""Noticing that the terminal was closed: SIGHUP is sent to the leader of its session only."""

from __future__ import annotations

import errno
import sys


def terminal_is_gone() -> bool:
    """Whether standard input is a terminal whose other end was closed: each call on it fails with EIO."""
    try:
        import termios
    except ImportError:  # Windows ends the process with its window
        return False
    try:
        termios.tcgetattr(0 if sys.__stdin__ is None else sys.__stdin__.fileno())
    except termios.error as error:
        return bool(error.args[0] == errno.EIO)
    except (OSError, ValueError):
        return False
    return False
