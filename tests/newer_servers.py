"""Servers of another Debian release, which lives in a folder of its own (see tests/newer)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from mqtui.demo.servers import Servers
from mqtui.demo.servers.rabbitmq import find_script

ERLANG = "/usr/lib/erlang/bin:/usr/local/bin:/usr/bin:/bin"


class NewerServers(Servers):
    """Starts RabbitMQ and Redis of the release below `root`, with it as their root folder; Kafka as ever.

    `/tmp` and `/proc` of this machine must be mounted there.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(Path("/tmp"))
        self._root = root

    def start_rabbitmq(
        self,
        name: str = "rabbitmq",
        *,
        config: Sequence[str] = (),
        script: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> str:
        """As the servers' own, of the newer release."""
        inside = script or self._started_inside(find_script(self._root), {"PATH": ERLANG})
        return super().start_rabbitmq(name, config=config, script=inside, env=env)

    def start_redis(self, name: str = "redis", *, config: Sequence[str] = (), server: Path | None = None) -> str:
        """As the servers' own, of the newer release."""
        inside = server or self._started_inside(self._root / "usr/bin/redis-server", {})
        # A write across slots waits until the append-only file is synced: at once, not with the next of each second.
        return super().start_redis(name, config=["appendfsync always", *config], server=inside)

    def _started_inside(self, program: Path, env: Mapping[str, str]) -> Path:
        """A program of this machine that becomes one of the release."""
        wrapper = self.folder / f"{program.name}-of-{self._root.name}"
        words = ["exec", "chroot", str(self._root), "/usr/bin/env", *(f"{key}={value}" for key, value in env.items())]
        words.append(f"/{program.relative_to(self._root)}")
        wrapper.write_text(f'#!/bin/sh\n{shlex.join(words)} "$@"\n', encoding="utf-8")
        wrapper.chmod(0o700)
        return wrapper
