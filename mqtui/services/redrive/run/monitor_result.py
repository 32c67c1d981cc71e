"""The result of a monitor: how many copies consumers have passed, how many came back, and what is not known."""

from __future__ import annotations

from dataclasses import dataclass

from mqtui.domain.figure import pluralize
from mqtui.domain.reader_progress import ReaderProgress

MAX_NAMED = 3
"""How many of the letters that came back a sentence names."""


@dataclass(frozen=True, slots=True)
class MonitorResult:
    """What is known after a while. `passed` is None where consumers can't be asked; `why` says why.

    `seconds` is how long it was monitored, of `limit` at most.
    """

    moved: int
    passed: int | None
    came_back: int
    seconds: float
    limit: float = 0.0
    readers: tuple[ReaderProgress, ...] = ()
    returned_letters: tuple[str, ...] = ()
    """Positions of letters that came back, each with its error."""

    possibly_returned: int = 0
    """Letters that were dead-lettered meanwhile, and that nothing identifies as ours or as others'."""

    why: str = ""
    not_observable: str = ""
    """Why letters that are dead-lettered again can't be observed, or not all of them; "" where they can."""

    without_consumer: tuple[str, ...] = ()
    """Names of targets without a live consumer."""

    noun: str = "letter"
    """What they are called: "letter" of a redrive, "message" where one was published."""

    @property
    def returned_share(self) -> float:
        """The share of moved letters that came back: 0 to 1."""
        return self.came_back / self.moved if self.moved else 0.0

    @property
    def returned_count(self) -> int | None:
        """How many came back; None where that can't be known."""
        return self.came_back if self.came_back or not self.not_observable else None

    @property
    def waiting(self) -> int | None:
        """Copies that consumers have not passed yet; None where they can't be asked."""
        return None if self.passed is None else max(0, self.moved - self.passed)

    @property
    def lagging_groups(self) -> tuple[ReaderProgress, ...]:
        """Groups that have to pass the copies and have not yet."""
        return tuple(reader for reader in self.readers if reader.counts and reader.waiting)

    @property
    def is_success(self) -> bool:
        """Whether all were passed, none came back as far as is known, and it would have been observed."""
        return (
            self.passed == self.moved and not self.came_back and not self.possibly_returned and not self.not_observable
        )

    def describe(self) -> str:
        """The result in a sentence."""
        watched = f"watched {self.seconds:.0f} s of at most {self.limit:.0f}."
        return f"{self._describe_passed()} {self._describe_returned()}; {watched}"

    def _describe_passed(self) -> str:
        letters = pluralize(self.moved, self.noun) if self.moved != 1 else f"The {self.noun}"
        if self.passed is None:
            return f"Whether {letters[:1].lower()}{letters[1:]} passed is not known ({self.why.rstrip('.')})"
        if self.without_consumer and not self.passed:
            return f"{letters} passed no consumer, since none reads {', '.join(self.without_consumer)},"
        if self.passed < self.moved:
            late = ", ".join(f"{reader.group} ({reader.state})" for reader in self.lagging_groups) or "a reader"
            return f"{self.waiting:,} of {self.moved:,} did not pass {late} yet"
        through = ", ".join(dict.fromkeys(reader.group for reader in self.readers if reader.counts))
        return f"{letters} passed {through}"

    def _describe_returned(self) -> str:
        if self.came_back:
            least = "at least " if self.not_observable else ""
            return f"and {least}{self.came_back:,} of {self.moved:,} came back"
        if self.not_observable:
            return f"and whether letters are dead-lettered again can't be observed ({self.not_observable.rstrip('.')})"
        perhaps = f" for sure, {self.possibly_returned:,} like them perhaps" if self.possibly_returned else ""
        return f"and did not come back{perhaps}" if self.passed == self.moved else f"and none came back{perhaps}"
