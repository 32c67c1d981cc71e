"""What the settings of a topic say it will not take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FOREVER = -1
MOST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class TopicLimits:
    """Bytes of a batch, and how far (ms) a record's own time may lie before or after the broker's."""

    size: int = MOST
    needs_key: bool = False
    before: int = MOST
    after: int = MOST

    @classmethod
    def of(cls, config: Mapping[str, str]) -> TopicLimits:
        """From a topic's configuration; what is not told limits nothing."""
        stamped = config.get("message.timestamp.type") == "LogAppendTime"
        return cls(
            _number(config, "max.message.bytes"),
            "compact" in config.get("cleanup.policy", ""),
            MOST if stamped else _number(config, "message.timestamp.before.max.ms"),
            MOST if stamped else _number(config, "message.timestamp.after.max.ms"),
        )

    def objection(self, key: bytes | None, size: int, time: int | None, now: int) -> str:
        """Why a record will be refused, or "". `size` are bytes as they are sent; `time` and `now` are ms."""
        if size > self.size:
            return f"larger than max.message.bytes={self.size}"
        if self.needs_key and key is None:
            return "a compacted topic takes no record without a key"
        if time is not None and time < now - self.before:
            return f"its time is older than message.timestamp.before.max.ms={self.before}"
        if time is not None and time > now + self.after:
            return f"its time is further ahead than message.timestamp.after.max.ms={self.after}"
        return ""


def _number(config: Mapping[str, str], name: str) -> int:
    number = int(config.get(name) or MOST)
    return MOST if number == FOREVER else number
