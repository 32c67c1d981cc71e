"""Where things are: the partitions of a destination and the nodes of a broker, as the command line and console ask."""

from __future__ import annotations

from mqtui.brokers.optional_port import ListsNodes, ListsPartitions
from mqtui.brokers.port import Broker
from mqtui.domain.errors import Unsupported
from mqtui.domain.placement import ClusterNode, PartitionStatus
from mqtui.domain.resource import Ref
from mqtui.domain.topology import Inventory


async def list_partitions(broker: Broker, ref: Ref) -> Inventory[PartitionStatus]:
    """The partitions of a destination.

    Raises:
        Unsupported: destinations of this broker have none.
        NotFound, NotAuthorised: as `ListsPartitions.list_partitions`.
    """
    if not isinstance(broker, ListsPartitions):
        raise Unsupported(f"A {ref.kind} of {broker.kind} has no partitions", "", "mqtui describe tells what it has.")
    return await broker.list_partitions(ref)


async def list_nodes(broker: Broker) -> Inventory[ClusterNode]:
    """The nodes of a broker.

    Raises:
        Unsupported: it does not tell of them.
        NotAuthorised, CannotConnect, BrokerTrouble: it can't be asked.
    """
    if not isinstance(broker, ListsNodes):
        raise Unsupported(f"{broker.kind} does not tell of its nodes")
    return await broker.list_nodes()
