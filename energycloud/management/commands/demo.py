from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from energycloud.demo import build
from tenancy.models import Organization


class Command(BaseCommand):
    help = (
        "Add a small believable tree: two partners, five customers, some forty stations with weeks of past transactions. Running it again "
        "changes nothing. Passwords of its people are random and printed once; those of its stations go into a file beside the database."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if build.exists():
            if renewed := build.mend():
                self.stdout.write(f"The demo is there; {renewed} of its stations have new passwords.")
            return
        if not Organization.objects.filter(parent=None).exists():
            raise CommandError("There is no platform organization yet. Run `manage.py first_administrator` first.")
        people = build.build()
        self.stdout.write("The demo is ready. People who can log in, with passwords shown only this once:")
        for email, password in people:
            self.stdout.write(f"  {email}  {password}")
