"""Until now a pass charged at its organization and everywhere below it. It keeps doing so."""

from typing import Any

from django.db import migrations


def list_them(apps: Any, _schema: Any) -> None:
    pass_model, listing = apps.get_model("passes", "ChargePass"), apps.get_model("passes", "Listing")
    unlisted = pass_model.objects.filter(listings=None).order_by("pk").values_list("pk", "organization_id", "uid")
    rows = (
        listing(charge_pass_id=pk, organization_id=organization, uid=uid, whitelist=True, below=True)
        for pk, organization, uid in unlisted.iterator(chunk_size=2000)
    )
    listing.objects.bulk_create(rows, batch_size=2000)


class Migration(migrations.Migration):
    dependencies = [("passes", "0003_listings")]

    operations = [migrations.RunPython(list_them, migrations.RunPython.noop, elidable=True)]
