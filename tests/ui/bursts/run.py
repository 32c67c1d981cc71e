"""Random bursts of keys through a pseudo-terminal: what is typed for a prompt or a form does nothing else.

`python -m tests.ui.bursts.run 10000` plays as many, and prints the seed of the first that failed.
"""

from __future__ import annotations

import json
import os
import string
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import monotonic, perf_counter, sleep
from typing import Any, NamedTuple, TextIO

from tests.terminal import Terminal

PATIENCE = 30.0
LOOK = 0.02
MOST_STEPS_BACK = 10
MOST_LOOKS = 100
LONGEST = 14
"""Signs typed into a prompt or a form."""

TEXT = string.ascii_letters + string.digits + string.punctuation + " äß世"
ESC = "\x1b"
EMPTY = "\x15"
MOVES = "jkgG"
PROMPTS = {"/": "list.filter", ":": "nav.goto"}
VIEWS = {"1": "DestinationsScreen", "2": "GroupsScreen", "3": "DeadLetterOverviewScreen", "5": "RunsScreen"}
OTHER_VIEWS = frozenset(VIEWS.values()) - {"DestinationsScreen"}
LOOKS = frozenset(("nav.down", "nav.up", "nav.top", "nav.bottom", *(f"nav.view_{view}" for view in VIEWS)))
"""Actions of the keys that a burst begins with."""

FORMS = {"P": ("1", "message.publish"), "+": ("0", "thing.create")}
"""Keys that open a form: the view they are pressed in, and their action."""

REFUSED = {"U": "run.restore", "M": "message.move"}
"""Keys that do nothing among destinations: what was typed for them in the same burst does nothing either."""


class Burst(NamedTuple):
    """Keys that are written at once: some moves, then `opener`, then a text for what it opens."""

    first: str
    opener: str
    text: str
    action: str

    @property
    def keys(self) -> str:
        return self.first + self.opener + self.text


class Notes:
    """What the console notes, as it comes."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._part = ""

    def until_keys(self, keys: int) -> list[dict[str, Any]]:
        """All that was noted until so many keys were answered."""
        found: list[dict[str, Any]] = []
        deadline = monotonic() + PATIENCE
        while not (found and found[-1].get("keys", -1) >= keys):
            self._part += self._file.readline()
            if self._part.endswith("\n"):
                found.append(json.loads(self._part))
                self._part = ""
            else:
                assert monotonic() < deadline, f"{keys} keys were not answered: {found[-8:]}"
                sleep(0.002)
        return found


class Player:
    """Plays bursts at a console of its own."""

    def __init__(self, terminal: Terminal, notes: Notes) -> None:
        self.terminal = terminal
        self.notes = notes
        self.keys = 0

    def types(self, *parts: str, pause: float = 0.0) -> list[dict[str, Any]]:
        """Write keys, each part at once, and wait until all are answered; what was noted."""
        for part in parts:
            self.terminal.press(part)
            self.keys += len(part)
            sleep(pause)
        return self.notes.until_keys(self.keys)

    def plays(self, seed: int) -> None:
        """Play the burst of a seed, and go back to the destinations."""
        chance = Random(seed)
        burst = random_burst(chance)
        if burst.opener in FORMS:
            self.types(FORMS[burst.opener][0])
        parts = (burst.keys,) if burst.opener in REFUSED else parts_of(burst.keys, chance)
        noted = self.types(*parts, pause=chance.choice((0.0, 0.0, 0.004, 0.02)))
        actions = [each["action"] for each in noted if "action" in each]
        try:
            begun = actions.index(burst.action)
            assert set(actions[:begun]) <= LOOKS, f"before the prompt: {actions}"
            assert not actions[begun + 1 :], f"what was typed did {actions[begun + 1 :]}"
            if burst.opener not in REFUSED:
                assert noted[-1]["text"] == burst.text, f"the field has {noted[-1]['text']!r}"
        except (AssertionError, ValueError) as error:
            self.terminal.catch_up()
            shown = "\n".join(self.terminal.screen.display)
            raise AssertionError(f"seed {seed}: {burst.keys!r}: {error}, {actions}, {noted[-1]}\n{shown}") from error
        if burst.opener in FORMS:
            self.types(EMPTY)  # else the form opens with it again
        self.goes_back(seed)

    def goes_back(self, seed: int) -> None:
        """Back to the destinations, with no prompt and no filter."""
        for _ in range(MOST_STEPS_BACK):
            now = self.types(ESC)[-1]
            if now["screen"] == "HomeScreen":  # enter opens the profile that was used last
                self.types("\r")
                now = self.opened()
            if now["screen"] in OTHER_VIEWS and now["text"] is None:
                now = self.types("1")[-1]
            if now["screen"] == "DestinationsScreen" and now["text"] is None:
                return
            sleep(LOOK)
        raise AssertionError(f"after seed {seed} there is no way back: {now}")

    def opened(self) -> dict[str, Any]:
        """Wait until a profile is open: where that leads. The key that is pressed is refused nowhere.

        Behind one that is refused keys are dropped until its answer is painted.
        """
        for _ in range(MOST_LOOKS):
            sleep(LOOK)
            if (now := self.types("g")[-1])["screen"] != "HomeScreen":
                break
        return now


def random_burst(chance: Random) -> Burst:
    text = "".join(chance.choices(TEXT, k=chance.randint(1, LONGEST)))
    if chance.random() < 0.1:
        opener = chance.choice(list(REFUSED))
        return Burst("", opener, text, REFUSED[opener])
    if chance.random() < 0.25:
        opener = chance.choice(list(FORMS))
        return Burst("", opener, text, FORMS[opener][1])
    opener = chance.choice(list(PROMPTS))
    first = "".join(chance.choices(MOVES, k=chance.randint(0, 3)))
    if chance.random() < 0.5:
        first += chance.choice(list(VIEWS))
    return Burst(first, opener, text, PROMPTS[opener])


def parts_of(keys: str, chance: Random) -> Iterator[str]:
    """The keys whole, or in up to three parts."""
    cuts = sorted(chance.sample(range(1, len(keys)), min(len(keys) - 1, chance.choice((0, 0, 1, 2)))))
    for start, end in zip([0, *cuts], [*cuts, len(keys)], strict=True):
        yield keys[start:end]


def play(folder: Path, seeds: range, size: tuple[int, int] = (80, 24)) -> None:
    """Play the bursts of these seeds at one console, with all it keeps in `folder`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MQTUI_")} | {
        "MQTUI_CONFIG_DIR": str(folder / "config"),
        "MQTUI_STATE_DIR": str(folder / "state"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        "TEXTUAL_ANIMATIONS": "none",
        "ESCDELAY": "5",
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "HOME": str(folder),
    }
    file = folder / "notes"
    file.touch()
    words = [sys.executable, "-m", "tests.ui.bursts.console", str(file)]
    with file.open(encoding="utf-8") as notes, Terminal(words, environment, size) as terminal:
        terminal.reads("▌ † orders.DLQ")
        player = Player(terminal, Notes(notes))
        for seed in seeds:
            player.plays(seed)


def main() -> None:
    count, start = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    began = perf_counter()
    with TemporaryDirectory() as folder:
        (Path(folder) / "config").mkdir()
        play(Path(folder), range(start, start + count))
    print(
        f"{count:,} bursts in {perf_counter() - began:.0f} s: no key acted on anything but the field it was typed for"
    )


if __name__ == "__main__":
    main()
