"""A profile that is offered and not saved: its form is filled with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mqtui.domain.resource import BrokerKind


@dataclass(frozen=True, slots=True)
class ProfileDraft:
    """Name and URLs without passwords; `passwords` are those that the URLs had, by broker.

    `left_out` are settings of the file it comes from that have no use here.
    """

    name: str
    urls: tuple[str, ...]
    passwords: Mapping[BrokerKind, str] = field(default_factory=dict, repr=False)
    left_out: tuple[str, ...] = ()
