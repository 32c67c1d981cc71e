"""`mqtui partitions`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from mqtui.cli import options
from mqtui.cli.all_brokers import open_holder
from mqtui.cli.exit_codes import DONE
from mqtui.cli.output import Output, current_output
from mqtui.cli.run_command import run_command
from mqtui.domain.partitioner import KeyPartition, partitions_of_key
from mqtui.domain.placement import PartitionStatus, describe_partitions
from mqtui.domain.resource import ParsedName, Ref, name_bytes

FIGURES = (0, 1, 4, 5, 6, 7, 8)
"""Columns of the table that are aligned to the right."""


@click.command(cls=options.TargetCommand)
@options.target_argument
@options.resource_argument("resource")
@click.option("--key", metavar="KEY", help="Only which partition a key goes to, by the partitioners of the clients.")
@options.rows_option
def partitions(*, target: str, resource: ParsedName, key: str | None, json_lines: bool) -> None:
    """The partitions of a topic: leader, replicas, offsets, bytes on disk, skew; which one a key goes to."""
    output = current_output(json=json_lines)
    run_command(output, lambda: _partitions(output, target, resource, key))


async def _partitions(output: Output, target: str, resource: ParsedName, key: str | None) -> int:
    from mqtui.services.browse import find_destination
    from mqtui.services.placement import list_partitions

    async with open_holder(output, target, resource) as session:
        ref = (await find_destination(session.broker, resource)).ref
        found = await list_partitions(session.broker, ref)
    if key is not None:
        _print_key(output, ref, name_bytes(key), partitions_of_key(name_bytes(key), len(found)))
        return DONE
    output.warn(found.missing)
    _print_partitions(output, ref, found)
    return DONE


def _print_key(output: Output, ref: Ref, key: bytes, places: Sequence[KeyPartition]) -> None:
    if output.json:
        from mqtui.services.placement_rows import key_partition_row

        for place in places:
            output.json_line(key_partition_row(ref, key, place))
        return
    rows = [
        ("any" if one.partition is None else one.partition, one.partitioner, ", ".join(one.clients)) for one in places
    ]
    output.table(("PARTITION", "PARTITIONER", "CLIENTS, UNLESS THEY ARE TOLD ANOTHER"), rows, right=(0,))


def _print_partitions(output: Output, ref: Ref, found: Sequence[PartitionStatus]) -> None:
    if output.json:
        from mqtui.services.placement_rows import partition_row

        for each in found:
            output.json_line(partition_row(ref, each))
        return
    titles = ("PART.", "LEADER", "REPLICAS", "IN SYNC", "LOW", "STABLE", "HIGH", "RECORDS", "BYTES", "NOTE")
    output.table(
        titles, [_cells(each) for each in found], right=FIGURES, first_to_go=("LOW", "STABLE", "NOTE", "REPLICAS")
    )
    output.note(describe_partitions(found))


def _cells(each: PartitionStatus) -> tuple[object, ...]:
    offsets = ("?" if offset is None else offset for offset in (each.low, each.stable, each.high))
    leader = "none" if each.leader is None else each.leader
    nodes = (" ".join(map(str, ids)) for ids in (each.replicas, each.in_sync))
    return (
        each.number,
        leader,
        *nodes,
        *offsets,
        each.records,
        each.size,
        " · ".join(filter(None, (each.problem, each.note))),
    )
