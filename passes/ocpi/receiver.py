"""Our side of OCPI 2.2.1 as a CPO: versions (§6), credentials (§7) and the receiver of tokens (§12.2.1).

Whoever calls is a provider: its credentials token alone says which, and it reaches nothing but the cards of its own party (one that stands
for a network of many: those that came through it). There is no session, no cookie and no user here.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, re_path, reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from passes import actions
from passes.models import Provider, RoamingToken
from passes.ocpi import client, keys, objects, store
from passes.ocpi.objects import Wrong
from tenancy.address import seen_from

log = logging.getLogger("passes.ocpi")

TOKENS = "/ocpi/cpo/2.2.1/tokens"
EVERY_METHOD = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MOST_BYTES = 64 * 1024  # of a request
WINDOW = 60  # seconds in which refusals are counted
HANDSHAKES = 10  # in WINDOW, of one provider
HANDSHAKE_TIMEOUT = 10.0  # seconds, for each of two requests


class Caller(NamedTuple):
    """Who calls. `registering`: with the registration token, which is good for versions and credentials alone."""

    provider: Provider
    token: str
    digest: str
    registering: bool


class Refused(Exception):
    """An answer other than the one asked for: HTTP status, OCPI status and why."""

    def __init__(self, http: int, code: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.http, self.code, self.message, self.headers = http, code, message, headers


def envelope(data: Any = None, code: int = objects.SUCCESS, message: str = "Success", http: int = 200) -> HttpResponse:
    """§4.1.7."""
    body = {"status_code": code, "status_message": message, "timestamp": objects.stamp(timezone.now())}
    return JsonResponse(body if data is None else {"data": data, **body}, status=http)


View = Callable[..., HttpResponse]


def endpoint(*methods: str, registration: bool = False) -> Callable[[Callable[..., HttpResponse]], View]:
    """A view of OCPI: who calls is known, what they may not do is refused in the envelope, and nothing of it is logged with its path, in
    which a card's UID may stand."""

    def decorate(view: Callable[..., HttpResponse]) -> View:
        @csrf_exempt
        @login_not_required
        @wraps(view)
        def answer(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            try:
                caller = authenticated(request, registration=registration)
                if request.method not in methods:
                    raise Refused(405, objects.CLIENT_ERROR, "There is no such method here.", Allow=", ".join(methods))
                response = view(request, caller, **kwargs)
            except Wrong as wrong:
                response = envelope(code=wrong.code, message=wrong.message)
            except Refused as refused:
                response = envelope(code=refused.code, message=refused.message, http=refused.http)
                for name, value in refused.headers.items():
                    response.headers[name.replace("_", "-")] = value
            except Exception:
                log.exception("an OCPI request could not be answered")
                response = envelope(code=objects.SERVER_ERROR, message="This could not be done. Try again later.", http=500)
            response._has_been_logged = True  # type: ignore[attr-defined]
            response.headers["Cache-Control"] = "no-store"
            for name in ("X-Request-ID", "X-Correlation-ID"):
                value = request.headers.get(name, "")
                if value and len(value) <= 100 and value.isascii() and value.isprintable():
                    response.headers[name] = value
            return response

        return answer

    return decorate


# -- who calls ----------------------------------------------------------------------------------------------------------------------------


def authenticated(request: HttpRequest, *, registration: bool) -> Caller:
    """Whoever calls, by their token alone. Wrong ones are counted per address; a right one is let in whatever its neighbours do: whether
    it is one costs a look at an index, as much as counting does."""
    for token in keys.offered(request.headers.get("Authorization", "")):
        caller = _caller(token, keys.digest(token))
        if caller is not None and (registration or not caller.registering):
            return caller
    address = seen_from(request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", ""))[:45]
    if _count(f"ocpi-refused:{address}") > settings.OCPP_REFUSALS_PER_MINUTE:
        raise Refused(429, objects.CLIENT_ERROR, "Too many refused requests. Wait a minute.", Retry_After=str(WINDOW))
    raise Refused(401, objects.CLIENT_ERROR, "This needs a valid credentials token.", WWW_Authenticate="Token")


def _count(key: str) -> int:
    """How often this has happened within a minute, this time included."""
    cache.add(key, 0, WINDOW)
    try:
        return int(cache.incr(key))
    except ValueError:  # the minute has just ended
        return 1


def _caller(token: str, digest: str) -> Caller | None:
    known = Q(login_digest=digest) | Q(registration_digest=digest, registration_until__gt=timezone.now())
    for provider in Provider.objects.filter(known, leaving_since=None).select_related("organization"):
        if keys.matches(digest, provider.login_digest):
            return Caller(provider, token, digest, False)
        if keys.matches(digest, provider.registration_digest):
            return Caller(provider, token, digest, True)
    return None


def body_of(request: HttpRequest) -> Any:
    """The JSON of the body."""
    data = request.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise Refused(413, objects.INVALID, f"The body is longer than {MOST_BYTES} bytes.")
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise Refused(400, objects.INVALID, "The body is no JSON.") from None


# -- versions and credentials -------------------------------------------------------------------------------------------------------------


@endpoint("GET", registration=True)
def versions(request: HttpRequest, caller: Caller) -> HttpResponse:
    return envelope([{"version": objects.VERSION, "url": request.build_absolute_uri(reverse("ocpi_version"))}])


@endpoint("GET", registration=True)
def version(request: HttpRequest, caller: Caller) -> HttpResponse:
    places = (("credentials", "SENDER", reverse("ocpi_credentials")), ("tokens", "RECEIVER", TOKENS))
    endpoints = [{"identifier": name, "role": role, "url": request.build_absolute_uri(path)} for name, role, path in places]
    return envelope({"version": objects.VERSION, "endpoints": endpoints})


@endpoint("GET", "POST", "PUT", "DELETE", registration=True)
def credentials(request: HttpRequest, caller: Caller) -> HttpResponse:
    """§7.2: the provider registers with the registration token, and changes or ends that with the one it got for it."""
    if request.method == "GET":
        return envelope(ours(request, caller.provider, caller.token))
    if caller.registering != (request.method == "POST"):
        registered = "not registered yet" if caller.registering else "registered already"
        raise Refused(405, objects.CLIENT_ERROR, f"You are {registered}.", Allow="GET, POST" if caller.registering else "GET, PUT, DELETE")
    if request.method == "DELETE":
        actions.disconnect_provider(actor=None, provider=caller.provider)
        return envelope()
    theirs = objects.read_credentials(body_of(request))
    own = (caller.provider.country_code, caller.provider.party_id)
    if own not in theirs.parties:
        raise Wrong(f"roles: {'*'.join(own)}, for which this connection is meant, is not among them")
    tokens_url = endpoints_of(caller.provider, theirs)
    try:
        token = actions.connect_provider(
            actor=None, provider=caller.provider, spent=caller.digest, token=theirs.token, versions_url=theirs.url, tokens_url=tokens_url
        )
    except ValidationError as error:
        raise Refused(401, objects.CLIENT_ERROR, error.messages[0]) from None
    return envelope(ours(request, caller.provider, token))


def ours(request: HttpRequest, provider: Provider, token: str) -> dict[str, Any]:
    """Our Credentials object. Towards a provider we are the organization that has connected it."""
    country, party = settings.OCPI_PARTY
    role = {"role": "CPO", "country_code": country, "party_id": party, "business_details": {"name": provider.organization.name[:100]}}
    return {"token": token, "url": request.build_absolute_uri(reverse("ocpi_versions")), "roles": [role]}


def endpoints_of(provider: Provider, theirs: objects.Credentials) -> str:
    """Where the other side has its cards: its versions, then its endpoints (§7.1.1). No transaction is open meanwhile."""
    if _count(f"ocpi-handshake:{provider.pk}") > HANDSHAKES:
        raise Refused(429, objects.CLIENT_ERROR, "Too many attempts to register. Wait a minute.", Retry_After=str(WINDOW))
    try:
        with client.synchronous(HANDSHAKE_TIMEOUT) as caller:
            found = client.get(caller, theirs.url, client.headers(theirs.token, routed=False))
            details = client.get(caller, objects.version_url(_good(found)), client.headers(theirs.token, routed=False))
            url = objects.tokens_url(_good(details))
            client.check_url(url)
            return url
    except client.Unusable as error:
        raise Wrong(f"Your side could not be asked for its versions and endpoints: {error}.", objects.UNUSABLE_API) from error


def _good(answer: client.Answer) -> Any:
    if not answer.good:
        said = f"HTTP {answer.http}" if not answer.code else f"status {answer.code}"
        raise client.Unusable(f"it answered with {said}", answer.http)
    return answer.data


# -- cards --------------------------------------------------------------------------------------------------------------------------------


@endpoint("GET", "PUT", "PATCH")
def token(request: HttpRequest, caller: Caller, country_code: str, party_id: str, uid: str) -> HttpResponse:
    """§12.2.1. Of another party than the provider may tell of there is nothing (§4.1.5.1)."""
    provider = caller.provider
    if not store.takes(provider, country_code, party_id):
        raise Refused(404, objects.INVALID, "country_code and party_id: not a party of this connection.")
    kind = objects.choice({"type": request.GET.get("type", RoamingToken.Type.RFID)}, "type", RoamingToken.Type.values)
    if len(uid) > 36:
        raise Wrong("token_uid: longer than 36 characters")
    key = objects.uid_of(uid)
    named = {"country_code": country_code.upper(), "party_id": party_id.upper(), "uid": key, "type": kind}
    if request.method == "PUT":
        return _put(provider, objects.read_card(body_of(request)), named)
    rows = RoamingToken.objects.filter(provider=provider, uid=key, type=kind)
    if request.method == "PATCH":
        data = body_of(request)
        objects.check_named(data, named)
        return _patch(provider, rows, (country_code, party_id), objects.read_patch(data))
    return envelope(
        objects.card_object(_of_party(provider, rows.first(), country_code, party_id), provider.country_code, provider.party_id)
    )


def _put(provider: Provider, card: objects.Card, named: dict[str, str]) -> HttpResponse:
    for field, wanted in named.items():
        if getattr(card, field) != wanted:
            raise Wrong(f"{field}: not the one in the address")
    kept = store.keep(provider, [card])
    if kept.older:
        return envelope(message="Success; something newer is known of this token, so nothing was changed.")
    return envelope(http=201 if kept.added else 200)


@transaction.atomic
def _patch(provider: Provider, rows: Any, party: tuple[str, str], fields: dict[str, Any]) -> HttpResponse:
    found = _of_party(provider, rows.select_for_update().first(), *party)
    if fields["last_updated"] < found.last_updated:
        return envelope(message="Success; something newer is known of this token, so nothing was changed.")
    for name, value in fields.items():
        setattr(found, name, value)
    found.save(update_fields=list(fields))
    return envelope()


def _of_party(provider: Provider, found: RoamingToken | None, country_code: str, party_id: str) -> RoamingToken:
    if found is not None:
        own = (found.country_code or provider.country_code, found.party_id or provider.party_id)
        if own == (country_code.upper(), party_id.upper()):
            return found
    raise Refused(404, objects.UNKNOWN_TOKEN, "This token is not known here.")


@endpoint(*EVERY_METHOD, registration=True)
def nothing(request: HttpRequest, caller: Caller) -> HttpResponse:
    """Every other address: whoever calls is a program, and a card's UID may stand in it, with a slash too."""
    raise Refused(404, objects.CLIENT_ERROR, "There is nothing at this address.")


# Some put a slash at the end and some do not; nobody is sent elsewhere
urlpatterns: list[URLPattern] = [
    re_path(r"^ocpi/versions/?\Z", versions, name="ocpi_versions"),
    re_path(r"^ocpi/2\.2\.1/?\Z", version, name="ocpi_version"),
    re_path(r"^ocpi/2\.2\.1/credentials/?\Z", credentials, name="ocpi_credentials"),
    re_path(r"^ocpi/cpo/2\.2\.1/tokens/(?P<country_code>[^/]+)/(?P<party_id>[^/]+)/(?P<uid>[^/]+)/?\Z", token, name="ocpi_token"),
    re_path(r"^ocpi(?:/|\Z)", nothing, name="ocpi_nothing"),
]
