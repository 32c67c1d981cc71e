"""JSON of the steps that change a destination itself."""

from __future__ import annotations

from mqtui.domain.destination_change import (
    AddPartitions,
    AlterSettings,
    CreateDestination,
    DeleteDestination,
    DestinationStep,
    PurgeMessages,
)
from mqtui.services.jsonlines import Json, add_figures


def destination_step_row(step: DestinationStep) -> Json:
    """A step without the destination that it changes."""
    match step:
        case CreateDestination():
            return {
                "step": "create",
                "type": step.type,
                "partitions": step.partitions,
                "settings": [{"name": name, "before": None, "after": value} for name, value in step.settings],
            }
        case AlterSettings(changes=changes):
            rows = [{"name": each.name, "before": each.before, "after": each.after} for each in changes]
            return {"step": "alter", "settings": rows}
        case AddPartitions():
            return {"step": "partitions", "partitions": step.after}
        case DeleteDestination():
            return {"step": "delete"}
        case PurgeMessages(bounds=bounds, count=count):
            row: Json = {"step": "purge", "bounds": [str(each.before) for each in bounds]}
            return add_figures(row, count=count)
