"""Learning a card: choose a station, hold the card to its reader, see its UID appear, and make a pass of it.

The address of the second page carries a signed note of who looks at which station since when: it shows what was offered in the two minutes
from then on and nothing else, to that person alone, and not for long.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _

from passes import actions
from passes.guide_forms import ReaderForm, learnable
from passes.models import ChargePass, Listing, normalize_uid
from passes.pages.sheet import name_of
from passes.uid_check import PUBLIC, Look, looks, refused
from stations.models import CardOffer, Connection, Station
from stations.ocpp import numbering
from tenancy.links import link
from tenancy.models import User
from tenancy.pages.shared import user_of
from tenancy.rights import MANAGE_PASSES, PERSONAL_DATA, Missing, anywhere, get_for, may
from ui.forms import next_url

WINDOW = timedelta(minutes=2)
KEPT = timedelta(minutes=15)  # how long what was seen in the window is still shown
MOST = 20  # cards
SALT = "passes.learn"
RIGHTS = (MANAGE_PASSES, PERSONAL_DATA)


class Window(NamedTuple):
    station: Station
    begun: datetime

    @property
    def ends(self) -> datetime:
        return self.begun + WINDOW

    @property
    def left(self) -> int:
        """Seconds."""
        return max(int((self.ends - timezone.now()).total_seconds()), 0)


class Seen(NamedTuple):
    """A card that was offered in the window."""

    uid: str
    at: datetime
    connector: int | None
    known: str  # the name of the pass it is already
    known_url: str
    problem: str  # why it cannot be a pass
    hints: tuple[str, ...]  # what to look at before it becomes one
    use_url: str

    @property
    def connector_shown(self) -> str:
        return numbering.shown(self.connector) if self.connector else ""


def window_of(request: HttpRequest, user: User) -> Window | None:
    """What the address says of who looks where since when; None where it says nothing that is in order, or no longer."""
    try:
        note = signing.loads(request.GET.get("window", ""), salt=SALT, max_age=KEPT)
        station, person, begun = note["station"], note["user"], datetime.fromtimestamp(note["begun"], UTC)
    except (signing.BadSignature, KeyError, TypeError, ValueError):
        return None
    if person != user.pk:
        return None
    found = learnable(user).select_related("location__organization").filter(pk=station).first()
    return Window(found, begun) if found else None


def pass_learn(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    for right in RIGHTS:
        if not anywhere(user, right):
            raise Missing(right)
    after = next_url(request, "")
    window = window_of(request, user)
    if request.method == "GET" and window:
        return looking(request, user, window, after)
    drill = request.drill  # type: ignore[attr-defined]
    initial = {"station": request.GET.get("station", "")}
    form = ReaderForm(request.POST or None, initial=initial, user=user, drill=drill)
    if request.method == "POST" and form.is_valid():
        station = get_for(user, Station.objects.select_related("location__organization"), MANAGE_PASSES, pk=form.cleaned_data["station"].pk)
        if not may(user, PERSONAL_DATA, station):
            raise Missing(PERSONAL_DATA)
        begun = actions.begin_learning(actor=user, station=station)
        note = signing.dumps({"station": station.pk, "user": user.pk, "begun": begun.timestamp()}, salt=SALT)
        return redirect(link("pass_learn", window=note, **({"next": after} if after else {})))
    context = {
        "title": _("Learn a card"),
        "form": form,
        "after": after,
        "late": bool(request.GET.get("window")) and request.method == "GET",
        "any_station": form.fields["station"].queryset.exists(),  # type: ignore[attr-defined]
        "cancel_url": after or link("passes"),
        "breadcrumbs": [(_("Passes"), link("passes"))],
    }
    return render(request, "passes/learn.html", context)


def looking(request: HttpRequest, user: User, window: Window, after: str) -> HttpResponse:
    station = window.station
    context = {
        "title": _("Learn a card"),
        "station": station,
        "zone": station.location.zone,
        "seen": list(seen(user, window, after)),
        "left": f"{window.left // 60}:{window.left % 60:02}" if window.left else "",
        "silent": station.connection_at() != Connection.ONLINE,
        "here": request.get_full_path(),
        "after": after,
        "again_url": link("pass_learn", station=str(station.pk), **({"next": after} if after else {})),
        "activity_url": link("station_activity", station.pk),
        "cancel_url": after or link("passes"),
        "breadcrumbs": [(_("Passes"), link("passes"))],
    }
    part = bool(getattr(request, "htmx", False)) and not request.htmx.boosted  # type: ignore[attr-defined]
    return render(request, "passes/learning_live.html" if part else "passes/learning.html", context)


def seen(user: User, window: Window, after: str) -> Iterator[Seen]:
    """The cards of the window, the newest first, each once."""
    station = window.station
    owner = station.location.organization
    offers = CardOffer.objects.visible_to(user, PERSONAL_DATA).filter(station=station, at__gte=window.begun, at__lte=window.ends)
    newest: dict[str, CardOffer] = {}
    for offer in offers.exclude(id_tag="").order_by("-at", "-pk")[: MOST * 10]:
        newest.setdefault(normalize_uid(offer.id_tag), offer)
    tags = dict(list(newest.items())[:MOST])
    listed = Listing.objects.visible_to(user).filter(organization=owner, uid__in=tags).select_related("charge_pass__organization")
    passes: dict[str, ChargePass] = {one.uid: one.charge_pass for one in listed}
    told = looks(user, [(owner, uid) for uid in tags])
    for uid, offer in tags.items():
        known = passes.get(uid)
        visible = known is not None and may(user, MANAGE_PASSES, known)
        yield Seen(
            uid, offer.at, offer.connector_number, name_of(user, known) if known else "",
            known.get_absolute_url() if known and visible else "", _wrong(uid), () if known else _hints(told[owner.pk, uid]),
            _use(uid, owner.pk, after),
        )  # fmt: skip


def _wrong(uid: str) -> str:
    if refused(uid, uid, offered=True).text:
        return _("The reader gave something that is no UID of a card. Some apps and remote starts do so.")
    return ""


def _hints(found: Look) -> tuple[str, ...]:
    return tuple(filter(None, (found.turned, str(PUBLIC) if found.public else "")))


def _use(uid: str, organization: int, after: str) -> str:
    """Where the card becomes a pass: where one came from, else the form for a new pass."""
    if not after:
        return link("pass_add", uid=uid, organization=str(organization))
    return f"{after}{'&' if urlsplit(after).query else '?'}{urlencode({'uid': uid})}"


urlpatterns: list[URLPattern] = [path("passes/learn/", pass_learn, name="pass_learn")]
