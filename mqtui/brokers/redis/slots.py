"""Hash slots of a Redis Cluster: which names lie together, and names that lie where another does.

Source: the cluster specification, "Key distribution model" and "Hash tags".
"""

from __future__ import annotations

from binascii import crc_hqx
from functools import cache
from itertools import count

SLOTS = 16384


def slot(key: bytes) -> int:
    """The slot of a key: CRC16 (XMODEM) of its hash tag, or of the whole name where it has none."""
    return crc_hqx(tag_of(key) or key, 0) % SLOTS


def tag_of(key: bytes) -> bytes:
    """What stands between the first `{` and the first `}` after it; empty where there is no such thing."""
    _, opened, rest = key.partition(b"{")
    inside, closed, _ = rest.partition(b"}")
    return inside if opened and closed else b""


@cache
def tag_for(key: bytes) -> bytes:
    """A tag that puts a name into the key's slot: its own tag, its name, or else the first number that lies there.

    A name that holds `}` can't be a tag itself; of the numbers one in 16,384 lies in each slot.
    """
    own = tag_of(key)
    if own:
        return own
    if b"}" not in key and key:
        return key
    wanted = slot(key)
    return next(tag for tag in (b"%d" % number for number in count()) if slot(tag) == wanted)
