"""Shipments in Avro, by two versions of their schema, and their tracking in Protobuf."""

from __future__ import annotations

import io
import json
import random
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import fastavro
from confluent_kafka import Producer

from mqtui.demo.shop import orders, schemas
from mqtui.demo.shop.kafka_producing import ShopRecord, send_all
from mqtui.demo.shop.names import KafkaNames

SHIPMENTS: Final = 120
ORDERS_A_SHIPMENT: Final = 16
_STATES: Final = ("packed", "on its way", "delivered")
_CARRIERS: Final = ("DHL", "GLS", "UPS")
_TOWNS: Final = ("Köln", "Graz", "Basel", "Łódź")
_HISTORY_MS: Final = 90 * 60 * 1000
_FIRST_MESSAGE: Final = b"\0"
"""The message indexes of a Protobuf file's first message."""


def seed_shipments(producer: Producer, names: KafkaNames, registry: str) -> None:
    """Register the schemas, and send a shipment of every 16th order with its tracking.

    Raises:
        OSError: the registry refused or did not answer.
    """
    avro = [schemas.register(registry, f"{names.shipments}-value", json.dumps(each)) for each in schemas.SHIPMENTS]
    proto = schemas.register(registry, f"{names.tracking}-value", schemas.TRACKING, "PROTOBUF")
    dice, start = random.Random(16), int(time.time() * 1000) - _HISTORY_MS
    parcels = []
    for number in range(SHIPMENTS):
        order, version = orders.FIRST_NUMBER + number * ORDERS_A_SHIPMENT, number * 2 // SHIPMENTS
        moment = start + number * _HISTORY_MS // SHIPMENTS
        key, carrier = str(order).encode(), dice.choice(_CARRIERS)
        body = schemas.framed(avro[version], _shipment(order, version, moment, carrier, dice))
        parcels.append(ShopRecord(names.shipments, key, body, (), moment))
        seen = schemas.tracking_class()(order=order, carrier=carrier, state=dice.choice(_STATES))
        body = schemas.framed(proto, seen.SerializeToString(), _FIRST_MESSAGE)
        parcels.append(ShopRecord(names.tracking, key, body, (), moment + 60_000))
    send_all(producer, parcels)


def _shipment(order: int, version: int, moment: int, carrier: str, dice: random.Random) -> bytes:
    row = {
        "order": order,
        "parcels": dice.randint(1, 3),
        "weight": Decimal(dice.randint(200, 9_999)).scaleb(-3),
        "shipped": datetime.fromtimestamp(moment / 1000, UTC),
        "to": dice.choice(_TOWNS),
        "carrier": carrier,
    }
    target = io.BytesIO()
    fastavro.schemaless_writer(target, schemas.SHIPMENTS[version], row)
    return target.getvalue()
