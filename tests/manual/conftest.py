"""mqtui with folders of its own."""

from __future__ import annotations

from tests.cli.conftest import mqtui

__all__ = ["mqtui"]
