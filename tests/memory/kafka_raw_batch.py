"""Letters that go by lanes, as Kafka's default way moves them: nobody above the broker looks at each."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from mqtui.brokers.port import Batch
from mqtui.domain.bulk import UNKNOWN_POSITION, BulkReceipts, BulkResult, OffsetRanges, RouteTemplate
from mqtui.domain.message import Message, Offset, Outgoing
from mqtui.domain.redrive import PublishStatus, Receipt


class MemoryRawBatch:
    """Letters in hand with their lanes."""

    def __init__(self, batch: Batch, ways: Sequence[RouteTemplate | None]) -> None:
        self._batch = list(batch)
        self._ways = list(ways)
        self.is_routed = None not in self._ways
        self.routes: Sequence[RouteTemplate] = list(
            {id(lane): lane for lane in self._ways if lane is not None}.values()
        )
        self.positions = self._places(range(len(self._batch)))

    def __len__(self) -> int:
        return len(self._batch)

    def letters(self) -> Batch:
        """The letters themselves."""
        return self._batch

    def outgoing(self) -> list[Outgoing]:
        """What is stored for each."""
        return [_sent(letter, lane) for letter, lane in zip(self._batch, self._ways, strict=True) if lane is not None]

    def to_result(self, receipts: Sequence[Receipt]) -> BulkResult:
        """What became of each."""
        moved = [at for at, receipt in enumerate(receipts) if receipt.state is PublishStatus.STORED]
        topics = tuple(dict.fromkeys(self._lane(at).target.name for at in moved))
        numbers = {id(lane): number for number, lane in enumerate(self.routes)}
        copies = [receipts[at].position for at in moved]
        arrivals = BulkReceipts(
            self._places(moved),
            topics,
            array("i", [topics.index(self._lane(at).target.name) for at in moved]).tobytes(),
            array("i", [copy.partition if isinstance(copy, Offset) else UNKNOWN_POSITION for copy in copies]).tobytes(),
            array("q", [copy.offset if isinstance(copy, Offset) else UNKNOWN_POSITION for copy in copies]).tobytes(),
        )
        others = [
            (_place(self._batch[at]), self._lane(at).target, receipt)
            for at, receipt in enumerate(receipts)
            if receipt.state is not PublishStatus.STORED
        ]
        return BulkResult(arrivals, others, array("i", [numbers[id(self._lane(at))] for at in moved]).tobytes())

    def _lane(self, at: int) -> RouteTemplate:
        lane = self._ways[at]
        assert lane is not None
        return lane

    def _places(self, chosen: Sequence[int]) -> OffsetRanges:
        places = [_place(self._batch[at]) for at in chosen]
        return OffsetRanges.of([place.partition for place in places], [place.offset for place in places])


def _place(letter: Message) -> Offset:
    assert isinstance(letter.position, Offset)
    return letter.position


def _sent(letter: Message, lane: RouteTemplate) -> Outgoing:
    headers = [letter.headers[place] for place in lane.kept]
    if lane.origin is not None:
        place = _place(letter)
        headers.append((lane.origin_name, lane.origin(place.partition, place.offset, letter.timestamp), ""))
    timestamp = letter.timestamp if lane.keeps_time else None
    return Outgoing(lane.target, letter.value, letter.key, (*headers, *lane.added), timestamp=timestamp)
