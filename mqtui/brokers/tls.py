"""The options `tls.*`: one meaning on the three brokers, in every client that talks to them."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from socket import socket

from mqtui.brokers import options
from mqtui.brokers.address import Address
from mqtui.domain.errors import BadInput, TlsRefused

NAMES = tuple(option.name for option in options.TLS)
KEY_IS_SEALED = "A key under a password takes tls.key-password."


@dataclass(frozen=True, slots=True)
class Tls:
    """What to trust, what to show, and whose name has to be in the server's certificate. Files are PEM."""

    ca: str = ""
    """Certificates of the authorities to trust; "": the system's."""

    cert: str = ""
    key: str = ""
    key_password: str = field(default="", repr=False)
    server_name: str = ""
    """The name asked for and looked for in the certificate; "": the address's."""

    verify: bool = True
    check_name: bool = True
    """Whether the name counts; the issuer does in any case, unless `verify` is off."""

    def context(self) -> ssl.SSLContext:
        """A context for Python's own TLS, made again when a file has changed.

        Raises:
            TlsRefused: a file can't be read, or does not hold what it should; it is named.
        """
        files = (("tls.ca", self.ca), ("tls.cert", self.cert), ("tls.key", self.key))
        return _context(self, tuple(_changed(option, path) for option, path in files))


@lru_cache(maxsize=16)
def _context(given: Tls, _: tuple[int, ...]) -> ssl.SSLContext:
    made = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    made.server_name = given.server_name
    made.check_hostname = given.verify and given.check_name
    if not given.verify:
        made.verify_mode = ssl.CERT_NONE
    try:
        if given.ca:
            made.load_verify_locations(cafile=given.ca)
        else:
            made.load_default_certs()
    except ssl.SSLError as error:
        raise _unusable("tls.ca", given.ca, "It holds no certificate in PEM.") from error
    if given.cert:
        _load_own(made, given)
    return made


def _load_own(context: ssl.SSLContext, given: Tls) -> None:
    """The certificate of this client and its key. OpenSSL asks the terminal for a password unless it is given one."""
    try:
        context.load_cert_chain(given.cert, given.key or None, password=lambda: given.key_password)
    except (ssl.SSLError, ValueError) as error:
        option, path = ("tls.key", given.key) if given.key else ("tls.cert", given.cert)
        if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
            raise _unusable(option, path, f"The key does not belong to the certificate {given.cert}.") from error
        if b"ENCRYPTED" in Path(path).read_bytes():
            why = "The password for it is wrong." if given.key_password else "It is under a password."
            raise _unusable(option, path, why, KEY_IS_SEALED) from error
        raise _unusable(option, path, "There is no private key, or no certificate, in PEM.") from error


class NamedContext(ssl.SSLContext):
    """A context that asks for its own server name, whichever the client that uses it would ask for."""

    server_name = ""

    def wrap_socket(
        self,
        sock: socket,
        server_side: bool = False,  # noqa: FBT001, FBT002 - as ssl has it
        do_handshake_on_connect: bool = True,  # noqa: FBT001, FBT002 - as ssl has it
        suppress_ragged_eofs: bool = True,  # noqa: FBT001, FBT002 - as ssl has it
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLSocket:
        """As `ssl.SSLContext.wrap_socket`, with the name of this context."""
        name = self.server_name or server_hostname
        return super().wrap_socket(sock, server_side, do_handshake_on_connect, suppress_ragged_eofs, name, session)

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - as ssl has it
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """As `ssl.SSLContext.wrap_bio`, with the name of this context."""
        return super().wrap_bio(incoming, outgoing, server_side, self.server_name or server_hostname, session)


def read(given: Mapping[str, str]) -> Tls:
    """What the options of an address say.

    Raises:
        BadInput: `tls.verify` is neither yes nor no, or a key is given without its certificate.
    """
    verify = given.get("tls.verify", "yes").lower()
    if verify not in options.SWITCH:
        raise BadInput("tls.verify is yes or no", f"Not {verify!r}.")
    if "tls.key" in given and "tls.cert" not in given:
        raise BadInput("tls.key is given without tls.cert", "", "The certificate of this client goes with its key.")
    return Tls(
        ca=given.get("tls.ca", ""),
        cert=given.get("tls.cert", ""),
        key=given.get("tls.key", ""),
        key_password=given.get("tls.key-password", ""),
        server_name=given.get("tls.server-name", ""),
        verify=options.SWITCH[verify] == "yes",
    )


def of(address: Address, secure_scheme: str) -> Tls | None:
    """The settings of an address; None where its scheme has no TLS.

    Raises:
        BadInput: as `read`; or there are TLS options beside a scheme that uses none.
    """
    given = address.settings
    if address.tls:
        return read(given)
    for name in given:
        if name in NAMES:
            raise BadInput(f"{name} is given, and the URL asks for no TLS", "", f"Write {secure_scheme}://.")
    return None


def _changed(option: str, path: str) -> int:
    """When a file was changed, in nanoseconds; 0 without a file."""
    if not path:
        return 0
    try:
        with Path(path).open("rb") as file:
            return os.fstat(file.fileno()).st_mtime_ns
    except OSError as error:
        raise _unusable(option, path, error.strerror or str(error)) from error


def _unusable(option: str, path: str, why: str, hint: str = "") -> TlsRefused:
    return TlsRefused(f"The file of {option} can't be used", f"{path}: {why}", hint or f"Give {option} a PEM file.")
