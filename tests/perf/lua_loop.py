"""The fastest honest loop on Redis: a script that ranges, copies and deletes inside the server, 500 letters a call."""

from __future__ import annotations

import json
import sys
from time import perf_counter

from mqtui.demo.shop.connections import redis_client

LETTERS_A_CALL = 500
LOOP = """
local found, ids = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[1]), {}
for i = 1, #found do
  redis.call('XADD', KEYS[2], 'NOMKSTREAM', '*', unpack(found[i][2]))
  ids[i] = found[i][1]
end
if #ids > 0 then redis.call('XDEL', KEYS[1], unpack(ids)) end
return #ids
"""


def run(url: str, source: str, target: str) -> float:
    """Seconds until nothing is left."""
    with redis_client(url) as client:
        script = client.script_load(LOOP)
        began = perf_counter()
        while client.evalsha(script, 2, source, target, str(LETTERS_A_CALL)):
            pass
        return perf_counter() - began


if __name__ == "__main__":
    print(json.dumps(run(*sys.argv[1:4])))
