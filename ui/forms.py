"""Forms as pages: what an action refuses stands beside its field, and nothing that was typed is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError
from django.db.models import UniqueConstraint
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from ui.edits import Edit, Latest

log = logging.getLogger("energycloud.forms")

Trail = Sequence[tuple[Any, str]]


def refuse(form: forms.BaseForm, error: ValidationError) -> None:
    """Put what an action refused beside the fields it names; the rest above the form."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error)
        return
    for name, errors in error.error_dict.items():
        form.add_error(name if name in form.fields else None, errors)


def put_beside(form: forms.BaseForm) -> None:
    """What a constraint says of several fields together (a name that is taken) goes beside the last of them that people can type."""
    if not (errors := form.non_field_errors().as_data()):
        return
    rules = [rule for model in apps.get_models() for rule in model._meta.constraints if isinstance(rule, UniqueConstraint)]
    for error in errors:
        said = [rule for rule in rules if str(rule.violation_error_message) in error.messages]
        fields = [name for rule in said for name in reversed(rule.fields) if name in form.fields and not form.fields[name].disabled]
        if fields:
            form.errors[NON_FIELD_ERRORS].data.remove(error)
            form.add_error(fields[0], error)
    if not form.errors[NON_FIELD_ERRORS]:
        del form.errors[NON_FIELD_ERRORS]


def attempt(act: Callable[..., Any], *arguments: Any) -> Any:
    """What `act` gives. Of two people who do the same at once the database lets one through; the other is told, as a ValidationError."""
    try:
        return act(*arguments)
    except IntegrityError as error:
        log.warning("refused by the database: %s", str(error).partition("\n")[0])  # what follows are values
        raise ValidationError(
            _("Somebody else has changed something here at the same moment. Look at it again, then try again.")
        ) from error


def form_page(
    request: HttpRequest,
    form: forms.BaseForm,
    save: Callable[[dict[str, Any]], Any],
    *,
    title: str,
    submit_label: str,
    cancel_url: str,
    done: str,
    done_url: Callable[[Any], str] | str,
    breadcrumbs: Trail = (),
    intro: str = "",
    template: str = "ui/form.html",
    context: dict[str, Any] | None = None,
    latest: Latest | None = None,
) -> HttpResponse:
    """The page of `form`. A valid POST calls `save(cleaned_data)`, tells `done` and goes to `done_url`; a ValidationError is shown.

    A form of something that is there saves only the fields that were changed in it. What somebody else has changed meanwhile too is told
    beside it, with what `latest` knows of that (see ui.edits).
    """
    edit = Edit.of(form)
    if request.method == "POST" and edit:
        form.full_clean()
        edit.tell(latest)
    if request.method == "POST" and form.is_valid():
        try:
            result = attempt(save, edit.changes() if edit else form.cleaned_data)
        except ValidationError as error:
            refuse(form, error)
        else:
            messages.success(request, done)
            return redirect(done_url if isinstance(done_url, str) else done_url(result))
    shown = {
        "form": form, "title": title, "submit_label": submit_label, "cancel_url": cancel_url, "breadcrumbs": breadcrumbs, "intro": intro,
        "drawn": edit.drawn if edit else "",
    }  # fmt: skip
    return render(request, template, shown | (context or {}))


def confirm_page(
    request: HttpRequest,
    act: Callable[[], Any],
    *,
    title: str,
    consequences: Sequence[str],
    submit_label: str,
    cancel_url: str,
    done: str,
    done_url: str,
    refusal: str = "",
    breadcrumbs: Trail = (),
    submit_class: str = "",
    hidden: Sequence[tuple[str, Any]] = (),
    keep_label: str = "",
) -> HttpResponse:
    """Asks, naming what happens; a POST does it. `refusal` says why it cannot be done. A POST without what is `hidden` on the page is
    only asked. `keep_label`: of the button that does nothing, where "Cancel" would be what is asked about."""
    if request.method == "POST" and not refusal and all(request.POST.get(name) == str(value) for name, value in hidden):
        try:
            attempt(act)
        except ValidationError as error:
            refusal = " ".join(error.messages)
        else:
            messages.success(request, done)
            return redirect(done_url)
    context = {
        "title": title, "consequences": consequences, "submit_label": submit_label, "cancel_url": cancel_url, "refusal": refusal,
        "breadcrumbs": breadcrumbs, "submit_class": submit_class, "hidden": hidden, "keep_label": keep_label,
    }  # fmt: skip
    return render(request, "ui/confirm.html", context)


def next_url(request: HttpRequest, otherwise: str) -> str:
    """Where `?next=` or the form's `next` wants to go, when that is a page of ours."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return wanted if wanted and safe else otherwise
