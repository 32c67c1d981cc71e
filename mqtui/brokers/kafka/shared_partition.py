"""One partition of a member of a shared scan."""

from __future__ import annotations

from mqtui.domain.shared_scan import SharedPart, SharedProgress


class SharedPartition:
    """One partition of this member."""

    def __init__(self, progress: SharedProgress, reached: int) -> None:
        self.progress = progress
        self.reached = reached
        self.taken: SharedPart | None = None
        """What is being scanned of it."""

        self.is_held = False
        """Whether it is committed that this member holds it."""

        self.is_giving = False
        """Whether hits of it are being given: until that has ended it can't go to another member."""
