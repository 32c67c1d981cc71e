"""Rules and receivers of alerts as they are written: whole, and a mistake with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from mqtui.domain.alert import AlertRule, AlertSeverity, Condition
from mqtui.domain.errors import BadInput
from mqtui.profiles.alert_settings import load_rules
from mqtui.profiles.receiver_settings import ReceiverSettings, WebhookForm
from mqtui.profiles.store import ProfileStore

PROFILES = """\
[[profile]]
name = "first"
[profile.redis]
url = "redis://h"
[[profile.alert]]
when = "stopped"

[[profile]]
name = "shop"
[profile.redis]
url = "redis://h"   # the only one
[[profile.alert]]
when = "lag"
on = "billing*"
over = 10000
for = "5m"
owner = "anna"
[[profile.alert]]
when = "stopped"
off = true   # for now
[[profile.receiver]]
webhook = "env:SLACK_URL"
form = "slack"
"""
RULES = (
    AlertRule(Condition.LAG, "billing*", 10_000, hold=300, owner="anna"),
    AlertRule(Condition.STOPPED, hold=60, severity=AlertSeverity.CRITICAL, off=True),
)
RECEIVERS = (ReceiverSettings(webhook="env:SLACK_URL", form=WebhookForm.SLACK),)


@pytest.fixture
def path(folders: Path) -> Path:
    found = folders / "config" / "profiles.toml"
    found.parent.mkdir(mode=0o700)
    return found


def test_a_profile_has_rules_and_receivers_and_keeps_them_when_it_is_changed(path: Path) -> None:
    path.write_text(PROFILES)
    store = ProfileStore()
    shop = store.find("shop")
    assert (shop.alerts, shop.receivers) == (RULES, RECEIVERS)
    store.use("shop")
    store.replace(ProfileStore().find("shop"))
    assert "# for now" in path.read_text()
    assert store.find("shop") == shop


MISTAKES = [
    ("over = 10000\n", "", "line 12, alert[0]: The condition lag needs a limit"),
    ('owner = "anna"', "onwer = 3", "line 17, alert[0].onwer: Object contains unknown field"),
    ('for = "5m"', 'for = "5 minutes"', "line 16, alert[0].for: Not a duration"),
    ("over = 10000", 'over = "many"', "line 15, alert[0].over: The limit of lag is a number"),
    ("over = 10000", "over = true", "line 15, alert[0].over: Expected"),
    ("off = true", "over = 3", "line 18, alert[1]: The condition stopped has no limit"),
    ('"stopped"\noff', '"stoped"\noff', "line 19, alert[1].when: Invalid enum value"),
    ('form = "slack"', 'command = "x"', "line 21, receiver[0]: A receiver is a webhook, a command or the desktop"),
    ('"env:SLACK_URL"', '"ftp://h"', "line 21, receiver[0]: That is no webhook"),
]


@pytest.mark.parametrize(("before", "after", "where"), MISTAKES)
def test_a_mistake_in_a_profile_names_its_line(path: Path, before: str, after: str, where: str) -> None:
    path.write_text(PROFILES.replace(before, after))
    with pytest.raises(BadInput) as error:
        ProfileStore().list_profiles()
    assert error.value.title.startswith(f"{path}, {where}"), error.value.title


def test_a_file_of_rules_is_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    _, _, text = PROFILES.partition("# the only one\n")
    path.write_text(text.replace("profile.", ""))
    assert load_rules(path) == (RULES, RECEIVERS)
    for before, after, where in MISTAKES:
        path.write_text("\n" * 11 + text.replace("profile.", "").replace(before, after))
        with pytest.raises(BadInput) as error:
            load_rules(path)
        assert error.value.title.startswith(f"{path}, {where}"), error.value.title
    path.write_text('[[alert]]\nwhen = "time_lag"\nover = "1h30m"\nclear = 600\n')
    assert [(rule.over, rule.clear) for rule in load_rules(path)[0]] == [(5_400, 600)]
    path.write_text("alert = 3")
    with pytest.raises(BadInput, match=r"rules\.toml"):
        load_rules(path)
    path.write_text("[[alert")
    with pytest.raises(BadInput, match="no TOML"):
        load_rules(path)
    with pytest.raises(BadInput, match="can't be read"):
        load_rules(tmp_path / "none.toml")
