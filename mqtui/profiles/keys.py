"""Fernet keys: the one that encrypts bundles (C2), and named ones for message bodies; and the key of the audit log."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable

from mqtui.domain.errors import MqtuiError, NotAuthenticated, NotFound, Refused
from mqtui.profiles import keyring_store
from mqtui.profiles.model import Profile
from mqtui.profiles.secrets import as_variable, describe_source, read_source
from mqtui.state.file_lock import lock_file
from mqtui.state.paths import state_dir

BUNDLE_VARIABLE = "MQTUI_BUNDLE_KEY"
BUNDLE_ENTRY = "bundle key"
AUDIT_VARIABLE = "MQTUI_AUDIT_KEY"
AUDIT_ENTRY = "audit key"
KEY_VARIABLE = "MQTUI_KEY_"


def bundle_key(profile: Profile | None = None) -> bytes:
    """The key of bundles: `MQTUI_BUNDLE_KEY`, else where the profile says, else the keyring, made on first use.

    Raises:
        Refused: there is none and none can be stored, or it is no Fernet key.
    """
    if BUNDLE_VARIABLE in os.environ:
        return _valid(os.environ[BUNDLE_VARIABLE], BUNDLE_VARIABLE)
    source = profile.bundle_key if profile else ""
    try:
        if profile and source and source != "keyring":
            found = read_source(source, profile.name, None, ())
            if found is None:
                raise Refused("There is no bundle key", f"The profile says it is in {describe_source(source)}.")
            return _valid(found, describe_source(source))
        return _kept(BUNDLE_ENTRY)
    except (keyring_store.NoKeyring, NotAuthenticated) as error:
        raise _no_bundle_key(error) from None


def check_bundle_key(profile: Profile | None = None) -> None:
    """Check that bundles can be encrypted, without making a missing key.

    Raises:
        Refused: as `bundle_key`.
    """
    source = profile.bundle_key if profile else ""
    if BUNDLE_VARIABLE in os.environ or (source and source != "keyring"):
        bundle_key(profile)
        return
    try:
        found = keyring_store.get(BUNDLE_ENTRY)
    except (keyring_store.NoKeyring, NotAuthenticated) as error:
        raise _no_bundle_key(error) from None
    if found is not None:
        _valid(found, "the keyring's bundle key")


def _no_bundle_key(error: MqtuiError) -> Refused:
    return Refused(
        "There is no key to encrypt the bundle with, so nothing is moved",
        f"{error.title}. {error.detail}".strip(),
        f"Unlock a keyring, or set {BUNDLE_VARIABLE} to a Fernet key, or give the profile a `bundle_key`.",
    )


def audit_key() -> bytes | None:
    """The key of the audit log: `MQTUI_AUDIT_KEY`, else the keyring, made on first use; None without a keyring.

    Raises:
        Refused: it is no Fernet key.
    """
    if AUDIT_VARIABLE in os.environ:
        return _valid(os.environ[AUDIT_VARIABLE], AUDIT_VARIABLE)
    try:
        return _kept(AUDIT_ENTRY)
    except keyring_store.NoKeyring:
        return None


def fernet_key(name: str) -> bytes:
    """The key for message bodies of that name: `MQTUI_KEY_<NAME>`, else the keyring.

    Raises:
        NotFound: there is none of that name, or the keyring can't be used.
        Refused: it is no Fernet key.
    """
    variable = f"{KEY_VARIABLE}{as_variable(name)}"
    if variable in os.environ:
        return _valid(os.environ[variable], variable)
    try:
        found = keyring_store.get(f"key:{name}")
    except keyring_store.NoKeyring as error:
        raise NotFound(
            f"The key {name} can't be had", f"{error.title}. {error.detail}", f"Or set {variable}."
        ) from None
    if found is None:
        raise NotFound(f"There is no key {name}", "", f"Set {variable}, or put it into the keyring.")
    return _valid(found, f"the keyring's key {name}")


def known_names() -> tuple[str, ...]:
    """The names of body keys in the environment; the keyring is not asked, it lists none."""
    return tuple(name.removeprefix(KEY_VARIABLE).lower() for name in sorted(os.environ) if _is_key(name))


def body_keys(names: Iterable[str]) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """The keys that open message bodies, by name: those named, and all in the environment; and why some can't be had.

    It may block: the keyring is read.
    """
    found: dict[str, bytes] = {}
    missing: list[str] = []
    for name in dict.fromkeys((*names, *known_names())):
        try:
            found[name] = fernet_key(name)
        except MqtuiError as error:
            missing.append(f"{error.title}. {error.detail}".strip())
    return found, tuple(missing)


def _is_key(variable: str) -> bool:
    return variable.startswith(KEY_VARIABLE) and len(variable) > len(KEY_VARIABLE)


def new_key() -> str:
    """A new Fernet key: 32 random bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode("ascii")


def _kept(entry: str) -> bytes:
    """A key in the keyring, made on first use."""
    found = keyring_store.get(entry)
    if found is None:
        with lock_file(state_dir() / f"{entry.replace(' ', '-')}.lock"):
            found = keyring_store.get(entry)
            if found is None:
                keyring_store.put(entry, new_key())
                found = keyring_store.get(entry)
    if found is None:
        raise keyring_store.NoKeyring("The keyring keeps nothing", "What was put into it is not there.")
    return _valid(found, f"the keyring's {entry}")


def _valid(key: str, where: str) -> bytes:
    raw = key.strip().encode("utf-8", "replace")
    try:
        if len(base64.b64decode(raw, altchars=b"-_", validate=True)) == 32:
            return raw
    except binascii.Error:
        pass
    raise Refused("That is no Fernet key", f"In {where}.", "It has to be 32 bytes in URL-safe base64.")
