"""The form of an organization. It checks what was typed; the actions write."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as lazy

from tenancy.models import Organization, User
from tenancy.rights import MANAGE_ORGANIZATIONS


class ParentChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """In the order of the tree, indented as it; `top` is the depth of those that stand leftmost."""

    top = 0

    def label_from_instance(self, obj: Any) -> str:
        return "\N{NO-BREAK SPACE}" * (3 * int(obj.depth - self.top)) + str(obj)


class OrganizationForm(forms.ModelForm):  # type: ignore[type-arg]
    """`above` is the organization proposed as parent of a new one."""

    class Meta:
        model = Organization
        fields = ("parent", "kind", "name", "street", "postal_code", "city", "country", "email", "phone")
        field_classes = {"parent": ParentChoice}

    def __init__(self, *args: Any, user: User, above: Organization | None = None, **kwargs: Any) -> None:
        if above is not None:
            kwargs["initial"] = {"parent": above.pk, "kind": Organization.Kind(above.kind).below[0]}
        super().__init__(*args, **kwargs)
        Kind = Organization.Kind
        if self.instance.pk:
            del self.fields["parent"]  # moving has consequences of its own
            fitting = {self.instance.kind, *(Kind(self.instance.parent.kind).below if self.instance.parent else ())}
        else:
            parent = self.fields["parent"]
            assert isinstance(parent, ParentChoice)
            parent.queryset = possible = Organization.objects.visible_to(user, MANAGE_ORGANIZATIONS).in_tree_order()
            parent.top = user.organization.depth
            parent.required, parent.empty_label = True, None
            kinds = possible.order_by().values_list("kind", flat=True).distinct()
            fitting = {below for kind in kinds for below in Kind(kind).below}
        if self.instance.pk and self.instance.parent_id is None:
            del self.fields["kind"]
        else:
            # Which of them fits depends on the parent chosen beside it: Organization.clean says so.
            self.fields["kind"] = forms.ChoiceField(label=lazy("Kind"), choices=[kind for kind in Kind.choices if kind[0] in fitting])

    def clean_country(self) -> str:
        country = str(self.cleaned_data["country"]).upper()
        if country and not re.fullmatch(r"[A-Z]{2}", country):
            raise forms.ValidationError(lazy("A country is two letters, such as NL."))
        return country
