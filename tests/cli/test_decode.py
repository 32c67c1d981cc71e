"""`--decode` on real brokers: peek, dlq, and Kafka's own topics."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import fastavro
import msgspec
import pytest
from confluent_kafka import Producer

from mqtui.domain.resource import BrokerKind
from tests.cli.broker_fixtures import BrokerFixture
from tests.cli.command_line import Mqtui
from tests.contract.worlds import Letter
from tests.schemas.registry_server import RegistryServer, guid, running_registry

SCHEMA: Any = {
    "type": "record",
    "name": "Order",
    "fields": [{"name": "id", "type": "string"}, {"name": "big", "type": "long"}],
}
ORDER = {"id": "AB-991", "big": 2**53 + 1}
PROFILE = """
[[profile]]
name = "shop"
decode."*avro*".value = "avro:order.avsc"

[profile.{kind}]
url = "{url}"
options = {{ {options} }}
"""


def avro(order: dict[str, object]) -> bytes:
    target = io.BytesIO()
    fastavro.schemaless_writer(target, SCHEMA, order)
    return target.getvalue()


@pytest.fixture(scope="module")
def registry() -> Iterator[RegistryServer]:
    with running_registry() as running:
        yield running


@pytest.fixture
def profile(mqtui: Mqtui, broker: BrokerFixture, registry: RegistryServer) -> str:
    folder = mqtui.folder / "config"
    folder.mkdir(mode=0o700)
    url, password = broker.url.partition("?")[0], urlsplit(broker.url).password or ""
    mqtui.extra |= {"MQTUI_SECRET_SHOP": password, "MQTUI_CACHE_DIR": str(mqtui.folder / "cache")}
    given = {"schema.registry": registry.url, **dict(parse_qsl(urlsplit(broker.url).query))}
    options = ", ".join(f'"{name}" = "{value}"' for name, value in given.items())
    text = PROFILE.format(kind=broker.kind, url=url.replace(f":{password}@", "@"), options=options)
    (folder / "profiles.toml").write_text(text)
    (folder / "order.avsc").write_text(json.dumps(SCHEMA))
    return "shop"


def letter(broker: BrokerFixture, value: bytes) -> Letter:
    return Letter(fields=((b"value", value),)) if broker.redis else Letter(value=value)


@pytest.mark.parametrize("broker", list(BrokerKind), indirect=True)
def test_peek_decodes_by_looks_by_the_profiles_rule_and_by_a_registrys_schema(
    mqtui: Mqtui, broker: BrokerFixture, profile: str, registry: RegistryServer
) -> None:
    plain, ruled, framed = (broker.world.create(name) for name in ("plain", "avro", "framed"))
    packed, number = msgspec.msgpack.encode(ORDER), registry.register("orders-value", SCHEMA)
    broker.world.put(plain, [letter(broker, packed)])
    broker.world.put(ruled, [letter(broker, avro(ORDER))])
    broker.world.put(framed, [letter(broker, b"\0" + number.to_bytes(4, "big") + avro(ORDER))])
    for ref, codec in ((plain, "msgpack"), (ruled, "avro"), (framed, "confluent+avro")):
        (row,) = mqtui("peek", profile, ref.name, "--decode", "--json").ok().rows()
        assert row["decoded"] == ({"value": ORDER} if broker.redis else ORDER)
        assert row["codec"] == ("fields" if broker.redis else codec)
        assert row["report"][-1] == {"codec": codec.rpartition("+")[2]}
        text = mqtui("peek", profile, ref.name, "--decode").ok().text
        assert "AB-991" in text and "9007199254740993" in text
    (row,) = mqtui("peek", profile, plain.name, "--json").ok().rows()
    assert "decoded" not in row and "report" not in row


@pytest.mark.parametrize("broker", [BrokerKind.KAFKA], indirect=True)
def test_framed_letters_are_decoded_selected_and_sent_home_in_their_frame(
    mqtui: Mqtui, broker: BrokerFixture, profile: str, registry: RegistryServer
) -> None:
    dlq, origin = broker.create_pair(3)
    (row,) = mqtui("dlq", profile, dlq.name, "--decode", "--json").ok().rows()
    assert (row["letters"], row["decoded"], row["codec"]) == (3, {"number": 0, "odd": False}, "json")
    assert '[json]  {"number": 0' in mqtui("dlq", profile, dlq.name, "--decode").ok().text
    mqtui("dlq", profile, "--decode").fails(2, "name the RESOURCE")
    rows = mqtui("redrive", profile, dlq.name, "--where", ".odd", "--dry-run", "--json").ok().rows()
    assert rows[0]["plan"]["count"] == 1
    number = registry.register("orders-value", SCHEMA)
    dead = broker.dead_letter(7, origin, "slow")
    framed, by_guid = b"\0" + number.to_bytes(4, "big") + avro(ORDER), ("__value_schema_id", b"\1" + guid(number).bytes)
    in_headers = replace(dead, value=avro(ORDER), headers=(*dead.headers, by_guid))
    broker.world.put(dlq, [replace(dead, value=framed), in_headers])
    told = {row["message"]: row["decoded"] for row in mqtui("dlq", profile, dlq.name, "--decode", "--json").ok().rows()}
    assert ORDER in told.values(), told
    redriven = mqtui("redrive", profile, dlq.name, "--where", '.id == "AB-991"', "--yes", "--json").ok().rows()
    assert redriven[-1]["moved"] == 2
    sent = broker.world.contents(origin)
    assert [letter.value for letter in sent] == [framed, avro(ORDER)]
    assert by_guid in sent[1].headers
    rows = mqtui("peek", profile, origin.name, "--decode", "--json").ok().rows()
    assert [(row["decoded"], row["codec"]) for row in rows] == [(ORDER, "confluent+avro")] * 2
    assert rows[0]["schema"] == "orders-value v1"


@pytest.mark.parametrize("broker", [BrokerKind.KAFKA], indirect=True)
def test_kafkas_own_offsets_are_readable(mqtui: Mqtui, broker: BrokerFixture, profile: str) -> None:
    ref = broker.world.create("read")
    broker.world.put(ref, [letter(broker, b"{}")])
    broker.world.consume(ref, "billing", 1)
    rows = mqtui("peek", profile, "__consumer_offsets", "-n", "200", "--decode", "--json").ok().rows()
    own = [row["decoded"] for row in rows if row["codec"] == "consumer_offsets"]
    assert own and all("key" in each for each in own)
    assert any(each["key"].get("topic") == ref.name and each["value"]["offset"] == 1 for each in own)
    unread = [row["report"] for row in rows if row["value"] is not None and row["codec"] != "consumer_offsets"]
    assert unread == []


@pytest.mark.parametrize("broker", [BrokerKind.KAFKA], indirect=True)
def test_kafkas_own_transactions_are_readable(mqtui: Mqtui, broker: BrokerFixture, profile: str) -> None:
    ref = broker.world.create("paid")
    producer = Producer({"bootstrap.servers": f"127.0.0.1:{broker.port}", "transactional.id": ref.name})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(ref.name, b"{}")
    producer.commit_transaction(20)
    rows = mqtui("peek", profile, "__transaction_state", "-n", "200", "--decode", "--json").ok().rows()
    own = [row["decoded"] for row in rows if row["codec"] == "transaction_state"]
    states = [each["value"]["state"] for each in own if each["key"] == {"transactional_id": ref.name}]
    assert states[0] == "Empty" and states[-1] in ("PrepareCommit", "CompleteCommit")
    assert any(ref.name in each["value"]["partitions"] for each in own if each["key"]["transactional_id"] == ref.name)
