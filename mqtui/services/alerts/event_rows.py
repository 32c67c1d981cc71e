"""Events of alerts as JSON rows, as lines, and in the forms that webhooks take."""

from __future__ import annotations

from datetime import UTC, datetime
from time import time

from mqtui.domain.alert import Alert, AlertEvent, EventState
from mqtui.domain.printable import printable
from mqtui.domain.times import format_age
from mqtui.profiles.receiver_settings import WebhookForm
from mqtui.services.alerts.findings import opening_command
from mqtui.services.jsonlines import Json, name_or_base64

SIGNS = {"critical": "✗", "warning": "▲"}
NO_END = "0001-01-01T00:00:00Z"
"""What Alertmanager writes for an alert that goes on."""

ALERTMANAGER_VERSION = "4"


def event_row(event: AlertEvent) -> Json:
    """An event. `id` is the same when an alert is raised and when it is cleared; times are ms since the epoch."""
    alert = event.alert
    return {
        "id": alert.id,
        "state": event.state.value,
        "what": printable(alert.what),
        "since": int(alert.since * 1000),
        "target": name_or_base64(alert.source),
        "evidence": printable(alert.evidence),
        "command": opening_command(alert.source, alert.ref),
        "alert": name_or_base64(alert.cause),
        "severity": alert.severity.value,
        "owner": alert.owner or None,
        "time": int(event.time * 1000),
    } | _where_known(alert)


def _where_known(alert: Alert) -> Json:
    """The fields that not every event has."""
    place: Json = {} if alert.ref is None else {"place": name_or_base64(str(alert.ref))}
    return place | ({"advice": printable(alert.advice)} if alert.advice else {})


def describe_event(event: AlertEvent, now: float | None = None) -> str:
    """An event in one line for people."""
    alert = event.alert
    age = format_age((time() if now is None else now) - alert.since)
    if event.state is EventState.CLEARED:
        return f"✓ {alert.source}: {alert.what}: over after {age}"
    owner = f"  @{alert.owner}" if alert.owner else ""
    evidence = "; ".join(filter(None, (alert.evidence, alert.advice)))
    return f"{SIGNS[alert.severity]} {alert.source}: {alert.what} for {age}: {evidence}{owner}"


def webhook_body(form: WebhookForm, row: Json) -> Json:
    """An event's row in the form of a webhook."""
    match form:
        case WebhookForm.SLACK:
            return {"text": _slack_text(row)}
        case WebhookForm.ALERTMANAGER:
            return _alertmanager(row)
        case _:
            return row


def _slack_text(row: Json) -> str:
    """Slack's own marks are escaped, so that no name mentions a channel."""
    sign = "✓" if row["state"] == "cleared" else SIGNS[str(row["severity"])]
    over = " is over" if row["state"] == "cleared" else ""
    owner = f" · {row['owner']}" if row["owner"] else ""
    lines = (
        f"{sign} {_shown(row['target'])}: {row['what']}{over}{owner}",
        row["evidence"],
        row.get("advice"),
        row["command"],
    )
    return "\n".join(
        str(line).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for line in lines if line
    )


def _alertmanager(row: Json) -> Json:
    """As Alertmanager's own webhook sends one alert."""
    status = "resolved" if row["state"] == "cleared" else "firing"
    name = str(_shown(row["alert"])).partition(":")[0]
    labels = {"alertname": f"mqtui_{name}", "target": _shown(row["target"]), "severity": row["severity"]}
    labels |= {"place": _shown(row["place"])} if "place" in row else {}
    labels |= {"owner": row["owner"]} if row["owner"] else {}
    notes = {"summary": row["what"], "description": row["evidence"], "command": row["command"]}
    alert = {
        "status": status,
        "labels": labels,
        "annotations": notes,
        "startsAt": _iso(row["since"]),
        "endsAt": _iso(row["time"]) if status == "resolved" else NO_END,
        "generatorURL": "",
        "fingerprint": row["id"][:16],
    }
    return {
        "version": ALERTMANAGER_VERSION,
        "groupKey": f'{{}}:{{alert="{row["id"]}"}}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "mqtui",
        "groupLabels": {"alertname": labels["alertname"]},
        "commonLabels": labels,
        "commonAnnotations": notes,
        "externalURL": "",
        "alerts": [alert],
    }


def _shown(name: object) -> str:
    """A name for a form that has no base64."""
    return str(name["base64"]) if isinstance(name, dict) else str(name)


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
