"""Exceptions of pika, sockets and httpx2 as errors of `domain.errors`."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import httpx2
from pika import exceptions as pika_errors
from pika.adapters.utils import connection_workflow as workflow

from mqtui.brokers.options import hint_to_set
from mqtui.domain.errors import (
    BrokerTrouble,
    MqtuiError,
    NoSuchSpace,
    NotAuthenticated,
    NotAuthorised,
    NotFound,
    Refused,
    TimedOut,
    TlsRefused,
    Unreachable,
    Unsupported,
)

ACCESS_REFUSED, NOT_FOUND, RESOURCE_LOCKED, PRECONDITION_FAILED = 403, 404, 405, 406
NOT_ALLOWED, NOT_IMPLEMENTED = 530, 540
GUEST = "guest"
MECHANISMS = ("PLAIN", "EXTERNAL")
CONNECTION_FORCED = 320
"""An operator or a shutdown closed the connection: this says nothing about what was sent."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What errors name: hosts and ports as text, vhost and user."""

    where: str
    vhost: str
    user: str


def connect_error(error: BaseException, endpoint: Endpoint) -> MqtuiError:
    """Why no connection was opened."""
    cause = _root_cause(error)
    where, text = endpoint.where, str(cause) or type(cause).__name__
    if isinstance(cause, ssl.SSLError | ssl.CertificateError):
        return TlsRefused(f"TLS with {where} was refused", text, "See tls.ca, tls.cert and tls.verify.")
    if isinstance(cause, pika_errors.ProbableAuthenticationError):
        return login_refused(endpoint)
    if isinstance(cause, pika_errors.AuthenticationError):
        return mechanism_not_offered(where, text, ())
    if isinstance(cause, pika_errors.ConnectionClosedByBroker):
        return _closed_at_login(cause, endpoint)
    if isinstance(cause, pika_errors.ProbableAccessDeniedError) and "not found" in text:
        return vhost_not_found(endpoint)
    if isinstance(cause, pika_errors.ProbableAccessDeniedError):
        return vhost_not_permitted(endpoint, text)
    if isinstance(cause, pika_errors.ProtocolVersionMismatch | pika_errors.IncompatibleProtocolError):
        return Unreachable(f"{where} does not speak AMQP 0-9-1", text, "TLS has a port of its own: amqps://, 5671.")
    return Unreachable(f"{where} can't be reached", text, "Is the broker running, and is the port right?")


def login_refused(endpoint: Endpoint, said: str = "") -> NotAuthenticated:
    """The user or the password is wrong; the broker does not say which."""
    hint = "Check user and password."
    if endpoint.user == GUEST:
        hint = f"{GUEST} is taken where no user is given; most brokers let it in from their own machine only. {hint}"
    return NotAuthenticated(f"{endpoint.where} refused the user {endpoint.user} or the password", said, hint)


def mechanism_not_offered(where: str, mechanism: str, offered: Sequence[str]) -> NotAuthenticated:
    """The broker does not offer this SASL mechanism; `offered` are those it does, as far as known."""
    ours = [name for name in offered if name in MECHANISMS]
    by = f"{hint_to_set({'sasl.mechanism': ours[0]})}." if ours else "mqtui has PLAIN and EXTERNAL."
    more = " Its user is who the certificate of this client names (tls.cert)." if ours[:1] == ["EXTERNAL"] else ""
    return NotAuthenticated(
        f"{where} does not offer the mechanism {mechanism}",
        f"It offers {', '.join(offered)}." if offered else "The broker's auth_mechanisms do not have it.",
        by + more,
    )


def vhost_not_found(endpoint: Endpoint) -> NoSuchSpace:
    """The vhost in the URL's path does not exist."""
    hint = "The path of the URL is the vhost; without one it is /. rabbitmqctl list_vhosts shows what there is."
    return NoSuchSpace(f"{endpoint.where} has no vhost {endpoint.vhost}", "", hint)


def vhost_not_permitted(endpoint: Endpoint, said: str) -> NotAuthorised:
    """The vhost exists, and the user has no permission in it."""
    command = f"rabbitmqctl set_permissions -p {endpoint.vhost} {endpoint.user} …"
    hint = f"{command} gives one; the path of the URL is the vhost."
    return NotAuthorised(f"The user {endpoint.user} may not use the vhost {endpoint.vhost}", said, hint)


def _closed_at_login(error: pika_errors.ConnectionClosedByBroker, endpoint: Endpoint) -> MqtuiError:
    if error.reply_code == ACCESS_REFUSED:
        return login_refused(endpoint, error.reply_text)
    if error.reply_code == NOT_ALLOWED and "not found" in error.reply_text:
        return vhost_not_found(endpoint)
    if error.reply_code == NOT_ALLOWED:
        return vhost_not_permitted(endpoint, error.reply_text)
    return BrokerTrouble(f"{endpoint.where} closed the connection", f"{error.reply_code} {error.reply_text}")


def channel_error(reason: BaseException) -> tuple[int, str] | None:
    """Reply code and text where the broker closed a channel or connection because of what was sent; None otherwise."""
    if not isinstance(reason, pika_errors.ChannelClosedByBroker | pika_errors.ConnectionClosedByBroker):
        return None
    if reason.reply_code == CONNECTION_FORCED:
        return None
    return reason.reply_code, f"{reason.reply_code} {reason.reply_text}"


def summarize(error: MqtuiError) -> str:
    """Title and detail in one line, as the reason in a receipt."""
    return f"{error.title} {error.detail}".rstrip()


def amqp_error(error: BaseException, doing: str, right: str = "") -> MqtuiError:
    """What ended a channel or connection while `doing`; `right` is the permission needed: `read on queue work`."""
    if isinstance(error, MqtuiError):
        return error
    if isinstance(error, pika_errors.ChannelClosedByBroker | pika_errors.ConnectionClosedByBroker):
        code, text = error.reply_code, error.reply_text
        if code == NOT_FOUND:
            return NotFound(f"{doing}: there is no such thing", text)
        if code == ACCESS_REFUSED:
            needs = f"It needs the right to {right}." if right else "A permission of the vhost is missing."
            return NotAuthorised(f"{doing} is not allowed", text, needs)
        if code == RESOURCE_LOCKED and "single active consumer" in text:
            return Refused(f"{doing}: it is for a single active consumer", text)
        if code == RESOURCE_LOCKED:
            return Refused(f"{doing}: it is exclusive to another connection", text)
        if code == NOT_IMPLEMENTED:
            return Unsupported(f"{doing}: the broker does not offer that", text)
        return BrokerTrouble(f"{doing}: the broker refused", f"{code} {text}")
    if isinstance(error, TimeoutError):
        return TimedOut(f"{doing}: no answer in time")
    text = str(error) or type(error).__name__
    return BrokerTrouble(f"{doing}: the connection was lost", text, "The broker requeues what was not acknowledged.")


def http_error(error: httpx2.HTTPError, where: str) -> MqtuiError:
    """Why the management API gave no response."""
    text = str(error) or type(error).__name__
    if isinstance(error, httpx2.TimeoutException):
        return TimedOut(f"The management API at {where} does not answer", text)
    if isinstance(error, httpx2.ConnectError) and ("SSL" in text or "CERTIFICATE" in text.upper()):
        return TlsRefused(f"TLS with the management API at {where} was refused", text, "See tls.ca and tls.verify.")
    return Unreachable(f"The management API at {where} can't be reached", text, "Check the option management.")


TAG_ERRORS = {
    "management": "Not management user",
    "monitoring": "Not monitor user",
    "policymaker": "Not policymaker user",
    "administrator": "Not administrator user",
}
"""What the API answers where a user tag is missing: with status 401, as for a wrong password."""


def http_status_error(response: httpx2.Response, what: str, endpoint: Endpoint) -> MqtuiError:
    """What a response other than 200 means. `endpoint` is the management API's, with its user."""
    missing = next((tag for tag, words in TAG_ERRORS.items() if words in response.text), "")
    if response.status_code == 401 and missing:
        return NotAuthorised(
            f"The management API is closed to the user {endpoint.user}",
            f"Asked for: {what}. It needs the tag `{missing}`.",
            f"rabbitmqctl set_user_tags {endpoint.user} {missing} gives it.",
        )
    if response.status_code == 401 and "virtual host" in response.text:
        return vhost_not_permitted(endpoint, f"Asked for: {what}.")
    if response.status_code == 401:
        return NotAuthenticated(
            f"The management API refused the user {endpoint.user} or the password",
            f"Asked for: {what}.",
            "Check user and password; the user needs the tag `management`.",
        )
    if response.status_code == 403:
        return NotAuthorised(
            f"The management API does not show this to the user {endpoint.user}",
            f"Asked for: {what}.",
            "Which tags has it?",
        )
    return BrokerTrouble(
        f"The management API failed on: {what}",
        f"{response.status_code} {response.text[:200]}".strip(),
        f"Is {endpoint.where} the address of RabbitMQ's management API, without a path?",
    )


def _root_cause(error: BaseException) -> BaseException:
    """The innermost exception of a connection attempt; the last host's where several were tried."""
    while True:
        if isinstance(error, workflow.AMQPConnectionWorkflowFailed):
            error = error.exceptions[-1]
        elif isinstance(error, workflow.AMQPConnectorPhaseErrorBase):
            error = error.exception
        elif (
            isinstance(error, pika_errors.AMQPConnectionError)
            and error.args
            and isinstance(error.args[-1], BaseException)
        ):
            error = error.args[-1]
        else:
            return error
