"""What pika, sockets and httpx raise, in the words of `domain.errors`."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import httpx
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
"""An operator or a shutdown closed the connection: no answer to anything that was sent."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a connection was asked of: hosts and ports as they are shown, the vhost and the user."""

    where: str
    vhost: str
    user: str


def connecting(error: BaseException, asked: Asked) -> MqtuiError:
    """Why no conversation came about."""
    cause = _root(error)
    where, text = asked.where, str(cause) or type(cause).__name__
    if isinstance(cause, ssl.SSLError | ssl.CertificateError):
        return TlsRefused(f"TLS with {where} was refused", text, "See tls.ca, tls.cert and tls.verify.")
    if isinstance(cause, pika_errors.ProbableAuthenticationError):
        return wrong_login(asked)
    if isinstance(cause, pika_errors.AuthenticationError):
        return other_mechanism(where, text, ())
    if isinstance(cause, pika_errors.ConnectionClosedByBroker):
        return _refused_login(cause, asked)
    if isinstance(cause, pika_errors.ProbableAccessDeniedError) and "not found" in text:
        return no_vhost(asked)
    if isinstance(cause, pika_errors.ProbableAccessDeniedError):
        return closed_vhost(asked, text)
    if isinstance(cause, pika_errors.ProtocolVersionMismatch | pika_errors.IncompatibleProtocolError):
        return Unreachable(f"{where} does not speak AMQP 0-9-1", text, "TLS has a port of its own: amqps://, 5671.")
    return Unreachable(f"{where} can't be reached", text, "Is the broker running, and is the port right?")


def wrong_login(asked: Asked, said: str = "") -> NotAuthenticated:
    """The user or the password is wrong; the broker does not say which."""
    hint = "Check user and password."
    if asked.user == GUEST:
        hint = f"{GUEST} is taken where no user is given; most brokers let it in from their own machine only. {hint}"
    return NotAuthenticated(f"{asked.where} refused the user {asked.user} or the password", said, hint)


def other_mechanism(where: str, mechanism: str, offered: Sequence[str]) -> NotAuthenticated:
    """The broker takes logins in another way; `offered` are its ways, as far as they are known."""
    ours = [name for name in offered if name in MECHANISMS]
    by = f"{hint_to_set({'sasl.mechanism': ours[0]})}." if ours else "mqtui has PLAIN and EXTERNAL."
    more = " Its user is who the certificate of this client names (tls.cert)." if ours[:1] == ["EXTERNAL"] else ""
    return NotAuthenticated(
        f"{where} does not offer the mechanism {mechanism}",
        f"It offers {', '.join(offered)}." if offered else "The broker's auth_mechanisms do not have it.",
        by + more,
    )


def no_vhost(asked: Asked) -> NoSuchSpace:
    """There is no vhost of the URL's path."""
    hint = "The path of the URL is the vhost; without one it is /. rabbitmqctl list_vhosts shows what there is."
    return NoSuchSpace(f"{asked.where} has no vhost {asked.vhost}", "", hint)


def closed_vhost(asked: Asked, said: str) -> NotAuthorised:
    """There is the vhost, and this user has no permission in it."""
    hint = f"rabbitmqctl set_permissions -p {asked.vhost} {asked.user} … gives one; the path of the URL is the vhost."
    return NotAuthorised(f"The user {asked.user} may not use the vhost {asked.vhost}", said, hint)


def _refused_login(error: pika_errors.ConnectionClosedByBroker, asked: Asked) -> MqtuiError:
    if error.reply_code == ACCESS_REFUSED:
        return wrong_login(asked, error.reply_text)
    if error.reply_code == NOT_ALLOWED and "not found" in error.reply_text:
        return no_vhost(asked)
    if error.reply_code == NOT_ALLOWED:
        return closed_vhost(asked, error.reply_text)
    return BrokerTrouble(f"{asked.where} closed the connection", f"{error.reply_code} {error.reply_text}")


def answered_with(reason: BaseException) -> tuple[int, str] | None:
    """Code and words of a broker that closed a channel or a connection over what it was sent; None for a loss."""
    if not isinstance(reason, pika_errors.ChannelClosedByBroker | pika_errors.ConnectionClosedByBroker):
        return None
    if reason.reply_code == CONNECTION_FORCED:
        return None
    return reason.reply_code, f"{reason.reply_code} {reason.reply_text}"


def one_line(error: MqtuiError) -> str:
    """The reason of a refusal."""
    return f"{error.title} {error.detail}".rstrip()


def talking(error: BaseException, doing: str, right: str = "") -> MqtuiError:
    """What ended a channel or a connection while `doing`; `right` names what it needs, such as `read on queue work`."""
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
    return BrokerTrouble(f"{doing}: the connection was lost", text, "The broker gives back what was in hand.")


def management(error: httpx.HTTPError, where: str) -> MqtuiError:
    """Why the management API gave no answer."""
    text = str(error) or type(error).__name__
    if isinstance(error, httpx.TimeoutException):
        return TimedOut(f"The management API at {where} does not answer", text)
    if isinstance(error, httpx.ConnectError) and ("SSL" in text or "CERTIFICATE" in text.upper()):
        return TlsRefused(f"TLS with the management API at {where} was refused", text, "See tls.ca and tls.verify.")
    return Unreachable(f"The management API at {where} can't be reached", text, "Check the option management.")


TAGS = {
    "management": "Not management user",
    "monitoring": "Not monitor user",
    "policymaker": "Not policymaker user",
    "administrator": "Not administrator user",
}
"""What the API says with 401, as for a wrong password, where a tag is missing."""


def answered(response: httpx.Response, what: str, asked: Asked) -> MqtuiError:
    """What a reply that is no success means; `asked` is of the management API and its user."""
    lacking = next((tag for tag, words in TAGS.items() if words in response.text), "")
    if response.status_code == 401 and lacking:
        return NotAuthorised(
            f"The management API is closed to the user {asked.user}",
            f"Asked for: {what}. It needs the tag `{lacking}`.",
            f"rabbitmqctl set_user_tags {asked.user} {lacking} gives it.",
        )
    if response.status_code == 401 and "virtual host" in response.text:
        return closed_vhost(asked, f"Asked for: {what}.")
    if response.status_code == 401:
        return NotAuthenticated(
            f"The management API refused the user {asked.user} or the password",
            f"Asked for: {what}.",
            "Check user and password; the user needs the tag `management`.",
        )
    if response.status_code == 403:
        return NotAuthorised(
            f"The management API does not show this to the user {asked.user}",
            f"Asked for: {what}.",
            "Which tags has it?",
        )
    return BrokerTrouble(
        f"The management API failed on: {what}",
        f"{response.status_code} {response.text[:200]}".strip(),
        f"Is {asked.where} the address of RabbitMQ's management API, without a path?",
    )


def _root(error: BaseException) -> BaseException:
    """The innermost reason of a connection attempt; the last one where several hosts were tried."""
    while True:
        if isinstance(error, workflow.AMQPConnectionWorkflowFailed):
            error = error.exceptions[-1]
        elif isinstance(error, workflow.AMQPConnectorPhaseErrorBase):
            error = error.exception
        elif isinstance(error, pika_errors.AMQPConnectionError) and error.args and _nested(error.args[-1]):
            error = error.args[-1]
        else:
            return error


def _nested(thing: object) -> bool:
    return isinstance(thing, BaseException)
