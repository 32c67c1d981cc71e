"""Five lines for the first minute of the demo. They stand on the line, never in the way; esc sends them away."""

from __future__ import annotations

from dataclasses import dataclass

STEPS = {
    "Destinations": "1/5 The shop is in trouble, worst on top: enter opens it, n walks to the next.",
    "Radar": "1/5 These are dead letters. enter shows what they died of.",
    "Causes": "2/5 Letters by cause, a sample beside. 3/5 Small letters look, so try any. R plans a redrive.",
    "Review": "4/5 This is the plan; nothing has happened yet. enter starts with one letter.",
    "Run": "5/5 It came home and stayed. enter sends the rest. yc: the same as a command. ? for all keys.",
}


@dataclass(slots=True)
class DemoTour:
    """Says the line of a place, until it is sent away or all are done."""

    away: bool = True
    """Nobody is coached but in the demo."""

    def line(self, place: str) -> str:
        """What to try here; "" where there is nothing to say."""
        return "" if self.away else STEPS.get(place, "")

    def leave(self) -> bool:
        """Send it away; whether it was there."""
        there, self.away = not self.away, True
        return there
