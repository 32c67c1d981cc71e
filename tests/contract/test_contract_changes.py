"""Destinations are made, purged and deleted by plans: previews change nothing, and another one of the name stays."""

from __future__ import annotations

import pytest

from mqtui.brokers.optional_port import ChangesDestinations
from mqtui.brokers.port import Adapter
from mqtui.domain.capability import Verb
from mqtui.domain.destination_change import Alteration, Creation, Deletion, DestinationChange, PurgeRequest
from mqtui.domain.errors import NotFound, Refused, Unsupported
from mqtui.domain.plan import ChangePreview, StepResult
from mqtui.domain.read_range import At, Edge
from mqtui.domain.resource import BrokerKind
from tests.contract.asking import a_plan, eventually, look, writing
from tests.contract.worlds import World


async def preview(adapter: Adapter, change: DestinationChange) -> ChangePreview:
    assert isinstance(adapter.broker, ChangesDestinations)
    return await adapter.broker.preview_change(change)


async def carried_out(adapter: Adapter, found: ChangePreview, verb: Verb) -> list[StepResult]:
    """What comes of the steps of a preview."""
    async with writing(adapter, a_plan(adapter, verb, *found.steps)) as writer:
        return [await writer.apply(step) for step in found.steps]


async def test_a_destination_is_made_purged_and_deleted(world: World, adapter: Adapter) -> None:
    ref = world.ref(world.name("made"))
    before = world.fingerprint()
    made = await preview(adapter, Creation(ref))
    assert made.risks == () and world.fingerprint() == before
    assert [each.done for each in await carried_out(adapter, made, Verb.CREATE)] == [1]

    async def is_there() -> bool:
        try:
            return (await adapter.broker.catalog.locate(ref)).ref == ref
        except NotFound:
            return False

    await eventually(is_there, "it is there")
    (taken,) = (await preview(adapter, Creation(ref))).risks
    assert (taken.name, taken.final) == ("broker-refuses", True)
    letters = [world.letter(number) for number in range(10)]
    world.put(ref, letters)
    start = None if world.traits.lends else At((await look(world, adapter, ref, 5))[4].position)

    async def is_counted() -> bool:
        return (await preview(adapter, Deletion(ref))).count.number == 10

    await eventually(is_counted, "all letters are counted")
    whole = world.fingerprint()
    purge = await preview(adapter, PurgeRequest(ref, start))
    deletion = await preview(adapter, Deletion(ref))
    assert (purge.count.number, world.fingerprint()) == (10 if world.traits.lends else 4, whole)
    await carried_out(adapter, purge, Verb.PURGE)
    assert world.contents(ref) == ([] if world.traits.lends else letters[4:])
    assert (await preview(adapter, PurgeRequest(ref, Edge.NEWEST if world.traits.lends else start))).steps == ()
    world.remove(ref)
    with pytest.raises(NotFound):
        await carried_out(adapter, deletion, Verb.DELETE)
    await carried_out(adapter, made, Verb.CREATE)
    await eventually(is_there, "it is there again")
    if world.kind is not BrokerKind.RABBITMQ and deletion.steps[0].identity:  # type: ignore[union-attr]
        with pytest.raises(Refused, match="another"):
            await carried_out(adapter, deletion, Verb.DELETE)
    await carried_out(adapter, await preview(adapter, Deletion(ref)), Verb.DELETE)

    async def is_gone() -> bool:
        return not await is_there()

    await eventually(is_gone, "it is gone")
    for change in (Deletion(ref), PurgeRequest(ref)):
        with pytest.raises(NotFound):
            await preview(adapter, change)


async def test_what_has_no_settings_says_so(world: World, adapter: Adapter) -> None:
    ref = world.create()
    if world.kind is BrokerKind.KAFKA:
        assert await adapter.broker.can(Verb.ALTER, ref)
        return
    assert not await adapter.broker.can(Verb.ALTER, ref)
    with pytest.raises(Unsupported):
        await preview(adapter, Alteration(ref, {"any": "thing"}))
