"""What a watch says: how many copies passed their readers, how many came back, and what of it is not known."""

from __future__ import annotations

from dataclasses import dataclass

from mqtui.domain.figure import counted
from mqtui.domain.watching import ReaderProgress

NAMED = 3
"""Letters that came back that a sentence names."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known after a while. `passed` is None where nobody can be asked; `why` says why.

    `seconds` is how long it was watched, of `most` at most.
    """

    moved: int
    passed: int | None
    came_back: int
    seconds: float
    most: float = 0.0
    readers: tuple[ReaderProgress, ...] = ()
    back: tuple[str, ...] = ()
    """Where letters that came back lie, each with what it died of."""

    perhaps: int = 0
    """Letters that came meanwhile and say nothing by which they could be told apart from others."""

    why: str = ""
    deaf: str = ""
    """Why letters that die again are not heard, or not all of them; "" where they are."""

    unread: tuple[str, ...] = ()
    """Names of targets that nobody reads."""

    noun: str = "letter"
    """What they are called: letters of a redrive, messages that somebody sent."""

    @property
    def share(self) -> float:
        """Came back, of all moved: 0 to 1."""
        return self.came_back / self.moved if self.moved else 0.0

    @property
    def returned(self) -> int | None:
        """How many came back; None where that can't be known."""
        return self.came_back if self.came_back or not self.deaf else None

    @property
    def waiting(self) -> int | None:
        """Copies that did not pass yet; None where nobody can be asked."""
        return None if self.passed is None else max(0, self.moved - self.passed)

    @property
    def laggards(self) -> tuple[ReaderProgress, ...]:
        """Readers that have to be passed and were not yet."""
        return tuple(reader for reader in self.readers if reader.counts and reader.waiting)

    @property
    def is_well(self) -> bool:
        """Whether all have passed, none came back for all that is known, and it would have been heard."""
        return self.passed == self.moved and not self.came_back and not self.perhaps and not self.deaf

    def words(self) -> str:
        """The verdict in a sentence."""
        return f"{self._passing()} {self._returning()}; watched {self.seconds:.0f} s of at most {self.most:.0f}."

    def _passing(self) -> str:
        letters = counted(self.moved, self.noun) if self.moved != 1 else f"The {self.noun}"
        if self.passed is None:
            return f"Whether {letters[:1].lower()}{letters[1:]} passed is not known ({self.why.rstrip('.')})"
        if self.unread and not self.passed:
            return f"{letters} passed nobody, for nobody reads {', '.join(self.unread)},"
        if self.passed < self.moved:
            late = ", ".join(f"{reader.group} ({reader.state})" for reader in self.laggards) or "a reader"
            return f"{self.waiting:,} of {self.moved:,} did not pass {late} yet"
        through = ", ".join(dict.fromkeys(reader.group for reader in self.readers if reader.counts))
        return f"{letters} passed {through}"

    def _returning(self) -> str:
        if self.came_back:
            least = "at least " if self.deaf else ""
            return f"and {least}{self.came_back:,} of {self.moved:,} came back"
        if self.deaf:
            return f"and whether letters die again can't be heard ({self.deaf.rstrip('.')})"
        perhaps = f" for sure, {self.perhaps:,} like them perhaps" if self.perhaps else ""
        return f"and did not come back{perhaps}" if self.passed == self.moved else f"and none came back{perhaps}"
