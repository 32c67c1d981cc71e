"""A redrive request as form fields, and form fields as a request. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from mqtui.brokers.registry import traits_of
from mqtui.domain.errors import BadInput
from mqtui.domain.resource import BrokerKind, Ref
from mqtui.domain.resource import parse_name as named
from mqtui.services.redrive.option_table import OptionType
from mqtui.services.redrive.request import RedriveRequest
from mqtui.services.redrive.request_options import format_value, options_on, parse_value, values_of, with_values
from mqtui.ui.widgets.form import Field
from mqtui.ui.widgets.form import FieldError as FieldError


class RedriveOptions(NamedTuple):
    """A request and the accepted risks. `request.to` is as typed, not looked up yet."""

    request: RedriveRequest
    allowed: frozenset[str]


def fields(request: RedriveRequest, allowed: Collection[str], broker: BrokerKind) -> list[Field]:
    """A field for each option that applies to the verb and the broker."""
    values = values_of(request, allowed)
    return [
        Field(option.key, option.label, format_value(option.type, values[option.key]), option.hint)
        for option in options_on(request.verb, broker)
    ]


def read(request: RedriveRequest, held: Mapping[str, str], broker: BrokerKind, now: datetime) -> RedriveOptions:
    """The options that the fields describe. `now` has the zone of clock times.

    Raises:
        FieldError: a field can't be read.
    """
    values: dict[str, Any] = {}
    for option in options_on(request.verb, broker):
        text = held.get(option.key, "").strip()
        if text:
            try:
                values[option.key] = parse_value(option.type, text, now)
            except BadInput as error:
                raise FieldError(option.key, error) from None
            if option.type is OptionType.RESOURCE:
                values[option.key] = _ref(text, broker)
    try:
        return RedriveOptions(with_values(request, values), values.get("allow", frozenset()))
    except BadInput as error:
        raise FieldError("stop_at", error) from None


def _ref(text: str, broker: BrokerKind) -> Ref:
    wanted = named(text)
    return Ref(wanted.kind or traits_of(broker).destinations[0], wanted.name)
