"""Of several people who edit the same thing at once nobody overwrites unseen what another has written.

A page that edits sends along what each field showed when it was drawn. A field that still says that was not touched: it is not written, so
what somebody else has made of it stays. Where both have changed the same field, the second is told beside it what it is now; what they
typed is kept, and saving once more puts it there. That needs no lock and no number of a version.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeGuard

from django import forms
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.utils.translation import gettext as _

from ui.words import in_words

DRAWN = "drawn"  # the name under which a page sends along what it showed
Latest = Callable[[str], tuple[str, str] | None]  # field -> who changed it last and when, where the reader may know


class Parts(Protocol):
    """What a field with a value of several parts has, so that it takes part: the value as one text, that text put back into what was sent,
    and in words."""

    def as_text(self, value: Any) -> str: ...

    def put(self, data: Any, name: str, text: str) -> None: ...

    def told(self, text: str) -> str: ...


class Edit:
    """What was changed in `form`, which edits something that is there. Must be made before the form is checked: fields that were not
    touched get the values of now."""

    def __init__(self, form: forms.ModelForm[Any]) -> None:
        self.form = form
        self.same: set[str] = set()  # not touched, or typed what it is already
        self.conflicts: dict[str, str] = {}  # name -> what it is now
        if form.is_bound:
            self._compare()

    @classmethod
    def of(cls, form: forms.BaseForm) -> Edit | None:
        """That of `form`, always the same one; None where something new is made."""
        if not isinstance(form, forms.ModelForm) or form.instance.pk is None:
            return None
        found = form.__dict__.get("_edit")
        if not isinstance(found, Edit):
            found = form.__dict__["_edit"] = cls(form)
        return found

    def _compare(self) -> None:
        data: Any = self.form.data.copy()  # type: ignore[attr-defined]
        drawn = _sent(data.get(DRAWN, ""))
        for bound in self._fields():
            now, typed = _plain(bound.field, bound.initial), _plain(bound.field, bound.data, shown=True)
            was = _plain(bound.field, _drawn(bound.field, drawn[bound.name]), shown=True) if bound.name in drawn else now
            unseen = bool(drawn) and bound.name not in drawn  # the page that was drawn did not have it
            if unseen or _alike(bound.field, typed, was) or _alike(bound.field, typed, now):
                self.same.add(bound.name)
                if _has_parts(bound.field):
                    bound.field.put(data, bound.html_name, str(now))
                    continue
                if isinstance(now, bool):
                    data.pop(bound.html_name, None)
                if now is not False:
                    data[bound.html_name] = "on" if now is True else now
            elif not _alike(bound.field, was, now):
                self.conflicts[bound.name] = self._in_words(bound, now)
        self.form.data = data

    def _fields(self) -> Iterator[forms.BoundField]:
        """Those that have one value, or `Parts`, which a page shows; not files."""
        for name, field in self.form.fields.items():
            many = isinstance(field.widget, forms.MultiWidget) or getattr(field.widget, "allow_multiple_selected", False)
            if _has_parts(field) or not (many or field.disabled or isinstance(field, forms.FileField)):
                yield self.form[name]

    def _in_words(self, bound: forms.BoundField, now: str | bool) -> str:
        if _has_parts(bound.field):
            return bound.field.told(str(now))
        try:
            choices = dict(getattr(self.form.instance._meta.get_field(bound.name), "flatchoices", ()))
        except FieldDoesNotExist:
            choices = {}
        if now in choices:
            return str(choices[now])
        if isinstance(now, bool) or isinstance(bound.field, (forms.ChoiceField, forms.ModelChoiceField)):
            try:
                return in_words(bound.field, bound.field.to_python(now))
            except ValidationError:  # it is not one of the choices any more
                return ""
        return now

    @property
    def drawn(self) -> str:
        """What the fields show now, to be sent along."""
        return json.dumps({bound.name: _plain(bound.field, bound.initial) for bound in self._fields()})

    def changes(self) -> dict[str, Any]:
        """The cleaned values of those fields that were changed."""
        fields = self.form.fields
        return {
            name: value
            for name, value in self.form.cleaned_data.items()
            if name not in self.same and not (name in fields and fields[name].disabled)
        }

    def tell(self, latest: Latest | None = None) -> None:
        """Puts beside the fields what somebody else has made of them; the form is not in order then."""
        told = {name: now for name, now in self.conflicts.items() if name in self.form.fields}
        for name, now in told.items():
            value = f"“{now}”" if now not in ("", "–") else _("empty")
            if by := latest(name) if latest else None:
                said = _("%(who)s changed this meanwhile, on %(when)s. Now it is: %(value)s.") % {
                    "who": by[0], "when": by[1], "value": value,
                }  # fmt: skip
            else:
                said = _("Somebody else has changed this meanwhile. Now it is: %s.") % value
            self.form.add_error(name, said)
        if told:
            self.form.add_error(None, _("Somebody else was faster, so nothing is saved yet. Look at the marked fields, then save again."))


def _has_parts(field: Any) -> TypeGuard[Parts]:
    return hasattr(field, "as_text")


def _sent(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _drawn(field: forms.Field, value: Any) -> Any:
    """As a browser sent it, which may be anything."""
    return str(value) if _has_parts(field) else value


def _plain(field: forms.Field, value: Any, *, shown: bool = False) -> str | bool:
    """A value as the page shows it; `shown`: it comes from a page."""
    if isinstance(field, forms.BooleanField):
        return bool(field.to_python(value))
    if _has_parts(field):
        return value if isinstance(value, str) else field.as_text(value)
    if not shown:
        value = field.prepare_value(value)
        if not isinstance(field.widget, forms.widgets.ChoiceWidget):
            value = field.widget.format_value(value)
    return "" if value is None else str(value).replace("\r\n", "\n")


def _alike(field: forms.Field, one: str | bool, other: str | bool) -> bool:
    if one == other:
        return True
    if isinstance(field, (forms.ChoiceField, forms.ModelChoiceField)):
        return False
    try:
        return bool(field.to_python(one) == field.to_python(other))
    except (ValidationError, ArithmeticError):  # a number that is none cannot even be compared
        return False
