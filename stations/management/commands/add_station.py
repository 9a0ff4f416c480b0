from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from stations import credentials
from stations.actions import add_stations, create_location
from stations.models import AccessMode, CurrentType, Location
from tenancy.models import Organization


class Command(BaseCommand):
    help = (
        "Add a station and print what to type into it. A location that does not exist yet is made, at the platform's organization or at "
        "the one that --organization names. Exit code 1 when the station cannot be added."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("identity", metavar="IDENTITY", help="the station's id, exactly as the station sends it")
        parser.add_argument("--location", required=True, metavar="NAME")
        parser.add_argument("--organization", metavar="NAME", help="needed where several organizations have a location of this name")
        parser.add_argument("--password", help=f"{credentials.SHORTEST} to {credentials.LONGEST} characters; default: a generated one")
        parser.add_argument("--connectors", type=int, default=1)
        parser.add_argument("--current-type", choices=CurrentType.values, default=CurrentType.AC)
        parser.add_argument("--access-mode", choices=AccessMode.values, default="", help="default: the location's")
        parser.add_argument("--alias", default="")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        password = options["password"]
        if password is not None and not credentials.SHORTEST <= len(password.encode()) <= credentials.LONGEST:
            raise CommandError(f"--password must have {credentials.SHORTEST} to {credentials.LONGEST} characters, not {len(password)}.")
        if not 1 <= options["connectors"] <= 32:
            raise CommandError("--connectors must be from 1 to 32.")
        try:
            location = self.location(options["location"], options["organization"])
            ((station, shown),) = add_stations(
                actor=None, location=location, identities=[options["identity"]], connectors=options["connectors"], password=password,
                current_type=options["current_type"], access_mode=options["access_mode"], alias=options["alias"],
            )  # fmt: skip
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"URL:        {station_url()}\nStation id: {station.identity}\nPassword:   {shown}")

    def location(self, name: str, organization: str | None) -> Location:
        found = Location.objects.filter(name=name).select_related("organization")
        if organization:
            found = found.filter(organization__name=organization)
        locations = list(found[:20])
        if len(locations) == 1:
            return locations[0]
        if locations:
            owners = ", ".join(sorted(location.organization.name for location in locations))
            raise CommandError(f"Several organizations have a location “{name}”. Say which with --organization: {owners}.")
        owner = self.owner(organization)
        self.stderr.write(f"There was no location “{name}”: it was made at {owner}.")
        return create_location(actor=None, organization=owner, name=name)

    def owner(self, name: str | None) -> Organization:
        owners = list(Organization.objects.filter(name=name) if name else Organization.objects.filter(parent=None))
        if len(owners) == 1:
            return owners[0]
        if name:
            raise CommandError(f"There is no organization “{name}”." if not owners else f"There are {len(owners)} organizations “{name}”.")
        raise CommandError("There is no organization yet. Run `manage.py first_administrator` first.")


def station_url() -> str:
    """Where a station on this machine, or with HTTPS on the internet, finds the gateway; its id goes after the last slash."""
    host = settings.ALLOWED_HOSTS[0] if settings.ALLOWED_HOSTS else "127.0.0.1"
    if settings.HTTPS:
        return f"wss://{quote(host)}/ocpp/"
    return f"ws://{host}:{os.environ.get('PORT') or 8000}/ocpp/"
