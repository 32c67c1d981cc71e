"""What the settings of a topic say it will not take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

CODECS = frozenset({"gzip", "snappy", "lz4", "zstd"})
FOREVER = -1
MOST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class TopicLimits:
    """Bytes of a batch, and how far (ms) a record's own time may lie before or after the broker's."""

    size: int = MOST
    needs_key: bool = False
    before: int = MOST
    after: int = MOST
    codec: str = ""
    """The codec its settings name; "" where they leave it to the producer."""

    compressed: bool = False
    """Whether records are sent compressed, so that their own size says little (K18)."""

    @classmethod
    def of(cls, config: Mapping[str, str]) -> TopicLimits:
        """From a topic's configuration; what is not told limits nothing."""
        stamped = config.get("message.timestamp.type") == "LogAppendTime"
        return cls(
            _number(config, "max.message.bytes"),
            "compact" in config.get("cleanup.policy", ""),
            MOST if stamped else _number(config, "message.timestamp.before.max.ms"),
            MOST if stamped else _number(config, "message.timestamp.after.max.ms"),
            codec if (codec := config.get("compression.type", "")) in CODECS else "",
        )

    def objection(self, key: bytes | None, size: int, time: int | None, now: int) -> str:
        """Why a record will be refused, or "". `size` are bytes as they are sent; `time` and `now` are ms."""
        if size > self.size and not self.compressed:
            return f"larger than max.message.bytes={self.size}"
        if self.needs_key and key is None:
            return "a compacted topic takes no record without a key"
        if time is not None and time < now - self.before:
            return f"its time is older than message.timestamp.before.max.ms={self.before}"
        if time is not None and time > now + self.after:
            return f"its time is further ahead than message.timestamp.after.max.ms={self.after}"
        return ""


def codec_of(own: str, known: Iterable[TopicLimits]) -> str:
    """What records too large for a topic are compressed with (K18): the codec of the user's own options, the first
    that these topics' settings name, or zstd.
    """
    return own or next((limits.codec for limits in known if limits.codec), "zstd")


def _number(config: Mapping[str, str], name: str) -> int:
    number = int(config.get(name) or MOST)
    return MOST if number == FOREVER else number
