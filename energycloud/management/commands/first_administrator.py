from __future__ import annotations

import secrets
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction

from energycloud import env
from tenancy.actions import create_organization, create_user, renew_user_password, reset_two_factor
from tenancy.models import Organization, Role, User

DEFAULT_EMAIL = "admin@localhost"


class Command(BaseCommand):
    help = (
        "Make the platform organization and its first administrator, where there is none yet. ENERGYCLOUD_ADMIN_EMAIL and "
        "ENERGYCLOUD_ADMIN_PASSWORD say who; without a password a random one is made and printed, once. "
        "--new-password gives an administrator who was locked out a new random one, and takes a lost two-factor login away."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--new-password", action="store_true", help="print a new random password for ENERGYCLOUD_ADMIN_EMAIL")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        email = env.text("ENERGYCLOUD_ADMIN_EMAIL", DEFAULT_EMAIL).lower()
        if email != DEFAULT_EMAIL:
            try:
                validate_email(email)
            except ValidationError as error:
                raise CommandError(f"ENERGYCLOUD_ADMIN_EMAIL must be an e-mail address, not {email!r}.") from error
        platform = Organization.objects.filter(parent=None).first() or create_organization(
            actor=None, parent=None, kind=Organization.Kind.PLATFORM, name="Energy Cloud"
        )
        administrators = User.objects.filter(
            groups__team__role__default=Role.Default.ADMINISTRATOR, groups__team__organization=platform, is_active=True
        )
        if options["new_password"]:
            self.renew(administrators.filter(email=email).first(), email)
        elif not administrators.exists():
            self.make(platform, email)
        elif email != DEFAULT_EMAIL and not User.objects.filter(email=email).exists():
            self.stderr.write(f"ENERGYCLOUD_ADMIN_EMAIL ({email}) was not used: there is an administrator already.")

    def make(self, platform: Organization, email: str) -> None:
        password = given = env.text("ENERGYCLOUD_ADMIN_PASSWORD")
        if given:
            try:
                validate_password(given, User(email=email, name="Administrator", organization=platform))
            except ValidationError as error:
                raise CommandError(f"ENERGYCLOUD_ADMIN_PASSWORD will not do. {' '.join(error.messages)}") from error
        else:
            password = secrets.token_urlsafe(15)
        create_user(
            actor=None, organization=platform, email=email, name="Administrator", password=password,
            role=Role.objects.get(default=Role.Default.ADMINISTRATOR),
        )  # fmt: skip
        self.stdout.write(f"First administrator: {email}")
        self.stdout.write("Password: the one in ENERGYCLOUD_ADMIN_PASSWORD" if given else f"Password: {password}   (shown only this once)")

    def renew(self, user: User | None, email: str) -> None:
        if user is None:
            raise CommandError(f"The platform has no administrator {email}. Set ENERGYCLOUD_ADMIN_EMAIL.")
        password = secrets.token_urlsafe(15)
        renew_user_password(actor=None, user=user, password=password)
        self.stdout.write(f"New password of {email}: {password}   (shown only this once)")
        if reset_two_factor(actor=None, user=user):
            self.stdout.write("Two-factor login was taken away: set it up anew after logging in.")
