"""Setting several keys of a station one after the other, and saying what came of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from stations import command_words
from stations.configuration.catalogue import Text
from stations.configuration.compare import Difference, left_out, to_set
from stations.configuration.values import shown
from stations.models import Command
from stations.ocpp import intents
from stations.ocpp.intents import Configure

WORDS: dict[str, Text] = {
    intents.ACCEPTED: lazy("changed"),
    intents.REBOOT_REQUIRED: lazy("changed, in force after a reset"),
    intents.REJECTED: lazy("refused"),
    intents.NOT_SUPPORTED: lazy("not known to the station"),
    intents.FAILED: lazy("answered with an error"),
    "silent": lazy("no answer"),
}


def outcome_of(command: Command) -> str:
    """What came of it, in a word of `intents`; "silent" where no answer came, empty while one may still come."""
    state = Command.State
    if command.state in Command.OPEN:
        return ""
    if command.state in {state.TIMED_OUT, state.EXPIRED}:
        return "silent"
    if command.state == state.FAILED or not isinstance(command.answer, dict):
        return intents.FAILED
    return command_words.outcome_of(command)


def attempts(commands: Iterable[Command]) -> dict[str, str]:
    """key -> outcome of those of `commands` that set one."""
    return {intent.key: outcome_of(one) for one in commands if isinstance(intent := command_words.intent_of(one), Configure)}


def summary(tried: dict[str, str], of: int) -> str:
    """ "5 of 6 set; MeterValueSampleInterval: refused" """
    done = sum(outcome in intents.GOOD for outcome in tried.values())
    said = [_("%(done)d of %(all)d set") % {"done": done, "all": of}]
    said += [f"{key}: {WORDS.get(outcome, outcome)}" for key, outcome in tried.items() if outcome not in intents.GOOD]
    return "; ".join(said)


def needs_reset(tried: dict[str, str]) -> list[str]:
    return [key for key, outcome in tried.items() if outcome == intents.REBOOT_REQUIRED]


def cut(text: str, longest: int = 300) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def named(keys: Sequence[str], most: int = 3) -> str:
    """ "A, B, C and 4 more" """
    said = ", ".join(keys[:most])
    return _("%(keys)s and %(more)d more") % {"keys": said, "more": len(keys) - most} if len(keys) > most else said


def change(key: str, now: str, value: str, version: str = "") -> str:
    """ "HeartbeatInterval 300 → 900", each part cut, secrets as stars."""
    before, after = (cut(shown(key, one, version), 40) or _("empty") for one in (now, value))
    return f"{cut(key, 50)} {before} → {after}"


def changes(found: Sequence[Difference], version: str = "") -> str:
    """What would be set of what a template wants: "HeartbeatInterval 300 → 900; left out: ConnectionTimeOut (not known)"."""
    now = {one.key: one.here for one in found}
    said = named([change(key, now[key] or "", value, version) for key, value in to_set(found)])
    return "; ".join(part for part in (said, staying(found)) if part)


def staying(found: Iterable[Difference], but: Collection[str] = ()) -> str:
    """ "left out: ConnectionTimeOut (not known)", without the keys of `but`; empty where nothing is left out."""
    keys = [f"{cut(key, 40)} ({why})" for key, why in left_out(found) if key not in but]
    return _("left out: %s") % named(keys) if keys else ""
