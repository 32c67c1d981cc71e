"""Serialised objects that only their own language can load. They are named and listed, never loaded.

Loading a pickle runs whatever program is in it, and loading a Java object runs code of its classes.
"""

from __future__ import annotations

import pickletools
import re
from itertools import islice

from mqtui.codecs.base64_hex import to_base64
from mqtui.codecs.decoded import Decoded, NotDecoded
from mqtui.codecs.hints import CodecInput
from mqtui.codecs.json_writer import to_json_text

JAVA = b"\xac\xed\x00\x05"
"""First bytes of a Java object stream (Java Object Serialization Specification, section 6)."""

TC_STRING, TC_OBJECT, TC_CLASSDESC = 0x74, 0x73, 0x72
KRYO = re.compile(rb"\x01\x00([A-Za-z_$][\w$]*(?:\.[\w$]+)*\.[\w$]*)([\x80-\xff])", re.ASCII)
"""A class that Kryo writes by its name, whose last character has its highest bit set."""

PICKLE = re.compile(rb"\x80[\x02-\x05].*\.\Z", re.DOTALL)
"""A pickle of protocol 2 to 5."""

MAX_OPCODES = 2_000
"""Opcodes of a pickle that are listed."""

LONGEST_ARGUMENT = 200


def decode_java(value: bytes, _given: CodecInput) -> Decoded:
    """A Java object stream: the class of its first object, or its string."""
    if not value.startswith(JAVA):
        raise NotDecoded("it does not begin with AC ED 00 05")
    row: dict[str, object] = {}
    if value[4:6] == bytes((TC_OBJECT, TC_CLASSDESC)):
        row["class"] = _java_text(value[6:])
    elif value[4:5] == bytes((TC_STRING,)):
        row["string"] = _java_text(value[5:])
    return Decoded(to_json_text(row | {"base64": to_base64(value)}), "java")


def _java_text(rest: bytes) -> str:
    length = int.from_bytes(rest[:2], "big")
    return rest[2 : 2 + length].decode("utf-8", "replace")


def decode_kryo(value: bytes, _given: CodecInput) -> Decoded:
    """An object of Kryo whose class is written by its name."""
    found = KRYO.match(value)
    if found is None:
        raise NotDecoded("no class name stands at its beginning")
    name = (found[1] + bytes((found[2][0] & 0x7F,))).decode("ascii")
    return Decoded(to_json_text({"class": name, "base64": to_base64(value)}), "kryo")


def decode_pickle(value: bytes, _given: CodecInput) -> Decoded:
    """A pickle as the list of its opcodes, and the names that loading it would import."""
    listed: list[str] = []
    imports: list[str] = []
    strings: list[str] = []
    count, last = 0, -1
    try:
        for opcode, argument, position in islice(pickletools.genops(value), len(value)):
            count, last = count + 1, position or 0
            if isinstance(argument, str) and opcode.name not in ("GLOBAL", "INST"):
                strings = [*strings[-1:], argument]
            if opcode.name in ("GLOBAL", "INST"):
                imports.append(str(argument).replace(" ", "."))
            elif opcode.name == "STACK_GLOBAL":
                imports.append(".".join(strings))
            if count <= MAX_OPCODES:
                listed.append(f"{position}: {opcode.name} {_shown(argument)}".rstrip())
    except Exception as error:
        raise NotDecoded(f"it is no pickle: {error}") from error
    if last + 1 != len(value):
        raise NotDecoded("bytes follow the pickle")
    row: dict[str, object] = {"imports": list(dict.fromkeys(imports)), "opcodes": listed}
    if count > MAX_OPCODES:
        row["not_listed"] = count - MAX_OPCODES
    return Decoded(to_json_text(row), "pickle")


def _shown(argument: object) -> str:
    if argument is None:
        return ""
    text = repr(argument[:LONGEST_ARGUMENT] if isinstance(argument, str | bytes | bytearray) else argument)
    return text if len(text) <= LONGEST_ARGUMENT else f"{text[:LONGEST_ARGUMENT]}…"
