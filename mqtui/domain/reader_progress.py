"""How far each consumer group has come in reading the copies of a redrive."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReaderProgress:
    """A group that reads a target, and how many of the copies it has passed.

    `state` is the broker's term. `alive` says whether a member reads the target; None where the broker does not say.
    Passed means committed (Kafka), delivered and acknowledged (Redis), or gone from the queue and not dead-lettered
    again (RabbitMQ).
    """

    group: str
    target: str
    state: str
    alive: bool | None
    passed: int
    waiting: int
    counts: bool = True
    """Whether the result waits for this group."""

    @property
    def text(self) -> str:
        """`payments (Stable) passed 11, 0 wait`."""
        dead = ", no members" if self.alive is False else ""
        return f"{self.group} ({self.state}{dead}): {self.passed:,} passed, {self.waiting:,} waiting"
