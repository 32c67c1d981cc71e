"""The options of Redis, and what its other clients call them.

Others' names: redis-py's `from_url`, ioredis, Celery. `db` is the database number, which the URL's path gives too.
"""

from __future__ import annotations

from mqtui.brokers.options import LEFT_OUT, Foreign, Option, declared, milliseconds

DECLARED = declared(
    "Redis",
    (
        Option("service", "Sentinel: the name of the primary"),
        Option("sentinel-login", "yes: the sentinels take the same login"),
        Option("wait-replicas", "replicas a write must reach before it counts; auto: 1 where there are any"),
        Option("wait-ms", "how long a write may take to reach them, 1000 by default"),
        Option("timeout-ms", "how long connecting and logging in may take, 5000 by default"),
        Option("reply-ms", "how long a reply may take, 15000 by default"),
        Option("reconnect-ms", "how long a broken conversation is tried again, 5000 by default"),
        Option("scan-keys", "keys looked at in search of streams, 5000000 by default"),
    ),
    {
        "socket_connect_timeout": Foreign("timeout-ms", milliseconds),
        "connecttimeout": Foreign("timeout-ms"),
        "socket_timeout": Foreign("reply-ms", milliseconds),
        "service_name": Foreign("service"),
        "master_name": Foreign("service"),
        "ssl": Foreign(hint="rediss:// asks for TLS, redis:// for none."),
        "protocol": LEFT_OUT,
        "decode_responses": LEFT_OUT,
        "encoding": LEFT_OUT,
        "encoding_errors": LEFT_OUT,
        "health_check_interval": LEFT_OUT,
        "max_connections": LEFT_OUT,
        "retry_on_timeout": LEFT_OUT,
        "socket_keepalive": LEFT_OUT,
        "client_name": LEFT_OUT,
        "family": LEFT_OUT,
        "allowusernameinuri": LEFT_OUT,
        "virtual_host": Foreign(hint="The path of the URL is the database: redis://host/3."),
    },
)
