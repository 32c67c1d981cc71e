"""The codec of AMQP header tables: every type of RabbitMQ's errata, there and back."""

from __future__ import annotations

import json
import struct

import pytest

from mqtui.domain import field_table
from mqtui.domain.errors import BadInput
from mqtui.domain.message import Header

TEXT = field_table.string("grüße")
VALUES: list[tuple[str, bytes, field_table.Plain]] = [
    ("bool", b"\1", True),
    ("bool", b"\0", False),
    ("bool", b"\2", {"base64": "Ag=="}),
    ("int8", b"\xff", -1),
    ("uint8", b"\xff", 255),
    ("int16", b"\x80\x00", -32768),
    ("uint16", b"\xff\xff", 65535),
    ("int32", b"\xff\xff\xff\xfe", -2),
    ("uint32", b"\xff\xff\xff\xfe", 4294967294),
    ("int64", b"\x80" + bytes(7), -(2**63)),
    ("float", struct.pack(">f", 1.75), 1.75),
    ("float", struct.pack(">f", 0.1), struct.unpack(">f", struct.pack(">f", 0.1))[0]),
    ("double", struct.pack(">d", 1.1), 1.1),
    ("double", struct.pack(">d", -0.0), -0.0),
    ("double", struct.pack(">d", float("inf")), {"base64": "f/AAAAAAAAA="}),
    ("double", bytes.fromhex("7ff8000000000123"), {"base64": "f/gAAAAAASM="}),
    ("decimal", b"\x02" + struct.pack(">i", -314), [2, -314]),
    ("string", TEXT, "grüße"),
    ("string", struct.pack(">I", 2) + b"\xff\xfe", {"base64": "//4="}),
    ("array", struct.pack(">I", 4) + b"s\x00\x07V", [[7, "int16"], [None, "void"]]),
    ("array", bytes(4), []),
    ("timestamp", struct.pack(">Q", 1_700_000_000), 1_700_000_000),
    (
        "table",
        struct.pack(">I", 12) + b"\x01at\x01" + b"\x01at\x00" + b"\x02\xff\xfeV",
        [["a", True, "bool"], ["a", False, "bool"], [{"base64": "//4="}, None, "void"]],
    ),
    ("void", b"", None),
    ("binary", struct.pack(">I", 3) + b"\x00\xff\x01", {"base64": "AP8B"}),
]


@pytest.mark.parametrize(("kind", "value", "shown"), VALUES)
def test_each_type_goes_to_json_and_back(kind: str, value: bytes, shown: field_table.Plain) -> None:
    """R1: `raw` is the exact inverse of `plain`, through JSON text."""
    assert field_table.plain(value, kind) == shown
    assert field_table.raw(json.loads(json.dumps(field_table.plain(value, kind))), kind) == value


@pytest.mark.parametrize(("kind", "value", "shown"), VALUES)
def test_each_type_keeps_its_bytes_in_a_table(kind: str, value: bytes, shown: field_table.Plain) -> None:
    """R1: a table of two such fields around a third comes home byte for byte."""
    table = b"\x01a" + field_table.OCTETS[kind] + value + b"\x00" + b"I\x00\x00\x00\x01"
    table += b"\x01a" + field_table.OCTETS[kind] + value
    fields = field_table.split(table)
    assert fields == (("a", value, kind), ("", b"\x00\x00\x00\x01", "int32"), ("a", value, kind))
    assert field_table.join(fields) == table, shown


def test_names_that_are_not_utf8_and_duplicates_are_kept() -> None:
    table = b"\x02\xff\xfes\x00\x01" + b"\x02\xff\xfes\x00\x02" + "\x07größe".encode() + b"V"
    fields = field_table.split(table)
    assert [name for name, _, _ in fields] == ["\udcff\udcfe", "\udcff\udcfe", "größe"]
    assert field_table.join(fields) == table


def test_an_unknown_octet_is_kept_with_what_stands_behind_it() -> None:
    table = b"\x01at\x01" + b"\x01bU\x00\x01\x01cV"
    fields = field_table.split(table)
    assert fields == (("a", b"\x01", "bool"), ("b", b"\x00\x01\x01cV", "octet 55"))
    assert field_table.join(fields) == table
    shown = field_table.plain(fields[1][1], "octet 55")
    assert field_table.raw(shown, "octet 55") == fields[1][1]


def test_headers_of_another_broker_become_strings() -> None:
    """A type of "" carries no AMQP length: the value is written as a long string, None as void."""
    assert field_table.join([("k", b"v", ""), ("n", None, "")]) == b"\x01kS\x00\x00\x00\x01v\x01nV"
    assert field_table.plain(b"v", "") == "v"
    assert field_table.raw("v", "") == b"v"
    assert field_table.plain(None, "") is None


def test_python_values_of_an_x_death() -> None:
    death: Header = (
        "x-death",
        field_table.raw(
            [
                [
                    [
                        ["count", 2, "int64"],
                        ["reason", "rejected", "string"],
                        ["time", 1_700_000_000, "timestamp"],
                        ["routing-keys", [["work", "string"]], "array"],
                        ["queue", "work", "string"],
                        ["ratio", 0.5, "double"],
                        ["flag", True, "bool"],
                        ["count", 9, "int64"],
                    ],
                    "table",
                ]
            ],
            "array",
        ),
        "array",
    )
    assert field_table.python(death[1], death[2]) == [
        {
            "count": 2,
            "reason": "rejected",
            "time": 1_700_000_000,
            "routing-keys": ["work"],
            "queue": "work",
            "ratio": 0.5,
            "flag": True,
        }
    ]


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (300, "uint8"),
        (2**63, "int64"),
        (-1, "timestamp"),
        ("1", "int16"),
        (True, "int16"),
        (1, "bool"),
        (1.5, "int32"),
        ("x", "void"),
        ({"base64": "?"}, "binary"),
        ([["a", 1]], "table"),
        ([1], "array"),
        ([1, 2], "nonsense"),
    ],
)
def test_a_value_that_does_not_fit_is_bad_input(given: field_table.Plain, kind: str) -> None:
    with pytest.raises(BadInput):
        field_table.raw(given, kind)


@pytest.mark.parametrize("table", [b"\x05ab", b"\x01a", b"\x01al\x00", b"\x01aS\x00\x00\x00\x09x"])
def test_a_table_that_ends_too_early_is_bad_input(table: bytes) -> None:
    with pytest.raises(BadInput):
        field_table.split(table)


def test_a_name_over_255_bytes_is_bad_input() -> None:
    with pytest.raises(BadInput):
        field_table.join([("n" * 256, b"", "void")])
