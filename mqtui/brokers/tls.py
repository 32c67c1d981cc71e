"""The options `tls.*`, which mean the same for every broker and every client library."""

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

OPTION_NAMES = tuple(option.name for option in options.TLS)
KEY_IS_ENCRYPTED = "A key under a password takes tls.key-password."


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Trusted authorities, client certificate and expected server name. All files are PEM."""

    ca: str = ""
    """File of the trusted authorities' certificates; "": those of the system."""

    cert: str = ""
    key: str = ""
    key_password: str = field(default="", repr=False)
    server_name: str = ""
    """The name for SNI and certificate verification; "": the host of the address."""

    verify: bool = True
    check_name: bool = True
    """Whether the name is verified; the issuer is verified in any case, unless `verify` is off."""

    def context(self) -> ssl.SSLContext:
        """The `ssl` context, built anew when a file has changed.

        Raises:
            TlsRefused: a file can't be read or has other content; the error names it.
        """
        files = (("tls.ca", self.ca), ("tls.cert", self.cert), ("tls.key", self.key))
        return _context(self, tuple(_modified_ns(option, path) for option, path in files))


@lru_cache(maxsize=16)
def _context(given: TlsSettings, _: tuple[int, ...]) -> ssl.SSLContext:
    context = ServerNameContext(ssl.PROTOCOL_TLS_CLIENT)
    context.server_name = given.server_name
    context.check_hostname = given.verify and given.check_name
    if not given.verify:
        context.verify_mode = ssl.CERT_NONE
    try:
        if given.ca:
            context.load_verify_locations(cafile=given.ca)
        else:
            context.load_default_certs()
    except ssl.SSLError as error:
        raise _unusable("tls.ca", given.ca, "It holds no certificate in PEM.") from error
    if given.cert:
        _load_client_certificate(context, given)
    return context


def _load_client_certificate(context: ssl.SSLContext, given: TlsSettings) -> None:
    """Load the client's certificate and key. Without a given password OpenSSL would ask for one on the terminal."""
    try:
        context.load_cert_chain(given.cert, given.key or None, password=lambda: given.key_password)
    except (ssl.SSLError, ValueError) as error:
        option, path = ("tls.key", given.key) if given.key else ("tls.cert", given.cert)
        if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
            raise _unusable(option, path, f"The key does not belong to the certificate {given.cert}.") from error
        if b"ENCRYPTED" in Path(path).read_bytes():
            why = "The password for it is wrong." if given.key_password else "It is under a password."
            raise _unusable(option, path, why, KEY_IS_ENCRYPTED) from error
        raise _unusable(option, path, "There is no private key, or no certificate, in PEM.") from error


class ServerNameContext(ssl.SSLContext):
    """A context that uses its own server name instead of the one that the client library passes."""

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
        """`ssl.SSLContext.wrap_socket` with the server name of this context."""
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
        """`ssl.SSLContext.wrap_bio` with the server name of this context."""
        return super().wrap_bio(incoming, outgoing, server_side, self.server_name or server_hostname, session)


def from_options(given: Mapping[str, str]) -> TlsSettings:
    """The settings of the options `tls.*`.

    Raises:
        BadInput: `tls.verify` is neither yes nor no, or a key is given without its certificate.
    """
    verify = given.get("tls.verify", "yes").lower()
    if verify not in options.YES_NO:
        raise BadInput("tls.verify is yes or no", f"Not {verify!r}.")
    if "tls.key" in given and "tls.cert" not in given:
        raise BadInput("tls.key is given without tls.cert", "", "The certificate of this client goes with its key.")
    return TlsSettings(
        ca=given.get("tls.ca", ""),
        cert=given.get("tls.cert", ""),
        key=given.get("tls.key", ""),
        key_password=given.get("tls.key-password", ""),
        server_name=given.get("tls.server-name", ""),
        verify=options.YES_NO[verify] == "yes",
    )


def from_address(address: Address, secure_scheme: str) -> TlsSettings | None:
    """The settings of an address; None where its scheme has no TLS. The hint of an error names `secure_scheme`.

    Raises:
        BadInput: as `from_options`; or there are TLS options, but the scheme has no TLS.
    """
    given = address.settings
    if address.tls:
        return from_options(given)
    for name in given:
        if name in OPTION_NAMES:
            raise BadInput(f"{name} is given, and the URL asks for no TLS", "", f"Write {secure_scheme}://.")
    return None


def _modified_ns(option: str, path: str) -> int:
    """The modification time of an option's file in nanoseconds; 0 without a file."""
    if not path:
        return 0
    try:
        with Path(path).open("rb") as file:
            return os.fstat(file.fileno()).st_mtime_ns
    except OSError as error:
        raise _unusable(option, path, error.strerror or str(error)) from error


def _unusable(option: str, path: str, why: str, hint: str = "") -> TlsRefused:
    return TlsRefused(f"The file of {option} can't be used", f"{path}: {why}", hint or f"Give {option} a PEM file.")
