"""RabbitMQ's own shovel from one queue to another: what the broker can do without a client."""

from __future__ import annotations

from contextlib import closing
from time import monotonic, perf_counter, sleep
from urllib.parse import parse_qs, quote, urlsplit

import httpx2

from mqtui.demo.shop.connections import amqp_connection
from tests.chaos.scenes import Scene

WAIT = 120.0


def seconds(url: str, scene: Scene) -> float | None:
    """Seconds until all letters are at home, acknowledged on confirm; None without the plugin or its API."""
    parts = urlsplit(url)
    management = parse_qs(parts.query).get("management", [""])[0]
    if not management:
        return None
    here = f"amqp://{parts.username}:{parts.password}@{parts.hostname}:{parts.port}/%2f"
    ends = {"src-uri": here, "src-queue": scene.dlq, "dest-uri": here, "dest-queue": scene.home}
    value = {**ends, "src-protocol": "amqp091", "dest-protocol": "amqp091", "src-delete-after": "queue-length"}
    value["ack-mode"] = "on-confirm"
    at = f"{management.rstrip('/')}/api/parameters/shovel/%2f/{quote(scene.dlq, safe='')}"
    began = perf_counter()
    with httpx2.Client(auth=(parts.username or "", parts.password or "")) as client:
        if not client.put(at, json={"value": value}).is_success:
            return None
    with closing(amqp_connection(url)) as connection:
        channel = connection.channel()
        until = monotonic() + WAIT
        while channel.queue_declare(scene.home, passive=True).method.message_count != scene.letters:
            if monotonic() > until:
                raise TimeoutError("the shovel did not end")
            sleep(0.02)
    return perf_counter() - began
