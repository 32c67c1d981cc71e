"""What is known of messages after they went to a destination: who reads it, and how many each reader has passed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReaderProgress:
    """One group that reads a target, and how many of the copies it has passed.

    `state` is the broker's own word. `alive` says whether somebody is in it who reads the target; None where the broker
    does not tell. Passed is committed (Kafka), delivered and acknowledged (Redis), or gone from the queue without
    having come back (RabbitMQ).
    """

    group: str
    target: str
    state: str
    alive: bool | None
    passed: int
    waiting: int
    counts: bool = True
    """Whether the verdict waits for it."""

    @property
    def words(self) -> str:
        """`payments (Stable) passed 11, 0 wait`."""
        dead = ", nobody is in it" if self.alive is False else ""
        return f"{self.group} ({self.state}{dead}): {self.passed:,} passed, {self.waiting:,} waiting"
