"""Redis by redis-py: entries with the fields of a dead-letter stream, made and read within scripts."""

from __future__ import annotations

from collections.abc import Iterable

from mqtui.demo.shop.connections import redis_client
from tests.chaos.scenes import Scene, Truth, label, new_name, numbers_in

PAGE = 5_000
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
    """Two streams of one slot: a letter is in one of them, and never in both."""

    name = "redis"
    letters = 50_000
    source_counts = True
    mortal = False
    poison = 0
    refusal = ""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = redis_client(url)

    def fill(self, count: int) -> Scene:
        stem = new_name()
        scene = Scene(f"{stem}:dlq", stem, count)
        self._client.xgroup_create(scene.home, "ledger", mkstream=True)
        self.add(scene, range(count))
        return scene

    def add(self, scene: Scene, numbers: Iterable[int]) -> None:
        labels = [label(number) for number in numbers]
        for start in range(0, len(labels), PAGE):
            self._client.eval(ADD, 2, scene.dlq, scene.home, BODY, *labels[start : start + PAGE])

    def moved(self, scene: Scene) -> int:
        return int(self._client.xlen(scene.home))

    def truth(self, scene: Scene) -> Truth:
        return Truth(numbers_in(self._values(scene.home)), numbers_in(self._values(scene.dlq)))

    def drop(self, scene: Scene) -> None:
        self._client.delete(scene.dlq, scene.home)

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
