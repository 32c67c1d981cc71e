"""What is told while servers come up."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Stage = Literal["waiting", "downloading", "preparing", "starting", "ready"]
"""waiting: another process downloads the same; preparing: the once-only work after a download."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of one server.

    ``done`` is in bytes and ``rate`` in bytes per second, both 0 unless downloading; the total is not known
    before the last file. ``detail`` is the file being downloaded, or empty.
    """

    server: str
    stage: Stage
    detail: str = ""
    done: int = 0
    rate: float = 0.0


Tell = Callable[[Progress], None]
"""Called from the thread that starts the server: several threads when they start side by side."""


def tell_nobody(progress: Progress) -> None:
    """Drop the news."""
