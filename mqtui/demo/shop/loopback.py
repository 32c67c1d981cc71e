"""The shop writes only to this machine's brokers, unless it is told that it may go further (rule C11)."""

from __future__ import annotations

import os

from mqtui.demo.servers.external_brokers import ALLOW_REMOTE, hosts, is_loopback


class RemoteRefused(ValueError):
    """A URL leads to another machine and ``MQTUI_ALLOW_REMOTE=1`` is not set."""


def refuse_remote(url: str) -> None:
    """Pass a URL whose hosts are all loopback, or any URL when the environment has ``MQTUI_ALLOW_REMOTE=1``.

    Raises:
        RemoteRefused: otherwise; the message names the host, never the URL, which may hold a password.
    """
    if os.environ.get(ALLOW_REMOTE) == "1":
        return
    places = hosts(url)
    remote = [place or "an unnamed host" for place in places if not is_loopback(place)]
    if remote or not places:
        raise RemoteRefused(
            f"the shop writes only to loopback brokers, not to {', '.join(remote)}; {ALLOW_REMOTE}=1 allows it"
        )
