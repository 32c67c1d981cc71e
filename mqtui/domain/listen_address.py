"""Where a server of ours listens, as it is typed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mqtui.domain.errors import BadInput

LOOPBACK = "127.0.0.1"
LISTEN_ADDRESS = re.compile(r"(?:(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:\s]*):)?(?P<port>\d{1,5})")


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """A host and a port; port 0 is any that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_listen_address(text: str) -> ListenAddress:
    """The endpoint of `9308`, `0.0.0.0:9308` or `[::]:9308`; this machine alone reaches one without a host.

    Raises:
        BadInput: it is none.
    """
    found = LISTEN_ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > 65_535:
        raise BadInput(
            f"That is no [HOST:]PORT: {text}", "", "Write 9308, or 0.0.0.0:9308 to be reached from elsewhere."
        )
    return ListenAddress((found["host"] or LOOPBACK).strip("[]"), int(found["port"]))
