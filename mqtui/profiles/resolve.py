"""From a typed target, a profile name or a URL, to broker addresses with their secrets."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mqtui.brokers.address import Address
from mqtui.brokers.registry import traits_of
from mqtui.domain.errors import BadInput
from mqtui.domain.policy import Policy
from mqtui.domain.resource import BrokerKind
from mqtui.profiles.model import Profile
from mqtui.profiles.secrets import secret_of, secret_of_url, secrets_of, secrets_of_url
from mqtui.profiles.store import ProfileStore
from mqtui.profiles.url import FORMS, SCHEMES, format_url, parse_url
from mqtui.state.redact import mask_target

SEEN_PASSWORD = (
    "The URL holds a password: other users see it in the process list, and the shell keeps it. "
    "`mqtui profile add NAME URL --password-stdin` puts it into the keyring."
)


@dataclass(frozen=True, slots=True)
class ResolvedTarget:
    """A resolved target. `shown` is the profile name, or the URL with options and without secret; both reopen it."""

    profile: Profile | None
    policy: Policy
    addresses: tuple[Address, ...]
    shown: str
    warnings: tuple[str, ...] = ()


def resolve_target(target: str, kind: BrokerKind | None = None) -> ResolvedTarget:
    """Resolve `NAME`, `NAME/KIND` or a URL. A profile without a kind means all its brokers.

    It may block, since it asks the keyring or runs the command of the profile for the secret.

    Raises:
        BadInput: it is none of these, profiles.toml has an error, or the profile has no broker of that kind.
        NotFound: there is no such profile.
        NotAuthenticated: the secret is not where the profile says.
    """
    if "://" in target:
        return _resolved_url(target, kind)
    if (scheme := target.partition(":")[0]) in SCHEMES and scheme != target:
        raise BadInput(
            "That is no broker URL", mask_target(target), f"Two slashes follow its scheme: {scheme}://host:port"
        )
    name, slash, kind_name = target.partition("/")
    wanted = _kind(target, kind_name) if slash else kind
    if wanted is not None and kind is not None and wanted is not kind:
        raise BadInput(f"{mask_target(target)} is not of {kind}")
    if not name or ":" in name:
        raise BadInput(
            "That is no target", mask_target(target), "Give the name of a profile, or a URL: " + "   ".join(FORMS)
        )
    profile = ProfileStore().find(name)
    kinds = tuple(profile.brokers) if wanted is None else (wanted,)
    if wanted is not None:
        profile.address(wanted)
    addresses = tuple(profile.address(each, secret_of(profile, each), _secrets(profile, each)) for each in kinds)
    return ResolvedTarget(profile, profile.policy(), addresses, profile.name)


def find_profile(target: str) -> Profile:
    """The profile of `NAME` or `NAME/KIND`.

    Raises:
        BadInput: it has no broker of that kind.
        NotFound: there is no such profile.
    """
    name, slash, kind = target.partition("/")
    profile = ProfileStore().find(name)
    if slash:
        profile.address(_kind(target, kind))
    return profile


def _resolved_url(url: str, kind: BrokerKind | None) -> ResolvedTarget:
    address, had_password = parse_url(url)
    if kind is not None and address.kind is not kind:
        raise BadInput(f"{format_url(address)} is not of {kind}")
    if not had_password and (address.user or "://:@" in url):
        address = replace(address, secret=secret_of_url(address))
    address = replace(address, secrets=secrets_of_url(address))
    shown = format_url(address)
    warnings = (SEEN_PASSWORD,) if had_password and not is_default_login(address) else ()
    return ResolvedTarget(None, Policy(shown), (address,), shown, warnings)


def _secrets(profile: Profile, kind: BrokerKind) -> dict[str, str]:
    """The secret options of a broker, from its URL and from the profile."""
    return {**secrets_of_url(profile.address(kind)), **secrets_of(profile, kind)}


def is_default_login(address: Address) -> bool:
    """Whether it is the default login of that kind of broker, which everybody knows."""
    return address.user == address.secret == traits_of(address.kind).url.default_login != ""


def _kind(target: str, text: str) -> BrokerKind:
    try:
        return BrokerKind(text)
    except ValueError:
        hint = f"Write NAME/KIND with one of {', '.join(BrokerKind)}."
        if not text:
            raise BadInput(f"{mask_target(target)} names no kind of broker", "", hint) from None
        raise BadInput(f"{mask_target(text)} is no kind of broker", mask_target(target), hint) from None
