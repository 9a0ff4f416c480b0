from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("stations", "0002_meter_samples_by_month")]

    operations = [
        migrations.AddIndex(
            model_name="command",
            index=models.Index(
                fields=["created_at"],
                name="command_not_done",
                condition=models.Q(("state__in", ["rejected", "failed", "timed_out", "expired"])),
            ),
        ),
    ]
