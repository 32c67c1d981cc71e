"""The options of a RabbitMQ profile, and what other clients call them.

Others' names: https://www.rabbitmq.com/docs/uri-query-parameters, pika's URLParameters, aio-pika's connect.
"""

from __future__ import annotations

from mqtui.brokers.options import NOT_APPLICABLE, ForeignOption, Option, Section, declare_options, seconds_to_ms

DECLARED = declare_options(
    "RabbitMQ",
    (
        Option("management", "the management API: http://host:15672"),
        Option(
            "sasl.mechanism",
            "PLAIN (default), or EXTERNAL: the certificate of this client is the login",
            section=Section.LOGIN,
            choices=("PLAIN", "EXTERNAL"),
        ),
        Option("heartbeat", "seconds between two heartbeats, 60 by default"),
        Option("timeout-ms", "how long connecting may take, 5000 by default"),
    ),
    {
        "connection_timeout": ForeignOption("timeout-ms"),
        "socket_timeout": ForeignOption("timeout-ms", seconds_to_ms),
        "timeout": ForeignOption("timeout-ms", seconds_to_ms),
        "auth_mechanism": ForeignOption("sasl.mechanism", str.upper),
        "heartbeat_interval": ForeignOption("heartbeat"),
        "channel_max": NOT_APPLICABLE,
        "frame_max": NOT_APPLICABLE,
        "locale": NOT_APPLICABLE,
        "connection_attempts": NOT_APPLICABLE,
        "retry_delay": NOT_APPLICABLE,
        "blocked_connection_timeout": NOT_APPLICABLE,
        "client_properties": NOT_APPLICABLE,
        "depth": NOT_APPLICABLE,
        "name": NOT_APPLICABLE,
        "ssl_options": ForeignOption(
            hint="amqps:// asks for TLS; its options are tls.ca, tls.cert, tls.key and tls.verify."
        ),
        "vhost": ForeignOption(hint="The path of the URL is the vhost: amqp://host/vhost."),
        "virtual_host": ForeignOption(hint="The path of the URL is the vhost: amqp://host/vhost."),
    },
)
