"""Ports of the loopback address that nobody uses, each given out once on this machine while its taker runs."""

import random
import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"
_LOWEST, _HIGHEST = 15_000, 30_000  # below what systems hand to clients: 32,768 on Linux, 49,152 elsewhere
_CHANCE = random.SystemRandom()
_RESERVED: list[socket.socket] = []


def free_ports(count: int) -> list[int]:
    """Return different free TCP ports that no other process gets from here until this one has ended.

    A server opens its port seconds after it was chosen, and leaves it for a while when it is killed and restarted:
    the UDP port of the same number, which none of these servers has a use for, is held meanwhile as the reservation.
    Programs that choose their ports elsewhere are not held off. Raises OSError where none of some hundred tries was
    free.
    """
    found: list[int] = []
    with ExitStack() as held:
        for port in _CHANCE.sample(range(_LOWEST, _HIGHEST), 100 + count):
            probe = held.enter_context(socket.socket())
            reservation = socket.socket(type=socket.SOCK_DGRAM)
            try:
                probe.bind((LOOPBACK, port))
                reservation.bind((LOOPBACK, port))
            except OSError:
                reservation.close()
                continue
            _RESERVED.append(reservation)
            found.append(port)
            if len(found) == count:
                return found
    raise OSError(f"fewer than {count} free ports between {_LOWEST} and {_HIGHEST}")
