"""What a schema registry answers, or does not answer, as errors of `domain.errors`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from mqtui.domain.errors import (
    BadInput,
    BrokerTrouble,
    MqtuiError,
    NotAuthenticated,
    NotAuthorised,
    NotFound,
    Refused,
    TimedOut,
    TlsRefused,
    Unreachable,
)
from mqtui.domain.printable import printable

if TYPE_CHECKING:
    import httpx2

LONGEST_TEXT = 300
"""Characters of a registry's own words."""

OPTION = "Check the option schema.registry; Apicurio's ends in /apis/ccompat/v7."
UNKNOWN_HERE = (40401, 40402, 40403)
"""Error codes: no such subject, version, schema."""

CONFLICT, UNPROCESSABLE = 409, 422


class NoSuchPath(BrokerTrouble):
    """The registry has no such path: it is none, or lacks that part of the API."""


def request_failed(error: httpx2.HTTPError, url: str, seconds: float) -> MqtuiError:
    """Why no answer came."""
    import httpx2

    text = str(error) or type(error).__name__
    if isinstance(error, httpx2.TimeoutException):
        return too_slow(url, seconds)
    if isinstance(error, httpx2.ConnectError) and ("SSL" in text or "CERTIFICATE" in text.upper()):
        return TlsRefused(f"TLS with the schema registry {url} was refused", text, "See schema.registry.tls.ca.")
    return Unreachable(f"The schema registry {url} can't be reached", text, OPTION)


def too_slow(url: str, seconds: float) -> MqtuiError:
    """The answer did not come whole in time."""
    return TimedOut(f"The schema registry {url} does not answer", f"Not within {seconds:g} s.", OPTION)


def too_large(url: str, most: int) -> MqtuiError:
    """The answer has no end in sight."""
    return BrokerTrouble(f"The schema registry {url} answers with more than {most // 1024 // 1024} MiB", "", OPTION)


def not_a_registry(url: str, what: str, why: str) -> MqtuiError:
    """An answer that no registry gives."""
    return BrokerTrouble(f"{url} does not answer as a schema registry", f"Asked for {what}, {why}.", OPTION)


def unknown_kind(what: str, kind: str) -> MqtuiError:
    """A schema in a language that is not known here."""
    return NotFound(f"{what} is of the kind {_words(kind)}", "Avro, Protobuf and JSON Schema are known.")


def refused(response: httpx2.Response, text: bytes, what: str, url: str, who: str) -> MqtuiError:
    """What an answer other than success means; `who` is what was used to log in."""
    code, told = _own_words(text)
    status = response.status_code
    if status == 404 and code in UNKNOWN_HERE:
        return NotFound(f"The schema registry has no {what}", told, f"Asked at {url}.")
    if status == 401:
        hint = "Set schema.registry.user and schema.registry.password, or schema.registry.token."
        return NotAuthenticated(f"The schema registry {url} refuses {who}", told, hint)
    if status == 403:
        return NotAuthorised(f"The schema registry does not permit this: {what}", told, f"Asked at {url}.")
    if status == CONFLICT:
        return Refused(f"The schema registry refuses {what}", told, "`mqtui schema check` says what does not fit.")
    if status == UNPROCESSABLE:
        return BadInput(f"The schema registry can't use {what}", told)
    if 300 <= status < 400 or status in (404, 405, 406):
        error = not_a_registry(url, what, f"it answers with status {status}")
        return NoSuchPath(error.title, error.detail, error.hint) if status == 404 else error
    return BrokerTrouble(f"The schema registry failed on {what}", f"{status} {told}".strip(), f"Asked at {url}.")


def _own_words(text: bytes) -> tuple[int | None, str]:
    """The error code and the message of a registry's answer; no code where it is none of its own."""
    try:
        row = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None, ""
    if not isinstance(row, dict):
        return None, ""
    code = row.get("error_code")
    return code if isinstance(code, int) else None, _words(str(row.get("message") or row.get("detail") or ""))


def _words(text: str) -> str:
    text = printable(" ".join(text.split()))
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"
