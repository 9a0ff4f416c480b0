"""Authorities: those of the platform that sign certificates of stations, and those of others that it trusts. The platform's alone; their
certificates and lists of what is revoked are for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django_filters
import django_tables2
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.contrib.auth.decorators import login_not_required
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, re_path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_safe

from stations import actions, authorities, certificate_words, explain
from stations.actions.certificates import SIGNING, TRUSTABLE
from stations.certificate_forms import ImportAuthorityForm, NewAuthorityForm
from stations.models import Authority
from stations.pages.knocking import check_knocks as check_platform
from stations.pki import reading
from tenancy.links import link
from tenancy.pages.shared import NAME, NUMBER, user_of
from ui.forms import Trail, confirm_page, form_page
from ui.lists import Action, ListPage, Table
from ui.templatetags.ui import grouped, state, when


def look(authority: Authority) -> tuple[str, str]:
    """What it does now, as dot and word."""
    if authority.not_after <= timezone.now():
        return explain.FAULT, _("Ended")
    if authority.signs:
        return explain.AVAILABLE, _("Signs new certificates")
    if authority.trusted:
        return explain.BUSY, _("Trusted")
    if authority.use in TRUSTABLE:
        return explain.OFF, _("Not trusted")
    return explain.OFF, _("Kept, to be installed on stations")


class AuthorityFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label=lazy("Name"), field_name="name", lookup_expr="icontains", max_length=80)
    use = django_filters.ChoiceFilter(label=lazy("For"), empty_label=lazy("Any"), choices=Authority.Use.choices)

    class Meta:
        model = Authority
        fields: tuple[str, ...] = ()


class AuthorityTable(Table):
    name = django_tables2.Column(lazy("Name"), attrs=NAME)
    use = django_tables2.Column(lazy("For"), attrs=NAME)
    state = django_tables2.Column(lazy("State"), accessor="signs", orderable=False)
    signed = django_tables2.Column(lazy("Certificates of stations"), attrs=NUMBER)
    not_after = django_tables2.Column(lazy("Until"))

    def render_name(self, record: Authority) -> SafeString:
        whose = _("of the platform") if record.own else _("of somebody else")
        return format_html('<a href="{}">{}</a><span class="sub">{}</span>', link("authority", record.pk), record, whose)

    def value_name(self, record: Authority) -> str:
        return record.name

    def render_use(self, record: Authority) -> str:
        return record.get_use_display()

    def render_state(self, record: Authority) -> SafeString:
        return state(*look(record))

    def value_state(self, record: Authority) -> str:
        return look(record)[1]

    def render_signed(self, value: int) -> str:
        return grouped(value)

    def render_not_after(self, record: Authority) -> SafeString:
        return format_html(
            '{}<span class="sub">{}</span>', when(record.not_after), certificate_words.ends(record.not_after, timezone.now())
        )

    def value_not_after(self, record: Authority) -> str:
        return record.not_after.isoformat(timespec="seconds")


class AuthorityList(ListPage):
    model = Authority
    table_class = AuthorityTable
    filterset_class = AuthorityFilter
    title = lazy("Certificate authorities")
    intro = lazy(
        "Who signs the certificates by which stations prove who they are (security profile 3), and whom else the portal or its "
        "stations trust."
    )
    export_name = "authorities"
    empty_title = lazy("There is no authority yet.")
    empty_text = lazy("Create one: from then on the portal signs what stations ask for, delivers it, and sees to it that it is renewed.")

    def admit(self) -> None:
        check_platform(self.request)

    def get_queryset(self) -> QuerySet[Any]:
        return authorities.every()

    def breadcrumbs(self) -> Sequence[tuple[Any, str]]:
        return [(_("Operations"), link("operations"))]

    def get_actions(self) -> Sequence[Action]:
        return [
            Action(_("Create an authority"), link("authority_add"), icon="plus"),
            Action(_("Import one of somebody else"), link("authority_import"), icon="file-import"),
        ]

    def get_empty_action(self) -> Action | None:
        return self.get_actions()[0]


def trail(authority: Authority | None = None) -> Trail:
    found: list[tuple[Any, str]] = [(_("Operations"), link("operations")), (_("Certificate authorities"), link("authorities"))]
    return [*found, (str(authority), link("authority", authority.pk))] if authority else found


def authority_of(request: HttpRequest, pk: int) -> Authority:
    check_platform(request)
    return get_object_or_404(authorities.every(), pk=pk)


def authority(request: HttpRequest, pk: int) -> HttpResponse:
    row = authority_of(request, pk)
    now, certificate = timezone.now(), reading.kept(row.certificate)
    counts = row.certificates.aggregate(all=Count("pk"), good=Count("pk", filter=Q(state="installed", not_after__gt=now)))
    signer = authorities.signer(row.use) if row.use in SIGNING else None
    context = {
        "title": str(row), "authority": row, "breadcrumbs": trail(), "look": look(row), "ends": certificate_words.ends(row.not_after, now),
        "fingerprint": " ".join(row.fingerprint[at : at + 4] for at in range(0, 64, 4)), "serial": reading.serial(certificate),
        "subject": certificate.subject.rfc4514_string(), "key": key_words(certificate), "counts": counts,
        "revoked": row.revocations.count(), "crl_url": request.build_absolute_uri(crl_path(row)) if row.own else "",
        "signs_for": row.use in SIGNING and row.own, "trustable": row.use in TRUSTABLE, "signer": signer if signer != row else None,
        "why_not_signing": actions.why_not_signing(row) if row.own and not row.signs else "", "stays": actions.why_authority_stays(row),
        "certificates_url": link("certificates", authority=str(pk)),
    }  # fmt: skip
    return render(request, "stations/authority.html", context)


def key_words(certificate: Any) -> str:
    key = certificate.public_key()
    curve = getattr(key, "curve", None)
    return (
        f"{curve.name if curve else 'RSA' if hasattr(key, 'public_numbers') else type(key).__name__}, {getattr(key, 'key_size', '?')} bit"
    )


def add(request: HttpRequest) -> HttpResponse:
    check_platform(request)
    return form_page(
        request, NewAuthorityForm(request.POST or None),
        lambda values: actions.create_authority(actor=user_of(request), **values), title=_("Create an authority"),
        submit_label=_("Create the authority"), cancel_url=link("authorities"),
        done=_("The authority is created. Its key is shown to nobody. Its certificates count after some seconds."),
        done_url=lambda made: link("authority", made.pk), breadcrumbs=trail(),
        intro=_("Its key is made here and never leaves the portal. The first authority signs at once; a later one when you say so."),
    )  # fmt: skip


def import_one(request: HttpRequest) -> HttpResponse:
    check_platform(request)
    return form_page(
        request, ImportAuthorityForm(request.POST or None, request.FILES or None),
        lambda values: actions.import_authority(actor=user_of(request), **values), title=_("Import an authority"),
        submit_label=_("Import the authority"), cancel_url=link("authorities"),
        done=_("The authority is imported. Its certificates count after some seconds."),
        done_url=lambda made: link("authority", made.pk), breadcrumbs=trail(),
        intro=_("Its certificate alone, never a key: to let stations in with what it signed, or to install it on stations."),
    )  # fmt: skip


def sign(request: HttpRequest, pk: int) -> HttpResponse:
    row, here = authority_of(request, pk), link("authority", pk)
    before = authorities.signer(row.use)
    told = [_("From now on %s signs what stations ask for.") % row]
    if before and before != row:
        told += [
            _("%s no longer signs. What it has signed stays good until it ends, and it stays trusted.") % before,
            _("Stations get a certificate of the new one when theirs is renewed, or when they are asked to in the list of certificates."),
            _("If nginx or another proxy checks certificates for the portal, give it the new one too, before the first station has one."),
        ]
    return confirm_page(
        request, lambda: actions.let_authority_sign(actor=user_of(request), authority=row), title=_("Let %s sign?") % row,
        consequences=told, submit_label=_("Let it sign"), submit_class="btn-primary", cancel_url=here, done=_("It signs from now on."),
        done_url=here, refusal=actions.why_not_signing(row), breadcrumbs=trail(row),
    )  # fmt: skip


def trust(request: HttpRequest, pk: int) -> HttpResponse:
    """Trust it, or no longer."""
    row, here = authority_of(request, pk), link("authority", pk)
    trusted = not row.trusted
    count = row.certificates.filter(state="installed").count()
    if trusted:
        told = [_("Stations are let in again with certificates that it signed and that are not revoked.")]
        title, button = _("Trust %s?") % row, _("Trust it")
    else:
        told = [
            _("Stations that have no other certificate and need one are not let in any more: %d have one of it.") % count,
            _("Those that are connected by it are disconnected at once."),
            _("This can be undone. Revoking cannot."),
        ]
        title, button = _("Trust %s no longer?") % row, _("Trust it no longer")
    refusal = "" if row.use in TRUSTABLE else _("What this authority signs is not for the connection of stations.")
    if row.signs and not trusted:
        refusal = _("It signs new certificates now. Let another one sign first.")
    return confirm_page(
        request, lambda: actions.trust_authority(actor=user_of(request), authority=row, trusted=trusted), title=title, consequences=told,
        submit_label=button, submit_class="btn-primary" if trusted else "", cancel_url=here, done=_("Done."), done_url=here,
        refusal=refusal, breadcrumbs=trail(row),
    )  # fmt: skip


def delete(request: HttpRequest, pk: int) -> HttpResponse:
    row = authority_of(request, pk)
    return confirm_page(
        request, lambda: actions.delete_authority(actor=user_of(request), authority=row), title=_("Delete %s?") % row,
        consequences=[_("Its certificate is gone from here; its key too, where that was here.")], submit_label=_("Delete the authority"),
        cancel_url=link("authority", pk), done=_("Deleted."), done_url=link("authorities"), refusal=actions.why_authority_stays(row),
        breadcrumbs=trail(row),
    )  # fmt: skip


# -- for everybody ------------------------------------------------------------------------------------------------------------------------


def crl_path(row: Authority) -> str:
    return reverse("certificate_list", args=[row.fingerprint])


@login_not_required
@require_safe
def revoked(request: HttpRequest, fingerprint: str, pem: str = "") -> HttpResponse:
    """The list of certificates that an authority of ours has revoked (RFC 5280): who checks certificates fetches it."""
    content = authorities.revocation_list(fingerprint)
    if content is None:
        raise Http404
    if pem:
        content = x509.load_der_x509_crl(content).public_bytes(Encoding.PEM)
    answer = HttpResponse(content, content_type="application/x-pem-file" if pem else "application/pkix-crl")
    answer.headers["Cache-Control"] = f"max-age={authorities.LIST_KEPT}"
    return answer


@login_not_required
@require_safe
def certificate(request: HttpRequest, fingerprint: str, form: str) -> HttpResponse:
    """The certificate of an authority, PEM or DER; one of our own is for everybody."""
    row = get_object_or_404(authorities.every(), fingerprint=fingerprint)
    if not row.own and not request.user.is_authenticated:
        raise Http404
    found = reading.kept(row.certificate)
    content = found.public_bytes(Encoding.PEM if form == "pem" else Encoding.DER)
    answer = HttpResponse(content, content_type="application/x-pem-file" if form == "pem" else "application/pkix-cert")
    answer.headers["Content-Disposition"] = content_disposition_header(True, f"{slugify(row.name) or 'authority'}.{form}") or ""
    return answer


urlpatterns: list[URLPattern] = [
    path("authorities/", AuthorityList.as_view(), name="authorities"),
    path("authorities/add/", add, name="authority_add"),
    path("authorities/import/", import_one, name="authority_import"),
    path("authorities/<int:pk>/", authority, name="authority"),
    path("authorities/<int:pk>/sign/", sign, name="authority_sign"),
    path("authorities/<int:pk>/trust/", trust, name="authority_trust"),
    path("authorities/<int:pk>/delete/", delete, name="authority_delete"),
    re_path(r"^certificates/(?P<fingerprint>[0-9a-f]{64})\.crl$", revoked, name="certificate_list"),
    re_path(r"^certificates/(?P<fingerprint>[0-9a-f]{64})\.crl(?P<pem>\.pem)$", revoked, name="certificate_list_pem"),
    re_path(r"^certificates/(?P<fingerprint>[0-9a-f]{64})\.(?P<form>pem|cer)$", certificate, name="authority_file"),
]
