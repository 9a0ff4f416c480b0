"""The search over everything a person may see.

In each kind the exact hit comes first, then what begins with the text, then where a word begins with it, then what contains it; of two
alike the shorter name. Several words must all be found, in the row or in where it stands. The kind with the best hit comes first, pages of
the help centre last. One query per kind, whatever is found; where almost nothing is, PostgreSQL is asked once more per kind for what is
written similarly.

Names of people, and their passes, are found only where the searcher may see them in full: a hit on a masked name would tell it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, CharField, Count, F, IntegerField, Q, QuerySet, Value, When, Window
from django.db.models.functions import Coalesce, Greatest, Length, NullIf, Upper
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from energycloud import help, trigrams
from energycloud.near import allowed, near
from energycloud.text import LEAST, LEAST_ID, Text
from passes.models import ChargePass, normalize_uid
from stations.models import Connector, Location, Station, Transaction
from tenancy.links import link
from tenancy.models import Organization, User
from tenancy.rights import PERSONAL_DATA, may

BOUND = 500  # candidates of each way to match: more are not ranked, nor counted
FEW = 3  # with fewer hits than this, what is written similarly is looked for
SPOILT = {1: 4, 2: 7}  # groups of three letters by so many typos
EXACT, BEGINS, WORD, CONTAINS, SIMILAR = range(5)


@dataclass(frozen=True)
class Hit:
    name: str
    detail: str
    url: str
    rank: int
    text: Text

    @property
    def marked_name(self) -> SafeString:
        return self.text.mark(self.name)

    @property
    def marked_detail(self) -> SafeString:
        return self.text.mark(self.detail)


@dataclass
class Group:
    slug: str
    label: str
    icon: str
    hits: list[Hit]
    total: int  # of those that are visible
    bounded: bool  # there may be more than `total`
    url: str = ""  # the page of all of them

    @property
    def more(self) -> bool:
        return self.total > len(self.hits)

    @property
    def similar(self) -> bool:
        return self.hits[0].rank == SIMILAR

    @property
    def count(self) -> str:
        return f"{self.total}+" if self.bounded else str(self.total)


@dataclass(frozen=True)
class Kind:
    slug: str
    label: Promise
    icon: str
    rows: Callable[[User], QuerySet[Any]]  # those that the person may find
    fields: tuple[str, ...]  # of the row; the first one sorts
    around: tuple[str, ...] = ()  # of where it stands: there other words of the text may be
    shown: tuple[str, ...] = ()  # the first of these that is not empty is its name
    sought: dict[str, Callable[[Text], str]] = field(default_factory=dict)  # field -> what is looked for in it instead of the text
    by_words: bool = True
    joins: tuple[str, ...] = ()  # what a hit shows of other rows
    name: Callable[[Any], str] = str
    detail: Callable[[Any], str] = str
    url: Callable[[Any], str] = lambda row: row.get_absolute_url()


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _people(user: User) -> QuerySet[User]:
    """Those whose names `user` may see, and oneself always."""
    if may(user, PERSONAL_DATA, user):
        return User.objects.visible_to(user, PERSONAL_DATA)
    return User.objects.filter(Q(pk=user.pk) | Q(pk__in=User.objects.visible_to(user, PERSONAL_DATA).values("pk")))


KINDS = (
    Kind(
        "stations", lazy("Stations"), "charging-pile", lambda user: Station.objects.visible_to(user),
        fields=("identity", "alias", "serial_number"), around=("location__name", "location__city"), shown=("alias", "identity"),
        joins=("location",),
        detail=lambda row: _joined(
            row.identity if row.alias else "", row.location.name, row.serial_number if row.serial_number != row.identity else ""
        ),
    ),
    Kind(
        "connectors", lazy("Connectors"), "plug", lambda user: Connector.objects.visible_to(user),
        fields=("evse_key",), sought={"evse_key": lambda text: text.key}, by_words=False, joins=("station__location",),
        name=lambda row: row.evse_id, url=lambda row: row.station.get_absolute_url(),
        detail=lambda row: f"{row.station} · {row.number} · {row.station.location}",
    ),
    Kind(
        "locations", lazy("Locations"), "building", lambda user: Location.objects.visible_to(user),
        fields=("name", "street", "city"), around=("organization__name",), joins=("organization",),
        detail=lambda row: _joined(row.address, row.organization.name),
    ),
    Kind(
        "organizations", lazy("Organizations"), "sitemap", lambda user: Organization.objects.visible_to(user), fields=("name", "city"),
        detail=lambda row: _joined(row.get_kind_display(), row.city),
    ),
    Kind(
        "passes", lazy("Passes"), "id-badge-2", lambda user: ChargePass.objects.visible_to(user, PERSONAL_DATA),
        fields=("nickname", "visible_number", "uid"), around=("organization__name",), shown=("nickname", "visible_number", "uid"),
        sought={"uid": lambda text: normalize_uid(text.whole) or text.whole}, joins=("organization",),
        url=lambda row: link("pass", row.pk),
        detail=lambda row: _joined(row.visible_number if row.nickname else "", row.uid, row.organization.name),
    ),
    Kind(
        "users", lazy("Users"), "user", _people, fields=("name", "email"), around=("organization__name",),
        joins=("organization",), detail=lambda row: _joined(row.email if row.name else "", row.organization.name),
    ),
)  # fmt: skip
SLUGS = {*(kind.slug for kind in KINDS), "transactions", "help"}
LEAST_HELP = 3  # characters: nearly every page has a word that begins with two


def find(user: User, raw: str, limit: int, *, only: str = "", page: int = 1) -> list[Group]:
    """At most `limit` hits of each kind, or the page of those of one."""
    text = Text.of(raw)
    kinds = [kind for kind in KINDS if not only or kind.slug == only] if len(text.whole) >= LEAST else []
    window = slice((page - 1) * limit, page * limit)
    groups = [group for kind in kinds if (group := _found(user, kind, text, window))]
    if text and only in ("", "transactions") and (group := _transactions(user, text, window)):
        groups.append(group)
    if sum(group.total for group in groups) < FEW and trigrams.available():
        found = {group.slug for group in groups}
        groups += [group for kind in kinds if kind.slug not in found and (group := _similar(user, kind, text, window))]
    groups.sort(key=lambda group: group.hits[0].rank)
    if only in ("", "help") and len(text.whole) >= LEAST_HELP and (group := _pages(text, window)):
        groups.append(group)
    return groups


def _ways(kind: Kind, text: Text) -> tuple[Q, Q, Q, Q] | None:
    """What makes a row an exact hit, one that begins with the text, where its words begin, and a hit at all."""
    exact, begins, own = Q(), Q(), Q()
    for name in kind.fields:
        sought = kind.sought[name](text) if name in kind.sought else text.whole
        if len(sought) < LEAST + (not kind.by_words):
            continue
        exact |= Q(**{f"{name}__iexact": sought})
        begins |= Q(**{f"{name}__istartswith": sought})
        own |= Q(**{f"{name}__icontains": sought})
    if not own:
        return None
    if not kind.by_words:
        return exact, begins, Q(pk__in=[]), own
    # Each word somewhere, and one of them in the row itself: not everything at a place whose name was typed
    each, any_own, at_words = Q(), Q(), Q()
    for word in sorted(text.words, key=len, reverse=True):  # the rarest first
        inside = _any(kind.fields, "icontains", word)
        # An index of groups of three letters finds two of them only where a name begins with them
        any_own |= inside if len(word) > 2 else _any(kind.fields, "istartswith", word)
        each &= inside | _any(kind.around, "icontains", word) if kind.around else inside
        at_words &= _any((*kind.fields, *kind.around), "iregex", rf"(^|\W|_){re.escape(word)}")
    return exact, begins, at_words, (own | (each & any_own) if len(text.words) > 1 else own)


def _any(fields: Sequence[str], lookup: str, value: str) -> Q:
    return reduce(or_, (Q(**{f"{name}__{lookup}": value}) for name in fields))


def _found(user: User, kind: Kind, text: Text, window: slice) -> Group | None:
    ways = _ways(kind, text)
    if ways is None:
        return None
    exact, begins, at_words, contains = ways
    visible = kind.rows(user).order_by()
    rows = visible.filter(contains)
    if connection.features.supports_slicing_ordering_in_compound:
        # Ranking a hundred thousand rows that all match would take long. SQLite cannot do this, and has no such tables.
        first, *more = (visible.filter(way).values("pk")[:BOUND] for way in (exact, begins, contains))
        rows = visible.filter(pk__in=first.union(*more))
    rank = Case(
        When(exact, then=Value(EXACT)), When(begins, then=Value(BEGINS)), When(at_words, then=Value(WORD)), default=Value(CONTAINS),
        output_field=IntegerField(),
    )  # fmt: skip
    names = [NullIf(F(name), Value("", output_field=CharField())) for name in kind.shown or kind.fields[:1]]
    shown = Coalesce(*names, Value("")) if len(names) > 1 else names[0]
    rows = rows.annotate(rank=rank, size=Length(shown), total=Window(Count("pk"))).order_by("rank", "size", kind.fields[0], "pk")
    found = list(rows.select_related(*kind.joins)[window] if kind.joins else rows[window])
    if not found:
        return None
    bounded = found[0].total >= BOUND and connection.features.supports_slicing_ordering_in_compound
    total = min(found[0].total, BOUND) if bounded else found[0].total
    return Group(kind.slug, str(kind.label), kind.icon, [_hit(kind, text, row, row.rank) for row in found], total, bounded)


def _hit(kind: Kind, text: Text, row: Any, rank: int) -> Hit:
    return Hit(kind.name(row), kind.detail(row), kind.url(row), rank, text)


def _similar(user: User, kind: Kind, text: Text, window: slice) -> Group | None:
    """What is written similarly: of what shares enough groups of three letters, that which is a few typos away."""
    from django.contrib.postgres.lookups import TrigramWordSimilar
    from django.contrib.postgres.search import TrigramWordSimilarity

    words = [word.upper() for word in (text.words if kind.by_words else [text.key])]
    loose = [word for word in words if allowed(word)]
    if not loose:
        return None
    rows, nearness = kind.rows(user), Value(0.0)
    for word in loose:
        columns = [Upper(name) for name in kind.fields]
        rows = rows.filter(reduce(or_, (Q(TrigramWordSimilar(column, Value(word))) for column in columns)))
        alike = [Coalesce(TrigramWordSimilarity(word, column), Value(0.0)) for column in columns]
        nearness = nearness + (Greatest(*alike) if len(alike) > 1 else alike[0])  # type: ignore[assignment]
    if kind.joins:
        rows = rows.select_related(*kind.joins)
    found = []
    share = max(0.33, min((len(word) + 1 - SPOILT[allowed(word)]) / (len(word) + 1) for word in loose) - 0.02)
    with transaction.atomic(), connection.cursor() as cursor:
        # PostgreSQL takes comparing words for as cheap as comparing numbers, and would not use the index
        local = "set_config('pg_trgm.word_similarity_threshold', %s, true), set_config('enable_seqscan', 'off', true)"
        cursor.execute(f"SELECT {local}", [str(share)])
        candidates = list(rows.annotate(nearness=nearness).order_by("-nearness", kind.fields[0], "pk")[:BOUND])
    for row in candidates:
        far = near(words, " ".join(str(_value(row, name) or "") for name in (*kind.fields, *kind.around)))
        if far is not None:
            found.append((far, row))
    found.sort(key=lambda pair: pair[0])  # stable: of those alike the nearest by groups of letters first
    hits = [_hit(kind, text, row, SIMILAR) for _far, row in found[window]]
    return Group(kind.slug, str(kind.label), kind.icon, hits, len(found), bounded=False) if hits else None


def _value(row: Any, lookup: str) -> Any:
    for name in lookup.split("__"):
        row = getattr(row, name)
    return row


def _transactions(user: User, text: Text, window: slice) -> Group | None:
    """By our number, or by the id that the station gave it: all of it, or its beginning where that is no mere number."""
    number = text.whole.removeprefix("#")
    condition = Q()
    if number.isascii() and number.isdecimal() and len(number) < 19:
        condition |= Q(pk=int(number))
    if len(number) >= LEAST_ID and len(text.words) == 1:
        condition |= Q(transaction_id__iexact=number) if number.isdecimal() else Q(transaction_id__istartswith=number)
    if not condition:
        return None
    rows = Transaction.objects.visible_to(user).filter(condition).select_related("station__location").order_by("-pk")
    found = list(rows[: BOUND + 1])
    if not found:
        return None
    hits = [
        Hit(
            _("Transaction %d") % row.pk,
            _joined(row.transaction_id if row.transaction_id != str(row.pk) else "", str(row.station), row.station.location.name),
            row.get_absolute_url(),
            EXACT if number in (str(row.pk), row.transaction_id) else BEGINS,
            text,
        )
        for row in found
    ]
    hits.sort(key=lambda hit: hit.rank)
    shown = hits[window]
    return Group("transactions", _("Transactions"), "bolt", shown, min(len(hits), BOUND), len(hits) > BOUND) if shown else None


def _pages(text: Text, window: slice) -> Group | None:
    """Of the help centre, which comes last: who looks for a thing that is there wants the thing."""
    found = help.find(text, loosely=False)
    hits = [Hit(str(hit.page.title), hit.sentence, hit.url, CONTAINS, text) for hit in found[window]]
    return Group("help", _("Help"), "help", hits, len(found), bounded=False) if hits else None
