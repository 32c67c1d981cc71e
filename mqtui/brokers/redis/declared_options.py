"""The connection options of Redis, and the names of the same options in other clients.

Those are redis-py's `from_url`, ioredis and Celery. `db` is the database number, which the URL's path gives too.
"""

from __future__ import annotations

from mqtui.brokers.options import NOT_APPLICABLE, ForeignOption, Option, Section, declare_options, seconds_to_ms

DECLARED = declare_options(
    "Redis",
    (
        Option("service", "Sentinel: the name of the primary"),
        Option(
            "sentinel-login",
            "yes: the sentinels take the same login",
            section=Section.LOGIN,
            choices=("yes", "no"),
        ),
        Option(
            "wait-replicas",
            "replicas a write must reach before it counts; auto: 1 where there are any",
            section=Section.WRITES,
            choices=("auto", "0", "1", "2"),
        ),
        Option("wait-ms", "how long a write may take to reach them, 1000 by default", section=Section.WRITES),
        Option("timeout-ms", "how long connecting and logging in may take, 5000 by default"),
        Option("reply-ms", "how long a reply may take, 15000 by default"),
        Option("reconnect-ms", "how long to reconnect after a broken connection, 5000 by default"),
        Option("scan-keys", "keys that SCAN visits to find streams, 5000000 by default"),
    ),
    {
        "socket_connect_timeout": ForeignOption("timeout-ms", seconds_to_ms),
        "connecttimeout": ForeignOption("timeout-ms"),
        "socket_timeout": ForeignOption("reply-ms", seconds_to_ms),
        "service_name": ForeignOption("service"),
        "master_name": ForeignOption("service"),
        "ssl": ForeignOption(hint="rediss:// asks for TLS, redis:// for none."),
        "protocol": NOT_APPLICABLE,
        "decode_responses": NOT_APPLICABLE,
        "encoding": NOT_APPLICABLE,
        "encoding_errors": NOT_APPLICABLE,
        "health_check_interval": NOT_APPLICABLE,
        "max_connections": NOT_APPLICABLE,
        "retry_on_timeout": NOT_APPLICABLE,
        "socket_keepalive": NOT_APPLICABLE,
        "client_name": NOT_APPLICABLE,
        "family": NOT_APPLICABLE,
        "allowusernameinuri": NOT_APPLICABLE,
        "virtual_host": ForeignOption(hint="The path of the URL is the database: redis://host/3."),
    },
)
