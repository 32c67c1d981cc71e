"""Errors of certificate verification that say what is wrong: the host name, the validity period or the issuer."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from mqtui.brokers.options import hint_to_set
from mqtui.brokers.tls import TlsSettings
from mqtui.domain.errors import TlsRefused

# X509_V_ERR_* of OpenSSL's x509_vfy.h.
NOT_YET_VALID, EXPIRED = 9, 10
UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21})
WRONG_NAME = frozenset({62, 64})
MAX_NAMES = 5


def certificate_error(
    where: str, host: str, tls: TlsSettings, error: ssl.SSLCertVerificationError, der: bytes | None
) -> TlsRefused:
    """The error of a certificate that failed verification; `der` is the certificate, None where it is not known."""
    found = x509.load_der_x509_certificate(der) if der else None
    if error.verify_code in WRONG_NAME:
        return _wrong_name(where, tls.server_name or host, _alternative_names(found) if found else [])
    if error.verify_code in (EXPIRED, NOT_YET_VALID):
        return _outside_validity(where, found, error)
    if error.verify_code in UNKNOWN_ISSUER:
        by = f"issued by {found.issuer.rfc4514_string()}; " if found else ""
        trusted = f"the authorities of {tls.ca}" if tls.ca else "this system's authorities"
        return TlsRefused(
            f"The issuer of the certificate of {where} is not known",
            f"{by}the issuer is not among {trusted} ({error.verify_message})",
            f"{hint_to_set({'tls.ca': 'FILE'})}: a PEM file with the certificate of its issuer.",
        )
    return TlsRefused(
        f"The certificate of {where} is refused", error.verify_message, "See tls.ca, tls.server-name and tls.verify."
    )


def _wrong_name(where: str, asked: str, names: list[str]) -> TlsRefused:
    has = f"It is for {', '.join(names[:MAX_NAMES])}" if names else "It names no host"
    has += f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    right = (
        f"{hint_to_set({'tls.server-name': names[0]})}, if this is the right server."
        if names
        else "See tls.server-name."
    )
    return TlsRefused(f"The certificate of {where} has another name", f"{has}, not for {asked}.", right)


def _outside_validity(where: str, found: x509.Certificate | None, error: ssl.SSLCertVerificationError) -> TlsRefused:
    if error.verify_code == NOT_YET_VALID:
        since = f"It begins on {found.not_valid_before_utc:%Y-%m-%d %H:%M} UTC." if found else error.verify_message
        return TlsRefused(f"The certificate of {where} is not valid yet", since, "Is this machine's clock right?")
    own = found is not None and found.not_valid_after_utc < datetime.now(UTC)
    until = f"It was valid until {found.not_valid_after_utc:%Y-%m-%d %H:%M} UTC." if found and own else ""
    return TlsRefused(
        f"The certificate of {where} has expired",
        until or f"One of its issuers' has ({error.verify_message}).",
        "The broker's operator has to renew it; tls.verify=no skips verification.",
    )


def _alternative_names(found: x509.Certificate) -> list[str]:
    """The subject alternative names of a certificate: host names, then IP addresses."""
    try:
        more = found.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    if not isinstance(more, x509.SubjectAlternativeName):
        return []
    numbers = [str(number) for number in more.get_values_for_type(x509.IPAddress)]
    return [*more.get_values_for_type(x509.DNSName), *numbers]
