"""Secrets in the keyring of this machine, which is loaded on first use."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager

from mqtui.domain.errors import StorageFailed

SERVICE = "mqtui"


class NoKeyring(StorageFailed):
    """The keyring is missing, locked or fails. The text of the error never has a secret."""


def get(name: str) -> str | None:
    """The secret of a name; None where there is none.

    Raises:
        NoKeyring: it can't be asked.
    """
    with _translated():
        import keyring

        return keyring.get_password(SERVICE, name)


def put(name: str, secret: str) -> None:
    """Store a secret under a name.

    Raises:
        NoKeyring: it can't be stored.
    """
    with _translated():
        import keyring

        keyring.set_password(SERVICE, name, secret)


def remove(name: str) -> bool:
    """Delete a secret; False where there was none.

    Raises:
        NoKeyring: it can't be asked.
    """
    if get(name) is None:
        return False
    with _translated():
        import keyring

        keyring.delete_password(SERVICE, name)
    return True


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the errors of keyring backends into NoKeyring: KeyringError, RuntimeError of D-Bus, those of secretstorage
    and jeepney.
    """
    from keyring.errors import KeyringError

    known: list[type[Exception]] = [KeyringError, RuntimeError, OSError]
    for module, name in (("secretstorage", "SecretStorageException"), ("jeepney", "DBusErrorResponse")):
        try:
            known.append(getattr(importlib.import_module(module), name))
        except ImportError:
            continue
    try:
        yield
    except tuple(known) as error:
        raise NoKeyring(
            "The keyring of this machine can't be used",
            f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}",
            "Unlock or install one, or give the secret by an environment variable or the profile's command.",
        ) from None
