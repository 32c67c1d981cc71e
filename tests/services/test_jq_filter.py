"""jq programs over decoded values."""

import asyncio
import gzip
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import cbor2
import msgspec
import pytest
from cryptography.fernet import Fernet

from mqtui.codecs.decode import NO_KEYS
from mqtui.codecs.decoded import FernetKeys
from mqtui.domain.errors import BadInput, OverBudget
from mqtui.domain.message import Message, Offset
from mqtui.domain.resource import Kind, Ref
from mqtui.domain.schema import IdKind, Schema, SchemaKind, SchemaRef
from mqtui.services import jq_filter
from mqtui.services.decoding import Decoder
from mqtui.services.jq_filter import JqFilter
from tests.codecs.schema_fixtures import MemorySchemas
from tests.domain import dead_letters

KEY = Fernet.generate_key()


def message(value: bytes | None, key: bytes | None = b"u7") -> Message:
    return Message(Ref(Kind.TOPIC, "orders"), Offset(4, 118_203), value, key, (("app", b"1.4", ""),), 1_000)


@pytest.mark.parametrize(
    ("program", "value", "chosen"),
    [
        (".amount > 3", b'{"amount":7.25}', True),
        (".amount > 3", b'{"amount":1}', False),
        (".missing", b"{}", False),
        (".off", b'{"off":false}', False),
        ("0", b"{}", True),
        ("empty", b"{}", False),
        ('test("^paid")', b"paid 17", True),
        (". == null", None, True),
        ('. == ""', b"", True),
        (".base64", b"\xff", True),
        (".id", gzip.compress(b'{"id":1}'), True),
        (".id == 1 and .big == 9007199254740993", msgspec.msgpack.encode({"id": 1, "big": 9007199254740993}), True),
        (".id == 1 and $m.offset == 118203", cbor2.dumps({"id": 1}), True),
        (".id == 1", gzip.compress(msgspec.msgpack.encode({"id": 1})), True),
        (".id == 1", Fernet(KEY).encrypt(b'{"id":1}'), True),
        ('$m.partition == 4 and $m.offset == 118203 and $m.key == "u7"', b"{}", True),
        ('$m.headers | any(.[0] == "app" and .[1] == "1.4")', b"{}", True),
        ('.id == 1 and ($m.value | contains("id")) # told twice', b'{"id":1}', True),
        ("def late: .ms > 5; late and $m.timestamp == 1000", b'{"ms":7}', True),
        ("(.a, .b)", b'{"a":false,"b":true}', False),
    ],
)
async def test_first_output_decides(program: str, value: bytes | None, chosen: bool) -> None:
    assert await answers(program, [message(value)], {"shop": KEY}) == ([chosen], [])


async def answers(
    program: str, messages: Sequence[Message], keys: FernetKeys = NO_KEYS
) -> tuple[list[bool], list[tuple[str, int]]]:
    """Which are chosen, and what is said of those it failed on."""
    test = JqFilter(program, Decoder(keys))
    await test.start()
    try:
        return [answer async for answer in test.select(messages)], test.failure_reasons()
    finally:
        await test.close()


VALUES = (
    *(b'{"n":%d,"user":"u%d"}' % (number, number % 3) for number in range(300)),
    b'{"n":',
    b"1}",
    b'{"n":301} trailing',
    b'{"n":"text"}',
    b'{"n":302,"body":"e30="}',
    b" [1]",
    b"[1,\n2]",
    b'{"n":\xff}',
    *(b'{"n":%d,"user":"u%d"}' % (number, number % 3) for number in range(303, 400)),
)


@pytest.mark.parametrize(
    "program",
    ['.user | test("^u[12]$")', ".n + 1 > 250", "if .n == 7 then error(null) else .n < 9 end", "input", "halt"],
)
async def test_many_at_once_are_answered_as_one_by_one(program: str) -> None:
    """JSON is given to jq many at once: an error, an odd value or one that is no JSON costs itself only."""
    messages = [message(value) for value in VALUES]
    together = JqFilter(program)
    await together.start()
    try:
        chosen = await together.select_values(VALUES, messages.__getitem__)
    finally:
        await together.close()
    single = JqFilter(f"{program} # $m")
    await single.start()
    try:
        alone = [answer async for answer in single.select(messages)]
    finally:
        await single.close()
    assert chosen == alone
    assert together.failure_count == single.failure_count


async def test_avro_is_decoded_by_the_decoder_that_is_given() -> None:
    schema = Schema(SchemaKind.AVRO, b'{"type":"record","name":"O","fields":[{"name":"id","type":"string"}]}', "orders")
    decoder = Decoder(schemas=MemorySchemas({SchemaRef(IdKind.ID, "7"): schema}))
    test = JqFilter('.id == "AB"', decoder)
    await test.start()
    try:
        framed = [message(b"\0\0\0\0\x07\x04" + text) for text in (b"AB", b"CD")]
        assert [answer async for answer in test.select([*framed, message(b'{"id":"AB"}')])] == [True, False, True]
    finally:
        await test.close()


async def test_fields_of_a_redis_entry() -> None:
    entry = dead_letters.redis([(b"order", b"17"), (b"body", b'{"cents":5}'), (b"order", b"18"), (b"\xff", b"x")])
    for program in (".order == 17 and .body.cents == 5", '$m.fields[2] == ["order", "18"] and $m.value == null'):
        assert await answers(program, [entry]) == ([True], [])


async def test_failing_on_a_message_is_counted_and_does_not_choose_it() -> None:
    chosen, reasons = await answers(".a.b", [message(b"17"), message(b"[]"), message(b'{"a":{"b":1}}')])
    assert chosen == [False, False, True]
    ((reason, number),) = reasons
    assert number == 2
    assert "number" in reason
    assert "orders 4/118203" in reason


@pytest.mark.parametrize("program", [".a |", "nosuch", "$x", "1) | (2", "", "# only words", "$m |"])
async def test_what_cannot_be_compiled_is_told(program: str) -> None:
    with pytest.raises(BadInput) as caught:
        await JqFilter(program).start()
    assert "line 1" in caught.value.detail or "not given" in caught.value.detail


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("def f: f; f", "took more than 1 s"),
        ("[range(1e9)] | length > 0", "took more than 1 s"),
        ("1.5 | until(. == 0; . - 1)", "took more than 1 s"),
        ("def f: [f]; f", "more than"),  # the processor's second or the memory, whichever this machine spends first
        ('"x" * (1e9 + .n) | length', "needed more than 256 MiB"),
        ("null | setpath([200000000]; 1) | length", "needed more than 256 MiB"),
        ("reduce range(1e6) as $i (.; [.]) | tojson", ""),
    ],
)
async def test_a_message_that_uses_up_the_budget_is_named_and_the_others_go_on(program: str, why: str) -> None:
    messages = [message(b'{"n":%d}' % number) for number in range(8)]
    started = monotonic()
    chosen, ((reason, number),) = await answers(f"if .n == 3 then ({program}) else .n < 5 end", messages)
    assert chosen == [True, True, True, False, True, False, False, False]
    assert (number, "orders 4/118203" in reason, why in reason) == (1, True, True)
    assert monotonic() - started < 60


async def test_a_program_that_ends_on_no_message_is_given_up() -> None:
    messages = [message(b"{}")] * 1_000
    started = monotonic()
    with pytest.raises(OverBudget, match="took more than 1 s of processor time on 3 messages in a row"):
        await answers("def f: f; f", messages)
    assert monotonic() - started < 60


async def test_a_program_that_often_needs_too_much_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jq_filter, "MAX_OVERRUNS", 4)
    messages = [message(b'{"n":%d}' % (number % 2)) for number in range(100)]
    with pytest.raises(OverBudget, match="needed more than 256 MiB of memory on 4 messages"):
        await answers('if .n == 1 then "x" * (1e9 + .n) else true end', messages)


@pytest.mark.parametrize(
    "program", ['import "a" as a {search: "FOLDER"}; a::f', 'import "d" as $d {search: "FOLDER"}; $d']
)
async def test_no_file_is_read(program: str, tmp_path: Path) -> None:
    (tmp_path / "a.jq").write_text("def f: 42;")
    (tmp_path / "d.json").write_text("[17]")
    with pytest.raises(BadInput, match="can't be compiled"):
        await answers(program.replace("FOLDER", str(tmp_path)), [message(b"{}")])


@pytest.mark.parametrize(
    "program",
    ['env | has("PATH") or has("HOME")', "$ENV.PATH", "input", "[inputs] | length > 0", "input_filename", "halt"],
)
async def test_nothing_but_the_message_is_seen(program: str) -> None:
    chosen, _ = await answers(program, [message(b"{}"), message(b"{}")])
    assert chosen == [False, False]


async def test_what_a_program_says_aside_goes_nowhere() -> None:
    assert await answers('debug | stderr | getpath(["n"])', [message(b'{"n":1}')]) == ([True], [])


async def test_a_small_message_that_unpacks_to_a_large_one_costs_itself_only() -> None:
    bomb = gzip.compress(b"\x00" * 60_000_000)
    chosen, ((reason, number),) = await answers("true", [message(b"1"), message(bomb), message(b"2")])
    assert chosen == [True, False, True]
    assert number == 1
    assert "out of memory" in reason or "needed more than 256 MiB" in reason


async def test_the_loop_stays_free_and_giving_up_ends_the_worker() -> None:
    test = JqFilter("def f: f; f")
    await test.start()

    async def wait_for_an_answer() -> None:
        async for _ in test.select([message(b"{}")]):
            pass

    waiting = asyncio.create_task(wait_for_an_answer())
    for _ in range(20):
        await asyncio.sleep(0.01)
    assert not waiting.done()
    started = monotonic()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert monotonic() - started < 1.0
    assert waiting.cancelled()
    await test.close()
