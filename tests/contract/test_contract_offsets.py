"""Where a group reads on: a preview that changes nothing, the step that sets it, and the way back."""

from __future__ import annotations

from mqtui.brokers.optional_port import SetsGroupOffsets
from mqtui.brokers.port import Adapter
from mqtui.domain.capability import Verb
from mqtui.domain.group_offsets import OffsetPreview, OffsetTarget, Positions, Shift
from mqtui.domain.plan import DeleteGroup, OffsetStep, SetOffsets, StepResult
from mqtui.domain.read_range import Edge, Since
from mqtui.domain.resource import BrokerKind, Ref
from tests.contract.asking import a_plan, eventually, writing
from tests.contract.test_contract_groups import readers
from tests.contract.world_memory import MemoryKafkaWorld
from tests.contract.worlds import World


async def applied(adapter: Adapter, step: OffsetStep) -> StepResult:
    async with writing(adapter, a_plan(adapter, Verb.OFFSETS, step)) as writer:
        return await writer.apply(step)


def figures(preview: OffsetPreview) -> tuple[object, ...]:
    (move,) = preview.moves
    return move.skips.number, move.reads_again.number


async def test_a_group_is_set_where_it_reads_on(world: World, adapter: Adapter) -> None:
    broker = adapter.broker
    ref = world.create()
    if world.kind is BrokerKind.RABBITMQ:
        support = await broker.can(Verb.OFFSETS, ref)
        assert not support and "no offsets" in support.reason
        return
    assert isinstance(broker, SetsGroupOffsets)
    world.put(ref, [world.letter(number) for number in range(20)])
    world.consume(ref, "slow", 13)
    if isinstance(world, MemoryKafkaWorld):
        world.server.states["slow"] = "Empty"

    async def is_known() -> bool:
        return len(await readers(adapter, ref)) == 1

    await eventually(is_known, "the group is listed")
    ((group, *_),) = [[one.ref for one in await readers(adapter, ref)]]

    async def preview(target: OffsetTarget | None, resource: Ref | None = ref) -> OffsetPreview:
        assert isinstance(broker, SetsGroupOffsets)
        return await broker.preview_offsets(group, resource, target)

    before = world.fingerprint()
    assert figures(await preview(Edge.OLDEST)) == (0, 13)
    assert figures(await preview(Edge.NEWEST)) == (7, 0)
    assert figures(await preview(Shift(-3))) == (0, 3)
    assert figures(await preview(Shift(100))) == (7, 0)
    assert figures(await preview(Since(1))) == (0, 13)
    assert figures(await preview(Since(1 << 42))) == (7, 0)
    assert world.fingerprint() == before
    back = await preview(Shift(-3))
    assert (await applied(adapter, SetOffsets(back.group, back.moves))).done == 1
    (move,) = back.moves
    now = await preview(Shift(0))
    assert (now.moves[0].before, now.exists) == (move.after, True)
    restored = await preview(Positions({(ref, 0): move.before}), None)
    assert figures(restored) == (3, 0)
    assert (await applied(adapter, SetOffsets(restored.group, restored.moves))).done == 1
    whole = await preview(None, None)
    assert [(one.before, one.after) for one in whole.moves] == [(move.before, None)]
    assert (await applied(adapter, DeleteGroup(whole.group, whole.moves))).done == 1

    async def is_gone() -> bool:
        return not await readers(adapter, ref)

    await eventually(is_gone, "the group is gone")
