"""Which class each screen has. Modules are loaded when a screen is first shown, so that the start stays quick."""

from __future__ import annotations

from importlib import import_module
from typing import Any

SCREENS = {
    "home": ("home.home", "HomeScreen"),
    "start": ("home.welcome", "WelcomeScreen"),
    "profile_form": ("home.profile_form", "ProfileFormScreen"),
    "nav.view_1": ("destinations.destinations", "DestinationsScreen"),
    "nav.view_2": ("destinations.groups", "GroupsScreen"),
    "nav.view_3": ("dead_letters.overview", "DeadLetterOverviewScreen"),
    "nav.view_4": ("topology", "TopologyScreen"),
    "nav.view_5": ("runs.runs", "RunsScreen"),
    "nav.view_6": ("audit", "AuditScreen"),
    "nav.view_7": ("alerts", "AlertsScreen"),
    "nav.view_8": ("schemas", "SchemasScreen"),
    "requests": ("requests", "RequestsScreen"),
    "notes": ("overlays.notifications", "NotificationsScreen"),
    "pending": ("destinations.pending", "PendingScreen"),
    "claim": ("destinations.claim", "ClaimScreen"),
    "offsets": ("destinations.offsets", "OffsetsScreen"),
    "find": ("destinations.find", "FindScreen"),
    "properties": ("destinations.properties", "PropertiesScreen"),
    "change": ("destinations.change", "ChangeScreen"),
    "partitions": ("destinations.partitions", "PartitionsScreen"),
    "messages": ("messages.messages", "MessagesScreen"),
    "stuck_record": ("messages.stuck_record", "StuckRecordScreen"),
    "search": ("messages.search", "SearchScreen"),
    "peek": ("messages.peek", "PeekScreen"),
    "publish": ("messages.publish", "PublishScreen"),
    "causes": ("dead_letters.causes", "CausesScreen"),
    "dead_letters": ("dead_letters.letters", "DeadLetterListScreen"),
    "dead_letter": ("dead_letters.letter", "DeadLetterScreen"),
    "review": ("redrive.review", "PlanReviewScreen"),
    "redrive_options": ("redrive.options", "RedriveOptionsScreen"),
    "run": ("redrive.run", "RunScreen"),
    "put_back": ("redrive.putback", "PutBackScreen"),
    "confirm_plan": ("redrive.confirm_plan", "ConfirmPlanScreen"),
    "run_letters": ("runs.letters", "RunLettersScreen"),
    "resume": ("runs.resume", "ResumeScreen"),
}
"""Module below `mqtui.ui.screens` and class; the key is the id of the action that shows a view, else a name."""


def screen_class(name: str) -> Any:
    """The class of a screen, loaded now."""
    return load(*SCREENS[name])


def load(module: str, name: str) -> Any:
    """A class or function of a module below `mqtui.ui.screens`, loaded now."""
    return getattr(import_module(f"mqtui.ui.screens.{module}"), name)
