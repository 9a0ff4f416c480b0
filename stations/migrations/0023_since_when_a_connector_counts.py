import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    """Connectors that are there already count as long as their station."""

    dependencies = [("stations", "0022_every_end_in_the_inbox_is_kept")]

    operations = [
        migrations.AddField(model_name="connector", name="added_at", field=models.DateTimeField(editable=False, null=True)),
        migrations.AlterField(
            model_name="connector",
            name="added_at",
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False, null=True),
        ),
    ]
