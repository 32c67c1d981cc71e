"""Five hints for the first minute of the demo, shown in the prompt line; esc hides them."""

from __future__ import annotations

from dataclasses import dataclass

STEPS = {
    "Destinations": "1/5 The shop is in trouble, worst on top: enter opens it, n walks to the next.",
    "Radar": "1/5 These are dead letters. enter shows what they died of.",
    "Causes": "2/5 Letters by cause. 3/5 Small letters look, so try any. R plans a redrive.",
    "Review": "4/5 This is the plan; nothing has happened yet. enter starts with one letter.",
    "Run": "4/5 The first letter came home and stayed. enter sends the rest.",
    "Home": "5/5 All of them came home and stayed. yc: as a command. ? for all keys.",
}


@dataclass(slots=True)
class DemoTour:
    """Gives the hint of a screen until it is dismissed."""

    hidden: bool = True
    """Hidden everywhere but in the demo."""

    def hint(self, screen_name: str) -> str:
        """The hint of a screen, by its `screen_name`; "" where it has none."""
        return "" if self.hidden else STEPS.get(screen_name, "")

    def hide(self) -> bool:
        """Hide the hints; whether they were shown."""
        there, self.hidden = not self.hidden, True
        return there
