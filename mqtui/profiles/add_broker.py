"""Adding a broker to an existing profile, which never weakens its protection (C17)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mqtui.domain.policy import SEVERITY, Environment
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import PASSWORD, BrokerEndpoint, Profile


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """Requested settings of a profile; None, or empty, where the present one is to stay."""

    environment: Environment | None = None
    read_only: bool | None = None
    protected: bool | None = None
    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()
    prefix: str | None = None
    bundle_key: str | None = None
    dead_letters: tuple[str, ...] = ()


def list_weakenings(there: Profile, asked: ProfileSettings) -> Sequence[str]:
    """The requested settings that would allow more, or change what the other brokers rely on, as text."""
    found = []
    if asked.environment is not None and SEVERITY[asked.environment] < SEVERITY[there.environment]:
        found.append(f"environment = {asked.environment} instead of {there.environment}")
    if asked.read_only is False and there.read_only:
        found.append("no longer read-only")
    if asked.protected is False and there.protected:
        found.append("no longer protected")
    if there.read_only and asked.allow - there.allow:
        found.append(f"allow = {', '.join(sorted(asked.allow - there.allow))}")
    if asked.prefix is not None and asked.prefix != there.prefix:
        found.append(f"prefix = {asked.prefix} instead of {there.prefix}")
    if asked.bundle_key is not None and there.bundle_key not in ("", asked.bundle_key):
        found.append("another bundle_key")
    return found


def add_broker(
    there: Profile, kind: BrokerKind, endpoint: BrokerEndpoint, secret: str, asked: ProfileSettings
) -> Profile:
    """The profile with the broker and the requested settings. `secret` says where the password of this broker is; those
    of the other brokers stay where they are.
    """
    if secret and secret != there.secret:
        endpoint = replace(endpoint, secrets={**endpoint.secrets, PASSWORD: secret})
    return replace(
        there,
        brokers={**there.brokers, kind: endpoint},
        environment=there.environment if asked.environment is None else asked.environment,
        read_only=there.read_only if asked.read_only is None else asked.read_only,
        protected=there.protected if asked.protected is None else asked.protected,
        allow=there.allow | asked.allow,
        deny=there.deny | asked.deny,
        prefix=there.prefix if asked.prefix is None else asked.prefix,
        dead_letters=tuple(dict.fromkeys((*there.dead_letters, *asked.dead_letters))),
        bundle_key=there.bundle_key if asked.bundle_key is None else asked.bundle_key,
    )


def describe_changes(there: Profile, now: Profile) -> Sequence[str]:
    """The settings that changed for all brokers of a profile, as text."""
    before, after = _terms(there), _terms(now)
    return [f"{key} = {after[key] or 'none'}" for key in after if after[key] != before[key]]


def _terms(profile: Profile) -> dict[str, str]:
    return {
        "environment": str(profile.environment),
        "read_only": "yes" if profile.read_only else "no",
        "protected": "yes" if profile.protected else "no",
        "allow": ", ".join(sorted(profile.allow)),
        "deny": ", ".join(sorted(profile.deny)),
        "prefix": profile.prefix,
        "dead_letters": ", ".join(profile.dead_letters),
    }
