"""Fernet tokens (https://github.com/fernet/spec): decrypted and encrypted with given keys."""

from __future__ import annotations

from mqtui.codecs.decoded import FernetKeys, NotDecoded
from mqtui.domain.errors import BadInput

START = b"gAAAA"
"""Version 0x80 and a 64-bit time whose first bytes are zero, in base64."""

MIN_LENGTH = 100
"""Characters of a token of one block: 73 bytes in base64."""


class NotDecrypted(NotDecoded):
    """No key decrypts the token, with the reason for each."""


def is_token(value: bytes) -> bool:
    """Whether the bytes look like a token."""
    return len(value) >= MIN_LENGTH and value.startswith(START)


def decrypt(value: bytes, keys: FernetKeys) -> tuple[bytes, str]:
    """Decrypt a token: the content, and the name of the key that fits.

    Raises:
        NotDecrypted: there is no key, or none fits.
    """
    if not keys:
        raise NotDecrypted("no key is given")
    from cryptography.fernet import Fernet, InvalidToken

    whys: list[str] = []
    for name, key in keys.items():
        try:
            return Fernet(key).decrypt(value), name
        except InvalidToken:
            whys.append(f"the key {name} does not fit")
        except ValueError:
            whys.append(f"the key {name} is no Fernet key")
    raise NotDecrypted("; ".join(whys))


def encrypt(value: bytes, key: bytes) -> bytes:
    """Encrypt a value into a new token.

    Raises:
        BadInput: the key is no Fernet key.
    """
    from cryptography.fernet import Fernet

    try:
        return Fernet(key).encrypt(value)
    except ValueError as error:
        raise BadInput("Not a Fernet key", "It is 32 bytes in URL-safe base64.") from error
