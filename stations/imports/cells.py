"""Cells of a file, as the imports of locations and stations read them, and how an organization in one is found."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from import_export.widgets import Widget

from stations.hardware import several, together
from tenancy.imports.rows import Choice, text_of
from tenancy.models import Organization, User
from tenancy.names import same_name


class Found(Widget):
    """The cell was looked up before, together with all others of the part."""


class Whole(Widget):
    """A whole number within bounds. Empty: None."""

    def __init__(self, least: int, most: int) -> None:
        super().__init__()
        self.least, self.most = least, most

    def clean(self, value: Any, row: Any = None, **rest: Any) -> Any:
        text = text_of(value)
        if not text:
            return None
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and self.least <= int(text) <= self.most):
            raise ValidationError(_("Write a whole number from %(least)d to %(most)d.") % {"least": self.least, "most": self.most})
        return int(text)


class Degrees(Widget):
    """A coordinate, with a point or a comma. Empty: None."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def clean(self, value: Any, row: Any = None, **rest: Any) -> Any:
        text = text_of(value).replace(",", ".")
        if not text:
            return None
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not -self.most <= number <= self.most:
            raise ValidationError(_("Write a number from -%(most)d to %(most)d, such as 51.9170.") % {"most": self.most})
        return number

    def render(self, value: Any, obj: Any = None, **rest: Any) -> str:
        return "" if value is None else repr(float(value))


class ChoiceOrNone(Choice):
    """Empty: no choice, as the model keeps it."""

    def clean(self, value: Any, row: Any = None, **rest: Any) -> Any:
        return super().clean(value, row) or ""


class Several(Widget):
    """One value for all connectors, or one for each with ; between: a tuple. Empty: what an empty value gives."""

    def __init__(self, one: Widget) -> None:
        super().__init__()
        self.one = one

    def clean(self, value: Any, row: Any = None, **rest: Any) -> Any:
        return tuple(self.one.clean(part) for part in several(text_of(value)) or [""])

    def render(self, value: Any, obj: Any = None, **rest: Any) -> str:
        return together(value)


def or_error(find: Callable[[Any], Any], value: Any) -> Any:
    """What `find` gives, or the ValidationError that it raised."""
    try:
        return find(value)
    except ValidationError as error:
        return error


class Places:
    """The organizations that the rows of a file may name: the one chosen and those below it, where `user` holds `right`."""

    def __init__(self, user: User, home: Organization, right: str) -> None:
        self.user, self.home, self.right = user, home, right
        self.named: dict[str, list[Organization]] | None = None

    def find(self, row: dict[str, Any]) -> Organization | None:
        """None where the row names none."""
        text = same_name(text_of(row.get("organization")))
        if not text:
            return None
        if text == same_name(self.home.name):
            return self.home
        if self.named is None:
            self.named = {}
            for one in Organization.objects.visible_to(self.user, self.right).below(self.home.path):
                self.named.setdefault(same_name(one.name), []).append(one)
        found = self.named.get(text, [])
        if not found:
            raise ValidationError(_("There is no organization with this name where you may change this, %s or below it.") % self.home)
        if len(found) > 1:
            raise ValidationError(_("There are several organizations with this name. Import them one by one, at each of them."))
        return found[0]


def exact(found: Sequence[Any], name: str) -> list[Any]:
    """Those whose name is written just so; all of them where none is."""
    return [one for one in found if one.name == name] or list(found)
