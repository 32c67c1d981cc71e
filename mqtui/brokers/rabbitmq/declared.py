"""The options of RabbitMQ, and what its other clients call them.

Others' names: https://www.rabbitmq.com/docs/uri-query-parameters, pika's URLParameters, aio-pika's connect.
"""

from __future__ import annotations

from mqtui.brokers.options import LEFT_OUT, Foreign, Option, declared, milliseconds

DECLARED = declared(
    "RabbitMQ",
    (
        Option("management", "the management API: http://host:15672"),
        Option("sasl.mechanism", "PLAIN (default), or EXTERNAL: the certificate of this client is the login"),
        Option("heartbeat", "seconds between two heartbeats, 60 by default"),
        Option("timeout-ms", "how long connecting may take, 5000 by default"),
    ),
    {
        "connection_timeout": Foreign("timeout-ms"),
        "socket_timeout": Foreign("timeout-ms", milliseconds),
        "timeout": Foreign("timeout-ms", milliseconds),
        "auth_mechanism": Foreign("sasl.mechanism", str.upper),
        "heartbeat_interval": Foreign("heartbeat"),
        "channel_max": LEFT_OUT,
        "frame_max": LEFT_OUT,
        "locale": LEFT_OUT,
        "connection_attempts": LEFT_OUT,
        "retry_delay": LEFT_OUT,
        "blocked_connection_timeout": LEFT_OUT,
        "client_properties": LEFT_OUT,
        "depth": LEFT_OUT,
        "name": LEFT_OUT,
        "ssl_options": Foreign(hint="amqps:// asks for TLS; its options are tls.ca, tls.cert, tls.key and tls.verify."),
        "vhost": Foreign(hint="The path of the URL is the vhost: amqp://host/vhost."),
        "virtual_host": Foreign(hint="The path of the URL is the vhost: amqp://host/vhost."),
    },
)
