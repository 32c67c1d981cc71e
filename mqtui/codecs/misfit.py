"""Why a value does not fit a schema, and where."""

from __future__ import annotations

LONGEST = 60


class NotEncoded(Exception):
    """A value does not fit a schema. `path` leads to the part that does not, "" for the whole."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"at {path}: {why}" if path else why)
        self.path = path
        self.why = why


def join_path(path: str, name: str | int) -> str:
    """A path one level deeper: `lines[2].sku`."""
    if isinstance(name, int):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name


def shown(value: object) -> str:
    """The beginning of a value, in JSON's own form."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
