"""What can be done to many stations: the kinds of bulk jobs (stations.models.BulkJob). An app registers its own when it is ready.

A kind says of each station whether it can be done there, before anything is done, and does it: by commands, whose answers decide what came
of it, or at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as lazy

if TYPE_CHECKING:
    from django import forms
    from django.contrib.auth.models import AnonymousUser
    from django.http import HttpRequest

    from stations.controls import Situation
    from stations.models import BulkItem, Command
    from tenancy.models import User

Text = str | Promise
Params = dict[str, Any]  # JSON
# The headings under which kinds stand
COMMANDS, SERVICE = lazy("Commands"), lazy("In and out of service")
CONFIGURATION, FILES, DATA = lazy("Configuration"), lazy("Firmware and logs"), lazy("Data")


class Done(NamedTuple):
    """It is over for this station: what came of it, in one sentence."""

    text: str = ""
    good: bool = True


@dataclass(frozen=True)
class Kind:
    """`form(request, data)` asks what must be known (of the stations `request.chosen`); its `params()` gives that as JSON.
    `refusal(params, situation)` says why a station is left out, or is empty: the situation is that of the person who began the job.
    `consequences(params, situations)` are the sentences of
    the look before, over all that are not left out.

    `step(actor, params, situation, item, answered)` does the next thing at a station: it gives the commands it has queued (with `item`;
    the job goes on when they are answered), or Done. `answered` are the commands of this attempt so far, oldest first; the first call has
    none. A ValidationError or CommandRefused is a failure with its sentence; what the step has written is undone then. It is called inside
    a transaction, once for each of its turns, whatever happens to the worker.

    `refusal` is asked again right before the first step, and the right at every one: what was true in the look before may be true no
    more. Without the right what was asked already keeps its outcome, and what a step would ask further is undone. Both must
    live on what is loaded: no query of their own for each station. The fields of `form` are not called action, all, select, confirmed or
    sure. `stations.bulk.outcome` makes Done of the commands that were answered.
    """

    slug: str
    label: Text
    icon: str
    right: str
    refusal: Callable[[Params, Situation], str]
    step: Callable[[User, Params, Situation, BulkItem, Sequence[Command]], Sequence[Command] | Done]
    # "Soft reset", "Set MeterValueSampleInterval to 60": what the job is called
    title: Callable[[Params], str]
    form: Callable[[HttpRequest, Any], forms.Form] | None = None
    consequences: Callable[[Params, Sequence[Situation]], list[str]] | None = None
    # What would be done at one of those that wait, where that is not the same at all: for who looks, whose situation it is
    there: Callable[[Params, Situation], str] | None = None
    # Under which heading it stands among the others
    group: Text = COMMANDS


KINDS: dict[str, Kind] = {}


def outcome(actor: User | AnonymousUser, answered: Sequence[Command]) -> Done:
    """What came of commands that were all answered, or never will be: good where all were accepted."""
    from stations import command_words
    from stations.models import Command

    said = dict.fromkeys(command_words.command_result(command, actor) or command_words.command_word(command) for command in answered)
    return Done(" ".join(said), all(command.state == Command.State.ACCEPTED for command in answered))


def register(*kinds: Kind) -> None:
    KINDS.update({kind.slug: kind for kind in kinds})
