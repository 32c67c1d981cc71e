"""Ports of the loopback address that nobody uses."""

import random
import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"
_LOWEST, _HIGHEST = 15_000, 30_000  # below what systems hand to clients: 32,768 on Linux, 49,152 elsewhere
_CHANCE = random.SystemRandom()


def free_ports(count: int) -> list[int]:
    """Return different free ports; they are free now, not reserved.

    Raises OSError where none of some hundred tries was free.
    """
    found: list[int] = []
    with ExitStack() as held:
        for port in _CHANCE.sample(range(_LOWEST, _HIGHEST), 100 + count):
            probe = held.enter_context(socket.socket())
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            found.append(port)
            if len(found) == count:
                return found
    raise OSError(f"fewer than {count} free ports between {_LOWEST} and {_HIGHEST}")
