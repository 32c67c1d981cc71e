"""Other programs' traffic on Redis, in a process of its own::

    python -m tests.perf.load one|many URL NAME RATE [STREAMS]

`one` adds RATE messages a second to the stream NAME; `many` adds them to the streams NAME-00000 and on, in turn.
"""

from __future__ import annotations

import sys
from itertools import cycle
from time import monotonic, sleep

from mqtui.demo.shop.connections import redis_client

TURN = 0.02
KEPT = 50_000
BODY = b'{"order": 118004, "total": 42.5, "currency": "EUR"}'


def names(kind: str, name: str, streams: int) -> list[str]:
    """The streams that get messages."""
    return [name] if kind == "one" else [f"{name}-{number:05}" for number in range(streams)]


def run(url: str, streams: list[str], rate: int) -> None:
    """Add messages at a rate, a batch each turn, until the parent ends this; packed before, to take little time."""
    batch = max(1, int(rate * TURN))
    with redis_client(url) as client:
        connection = client.connection_pool.get_connection()
        adds = [("XADD", name, "MAXLEN", "~", KEPT, "*", "order", BODY) for name in streams]
        turns = cycle(adds)
        packed = [connection.pack_commands([next(turns) for _ in range(batch)]) for _ in range(-(-len(adds) // batch))]
        began = monotonic()
        for turn, commands in enumerate(cycle(packed), 1):
            connection.send_packed_command(commands)
            for _ in range(batch):
                connection.read_response()
            sleep(max(0.0, began + turn * TURN - monotonic()))


if __name__ == "__main__":
    kind, url, name, rate, *streams = sys.argv[1:]
    run(url, names(kind, name, int(streams[0]) if streams else 1), int(rate))
