"""Personal data: names, addresses and card numbers of people. Whoever may not see it somewhere gets MASK there in its place.

It belongs to the place where it stands: the name of whoever reset a station to the station, the UID of a pass to the pass. A page masks
its rows in memory, by these; a filter asks only rows where it is seen, and a list sorted by it sorts all others alike (`where_seen`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Case, F, Q, Value, When

from tenancy.rights import PERSONAL_DATA, condition, holds, may

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from tenancy.models import User

MASK = "****"


def sees(user: User | AnonymousUser, thing: models.Model) -> bool:
    """Whether `user` sees the personal data of `thing`. Nobody is masked to themselves."""
    return _same(user, thing) or may(user, PERSONAL_DATA, thing)


def shown(user: User | AnonymousUser, text: str, path: str, place: int | None = None) -> str:
    """`text` as `user` may see it at the organization with this path, or at its location `place`. What is empty stays empty."""
    return text if not text or holds(user, PERSONAL_DATA, path, place) else MASK


def person(user: User | AnonymousUser, who: User | None, path: str, place: int | None = None) -> str:
    """The name of `who`, where it stands beside something at `path`; empty for nobody."""
    if who is None:
        return ""
    return str(who) if _same(user, who) else shown(user, str(who), path, place)


def called(user: User | AnonymousUser | None, who: User) -> str:
    """The name of `who`, as a refusal may tell it to `user`; None is the portal itself."""
    return str(who) if user is None or sees(user, who) else MASK


def where_seen(user: User | AnonymousUser, model: type[models.Model]) -> Q:
    """The rows of `model` whose personal data `user` sees."""
    return condition(user, PERSONAL_DATA, model)


def seen_value(user: User | AnonymousUser, model: type[models.Model], field: str) -> Any:
    """An expression to sort by: the field where `user` sees it, nothing where it is masked, so that the order tells nothing."""
    seen = where_seen(user, model)
    if not seen:
        return F(field)
    return Case(When(seen, then=F(field)), default=Value(None), output_field=model._meta.get_field(field))  # type: ignore[arg-type]


def _same(user: User | AnonymousUser, thing: models.Model) -> bool:
    return user.pk is not None and thing._meta.model is user._meta.model and thing.pk == user.pk
