"""Hash slots of a Redis Cluster: the slot of a key, and hash tags that put another key into the same slot.

Source: the cluster specification, "Key distribution model" and "Hash tags".
"""

from __future__ import annotations

from binascii import crc_hqx
from functools import cache
from itertools import count

SLOT_COUNT = 16384


def key_slot(key: bytes) -> int:
    """The slot of a key: CRC16 (XMODEM) of its hash tag, or of the whole key where it has none."""
    return crc_hqx(hash_tag_of(key) or key, 0) % SLOT_COUNT


def hash_tag_of(key: bytes) -> bytes:
    """The text between the first `{` and the first `}` after it; empty where the key has no hash tag."""
    _, opened, rest = key.partition(b"{")
    inside, closed, _ = rest.partition(b"}")
    return inside if opened and closed else b""


@cache
def hash_tag_for(key: bytes) -> bytes:
    """A hash tag for other keys that are to lie in the slot of this one.

    It is the key's own hash tag, or the key itself. A key that holds `}` can't be a hash tag: then it is the smallest
    number that lies in the slot; of the numbers one in 16,384 does.
    """
    own = hash_tag_of(key)
    if own:
        return own
    if b"}" not in key and key:
        return key
    wanted = key_slot(key)
    return next(tag for tag in (b"%d" % number for number in count()) if key_slot(tag) == wanted)
