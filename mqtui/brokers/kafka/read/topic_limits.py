"""The records that a topic's configuration refuses: too large, without key, too old or too far ahead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

CODECS = frozenset({"gzip", "snappy", "lz4", "zstd"})
FOREVER = -1
UNLIMITED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class TopicLimits:
    """Limits from a topic's configuration: `max_bytes` is max.message.bytes; ages are by the broker's clock."""

    max_bytes: int = UNLIMITED
    needs_key: bool = False
    max_age_ms: int = UNLIMITED
    max_ahead_ms: int = UNLIMITED
    codec: str = ""
    """compression.type if it names a codec; "" if the producer chooses."""

    compressed: bool = False
    """Whether records are sent compressed, so that their size does not decide (K18)."""

    @classmethod
    def from_config(cls, config: Mapping[str, str]) -> TopicLimits:
        """The limits of a configuration; a missing one is unlimited."""
        stamped = config.get("message.timestamp.type") == "LogAppendTime"
        return cls(
            _number(config, "max.message.bytes"),
            "compact" in config.get("cleanup.policy", ""),
            UNLIMITED if stamped else _number(config, "message.timestamp.before.max.ms"),
            UNLIMITED if stamped else _number(config, "message.timestamp.after.max.ms"),
            codec if (codec := config.get("compression.type", "")) in CODECS else "",
        )

    def refusal_reason(self, key: bytes | None, size: int, time: int | None, now: int) -> str:
        """Why the topic will refuse a record, or "". `size` in bytes, `time` and `now` in ms."""
        if size > self.max_bytes and not self.compressed:
            return f"larger than max.message.bytes={self.max_bytes}"
        if self.needs_key and key is None:
            return "a compacted topic takes no record without a key"
        if time is not None and time < now - self.max_age_ms:
            return f"its time is older than message.timestamp.before.max.ms={self.max_age_ms}"
        if time is not None and time > now + self.max_ahead_ms:
            return f"its time is further ahead than message.timestamp.after.max.ms={self.max_ahead_ms}"
        return ""


def choose_codec(user_codec: str, known: Iterable[TopicLimits]) -> str:
    """The codec for records that are too large for a topic (K18): the user's own option, the first codec that one of
    these topics is configured with, or zstd.
    """
    return user_codec or next((limits.codec for limits in known if limits.codec), "zstd")


def _number(config: Mapping[str, str], name: str) -> int:
    number = int(config.get(name) or UNLIMITED)
    return UNLIMITED if number == FOREVER else number
