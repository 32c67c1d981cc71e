"""Dead letters as Spring AMQP's ``RepublishMessageRecoverer`` writes them: by the application, not by the broker.

Source: spring-amqp ``RepublishMessageRecoverer`` and ``ListenerExecutionFailedException``. All four headers are text;
the message is that of the exception's cause, without its class; the letter goes to an error exchange with the
routing key ``error.<original routing key>``.
"""

from __future__ import annotations

from typing import Final

from mqtui.demo.shop.failures import Failure

ROUTING_KEY_PREFIX: Final = "error."
_LISTENER_FAILED: Final = "org.springframework.amqp.rabbit.support.ListenerExecutionFailedException"
_FRAMES: Final = (
    "org.springframework.amqp.rabbit.listener.adapter.MessagingMessageListenerAdapter.invokeHandler"
    "(MessagingMessageListenerAdapter.java:286)",
    "org.springframework.amqp.rabbit.listener.AbstractMessageListenerContainer.doInvokeListener"
    "(AbstractMessageListenerContainer.java:1663)",
    "java.base/java.lang.Thread.run(Thread.java:1583)",
)


def republished_headers(failure: Failure, *, listener: str, exchange: str, routing_key: str) -> dict[str, str]:
    """Give the headers that are put over the message's own; ``exchange`` and ``routing_key`` are those it came by."""
    wrapped = Failure(_LISTENER_FAILED, f"Listener method '{listener}' threw exception", _FRAMES, cause=failure)
    return {
        "x-exception-stacktrace": wrapped.stack_trace(),
        "x-exception-message": failure.message,
        "x-original-exchange": exchange,
        "x-original-routingKey": routing_key,
    }
