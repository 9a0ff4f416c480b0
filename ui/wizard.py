"""Several forms one after the other, as pages: what was typed waits on the server until the last page, a summary, does it all at once.

A wizard is one declaration and one `finish`:

    class AddThing(Wizard):
        title, submit_label = lazy("Add a thing"), lazy("Add thing")
        flow = (
            Step("details", lazy("Details"), DetailsForm),
            Step("rates", lazy("Rates"), RatesForm, when=lambda wizard: …),
        )

        def admit(self) -> None: …                      # raise what refuses this person; asked with every request
        def finish(self, values) -> HttpResponse: …     # the action; `values` are those of all steps

    path("things/add/", AddThing.as_view(), name="thing_add")

Its address without a query is the first step, empty. With the first step that is in order what was typed is kept in the session, under
a random key that the address then carries: two tabs do not disturb each other, and the step is in the address too (`?key=…&step=rates`).
Fields of different steps have different names. A ValidationError of `finish` is shown beside the field it names, in that field's step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.crypto import get_random_string
from django.utils.encoding import force_str
from django.utils.translation import gettext as _
from formtools.wizard.storage.base import BaseStorage
from formtools.wizard.views import WizardView

from ui.forms import Trail, attempt, refuse
from ui.words import in_words

if TYPE_CHECKING:
    from django.http import QueryDict

SUMMARY = "summary"
MOST = 8  # unfinished wizards of one login; the oldest is forgotten


class Step(NamedTuple):
    """One page. `when` leaves the step out where it gives false; `intro` stands above its fields."""

    slug: str
    heading: Any
    form: type[forms.BaseForm]
    when: Callable[[Any], bool] | None = None
    intro: Any = ""


class Kept(BaseStorage):
    """What was typed, in the session, once `save` was called."""

    def __init__(self, prefix: str, request: HttpRequest, file_storage: Any = None) -> None:
        super().__init__(prefix, request, file_storage)
        self.data = request.session.get(self.prefix)
        if self.data is None:
            self.init_data()

    def save(self) -> None:
        session = self.request.session
        session[self.prefix] = self.data
        unfinished = [str(name) for name in session.keys() if name.startswith("wizard_")]  # noqa: SIM118
        for name in unfinished[:-MOST]:
            del session[name]

    def reset(self) -> None:
        super().reset()
        self.request.session.pop(self.prefix, None)


class Wizard(WizardView):
    storage_name = "ui.wizard.Kept"
    template_name = "ui/wizard.html"
    title: Any = ""
    submit_label: Any = ""  # repeats the verb
    flow: tuple[Step, ...] = ()

    # -- what a wizard says for itself --------------------------------------------------------------------------------------------------

    def admit(self) -> None:
        """Raises what refuses this person; asked with every request."""

    def propose(self) -> dict[str, Any]:
        """What the fields begin with, by name; plain values. Asked once, with the address that the wizard was opened with."""
        return {}

    def form_options(self, step: str) -> dict[str, Any]:
        """Arguments for the form of this step, beside those of every form."""
        return {}

    def finish(self, values: dict[str, Any]) -> HttpResponseBase:
        """Do it, with the cleaned values of all steps; leads on to another page. A ValidationError is shown where it belongs."""
        raise NotImplementedError

    def cancel_url(self) -> str:
        raise NotImplementedError

    def breadcrumbs(self) -> Trail:
        return ()

    # -- what forms and conditions may ask ------------------------------------------------------------------------------------------------

    def typed(self, step: str) -> dict[str, Any]:
        """The cleaned values of another step; empty while it is not in order."""
        return self.get_cleaned_data_for_step(step) or {}

    # -- how it works -------------------------------------------------------------------------------------------------------------------

    @classmethod
    def get_initkwargs(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().get_initkwargs(
            [(step.slug, step.form) for step in cls.flow], condition_dict={step.slug: step.when for step in cls.flow if step.when}
        )
        return found

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.admit()
        self.key = request.GET.get("key", "")
        if self.key and f"wizard_{self.get_prefix(request)}" not in request.session:
            messages.warning(request, _("This was finished already, or has waited for too long. Please begin again."))
            return redirect(self.url())
        self.key = self.key or get_random_string(12)
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return answer

    def get_prefix(self, request: HttpRequest, *args: Any, **kwargs: Any) -> str:
        return f"{type(self).__name__}_{self.key}"

    def get_form_prefix(self, step: str | None = None, form: Any = None) -> None:
        return None  # each step is a page of its own

    def get_form_kwargs(self, step: str | None = None) -> dict[str, Any]:
        return self.form_options(str(step or self.steps.current))

    def get_form_initial(self, step: str) -> dict[str, Any]:
        extra = self.storage.extra_data
        proposed: dict[str, Any] = extra["proposed"] if "proposed" in extra else self.propose()
        drafts: dict[str, dict[str, Any]] = extra.get("drafts", {})
        return proposed | drafts.get(step, {})

    def get_form_step_data(self, form: forms.BaseForm) -> dict[str, list[str]]:
        """Of what was posted only what belongs to a field; some widgets have several parts, called name_0, name_1."""
        fields, data = form.fields, cast("QueryDict", form.data)
        return {name: data.getlist(name) for name in data if name in fields or name.rpartition("_")[0] in fields}

    def url(self, step: str = "", **query: str) -> str:
        """Of a step, with the scope of the page; without one that of the beginning."""
        wanted = {"in": self.request.GET["in"]} if self.request.GET.get("in") else {}
        wanted |= {"key": self.key, "step": step} | query if step else {}
        return f"{self.request.path}?{urlencode(wanted)}" if wanted else self.request.path

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        step = self.step()
        if step == SUMMARY:
            in_order, failed = self.checked()
            return self.back_to(failed) if failed else self.summary(in_order)
        self.storage.current_step = step
        return self.render(self.stored(step))  # type: ignore[no-any-return]

    def post(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request = self.request
        step = self.step()
        if step == SUMMARY:
            try:
                answer: HttpResponseBase = attempt(self.render_done, None)
            except ValidationError as error:
                return self.refused(error)
            return answer
        self.storage.current_step = step
        form = self.get_form(data=request.POST, files=request.FILES)
        drafts = self.storage.extra_data.setdefault("drafts", {})
        valid = form.is_valid()
        if not valid and "back" not in request.POST:
            return self.render(form)  # type: ignore[no-any-return]
        before = self.steps.prev
        if valid:
            drafts.pop(step, None)
            self.storage.set_step_data(step, self.process_step(form))
            if form.files:
                self.storage.set_step_files(step, self.process_step_files(form))
        else:  # on the way back nothing is asked, and nothing is lost
            self.put_aside(step, as_typed(form))
        self.storage.extra_data.setdefault("proposed", self.propose())
        self.storage.save()
        if "back" in request.POST:
            return redirect(self.url(before or step))
        for name in [name for name in self.__dict__ if name.startswith(("_cleaned_data_cache_", "_resolved_form_list"))]:
            delattr(self, name)  # which steps there are may depend on what was typed
        following = None if request.GET.get("change") else self.steps.next
        return redirect(self.url(following or SUMMARY))

    def put_aside(self, step: str, typed: dict[str, Any]) -> None:
        """The fields of `step` begin with this, unchecked; it is not done any more."""
        self.storage.extra_data.setdefault("drafts", {})[step] = typed
        self.storage.data[self.storage.step_data_key].pop(step, None)

    def step(self) -> str:
        """The one that the address names, where there is such a step."""
        wanted = self.request.GET.get("step", "")
        known = self.request.GET.get("key") and wanted in {SUMMARY, *self.get_form_list()}
        return wanted if known else self.steps.first  # type: ignore[no-any-return]

    def stored(self, step: str) -> Any:
        return self.get_form(step, data=self.storage.get_step_data(step), files=self.storage.get_step_files(step))

    def checked(self) -> tuple[dict[str, Any], str]:
        """The forms of all steps, as far as they are in order now, and the first step that is not."""
        found = {}
        for step in self.get_form_list():
            found[step] = self.stored(step)
            if not found[step].is_valid():
                return found, step
        return found, ""

    def back_to(self, step: str) -> HttpResponse:
        if self.storage.get_step_data(step) is not None:  # else it was just not reached yet
            messages.warning(self.request, _("Something has changed meanwhile. Please look at this again."))
        return redirect(self.url(step, change="1"))

    def render_revalidation_failure(self, step: str, form: Any, **kwargs: Any) -> HttpResponse:
        return self.back_to(step)

    def done(self, form_list: list[Any], **kwargs: Any) -> HttpResponseBase:
        return self.finish({name: value for form in form_list for name, value in form.cleaned_data.items()})

    def refused(self, error: ValidationError) -> HttpResponseBase:
        in_order, _failed = self.checked()
        named = set(error.error_dict) if hasattr(error, "error_dict") else set()
        for step, form in in_order.items():
            if named & set(form.fields):
                refuse(form, error)
                self.storage.current_step = step
                return self.render(form, changing=True)  # type: ignore[no-any-return]
        return self.summary(in_order, error.messages)

    def summary(self, in_order: dict[str, Any], refusals: list[str] | None = None) -> HttpResponseBase:
        parts = [
            (entry.heading, self.url(entry.slug, change="1"), list(told(in_order[entry.slug])))
            for entry in self.flow
            if entry.slug in in_order
        ]
        context = self.page(SUMMARY) | {"parts": parts, "refusals": refusals, "back_url": self.url(list(in_order)[-1])}
        return self.render_to_response(context)  # type: ignore[no-any-return]

    def get_context_data(self, form: Any, changing: bool = False, **kwargs: Any) -> dict[str, Any]:
        step = self.steps.current
        changing = changing or bool(self.request.GET.get("change"))
        more = {
            "form": form,
            "intro": next(entry.intro for entry in self.flow if entry.slug == step),
            "action_url": self.url(step, change="1") if changing else self.url(step) if self.kept else self.request.get_full_path(),
            "back": None if changing else self.steps.prev,
            "changing": changing,
        }
        return self.page(step) | more

    @property
    def kept(self) -> bool:
        return self.storage.prefix in self.request.session

    def page(self, here: str) -> dict[str, Any]:
        """What every page of the wizard shows."""
        headings = {entry.slug: entry.heading for entry in self.flow}
        names = [*self.get_form_list(), SUMMARY]
        return {
            "title": self.title,
            "heading": headings.get(here, _("Check and finish")),
            "number": names.index(here) + 1,
            "steps": [
                (headings.get(name, _("Check and finish")), self.url(name) if number < names.index(here) else "", name == here)
                for number, name in enumerate(names)
            ],
            "submit_label": self.submit_label if here == SUMMARY else _("Next"),
            "cancel_url": self.cancel_url(),
            "breadcrumbs": self.breadcrumbs(),
        }


def as_typed(form: forms.BaseForm) -> dict[str, Any]:
    """What was typed into `form`, unchecked, as its fields may begin with it."""
    return {bound.name: _plain(bound.data) for bound in form if bound.data is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [str(part) for part in value]
    return value if isinstance(value, (bool, str, int)) else str(value)


def told(form: Any) -> Iterator[tuple[str, str]]:
    """(label, value in words) of what was entered. A form that has more to say does it in `told(name)`: words, or None for ours."""
    for bound in form.visible_fields():
        own = form.told(bound.name) if hasattr(form, "told") else None
        yield force_str(bound.label), own if own is not None else in_words(bound.field, form.cleaned_data.get(bound.name))
