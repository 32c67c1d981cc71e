"""Redis by redis-py: entries with the fields of a dead-letter stream, made and read within scripts."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from mqtui.demo.shop.connections import redis_client
from tests.chaos.scenes import Scene, Truth, label, new_name, numbers_in, poisoned

PAGE = 5_000
LAST_ID = f"{2**64 - 1}-{2**64 - 1}"
BODY = b" " + b"a charge that was declined " * 6
ADD = """
for i = 2, #ARGV do
  redis.call('XADD', KEYS[1], '*', 'order', ARGV[i] .. ARGV[1], 'currency', 'EUR', 'dlq_stream', KEYS[2],
    'dlq_id', '1-' .. i, 'dlq_group', 'ledger', 'dlq_exception', 'shop.CardDeclined', 'dlq_reason', 'declined')
end
"""
READ = """
local values, last = {}, ''
for i, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])) do
  values[i], last = entry[2][2], entry[1]
end
return {last, values}
"""


class RedisSide:
    """Two streams of one slot: a letter is in one of them, and never in both.

    A poisoned letter came from a stream that has given its last id.
    """

    name = "redis"
    letters = 50_000
    source_counts = True
    mortal = False
    refusal = "exhausted the last possible ID"

    def __init__(self, url: str) -> None:
        self.url = url
        self.poison = 0
        self._client = redis_client(url)

    def fill(self, count: int) -> Scene:
        stem = new_name()
        scene = Scene(f"{stem}:dlq", stem, count, poisoned(count, self.poison))
        self._client.xgroup_create(scene.home, "ledger", mkstream=True)
        self._client.xadd(_full(scene), {"last": "1"}, id=LAST_ID)
        self.add(scene, range(count))
        return scene

    def add(self, scene: Scene, numbers: Iterable[int]) -> None:
        for is_poisoned, group in groupby(numbers, scene.poisoned.__contains__):
            labels = [label(number) for number in group]
            home = _full(scene) if is_poisoned else scene.home
            for start in range(0, len(labels), PAGE):
                self._client.eval(ADD, 2, scene.dlq, home, BODY, *labels[start : start + PAGE])

    def moved(self, scene: Scene) -> int:
        return int(self._client.xlen(scene.home))

    def truth(self, scene: Scene) -> Truth:
        return Truth(numbers_in(self._values(scene.home)), numbers_in(self._values(scene.dlq)))

    def drop(self, scene: Scene) -> None:
        self._client.delete(scene.dlq, scene.home, _full(scene))

    def close(self) -> None:
        self._client.close()

    def suspect(self, words: str) -> int | None:
        return None

    def _values(self, stream: str) -> list[bytes]:
        found: list[bytes] = []
        start = b"-"
        while True:
            page = self._client.eval(READ, 1, stream, start, PAGE)
            assert isinstance(page, list)
            last, values = page
            found += values
            if len(values) < PAGE:
                return found
            start = b"(" + last


def _full(scene: Scene) -> str:
    return f"{scene.home}:full"
