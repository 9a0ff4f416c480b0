from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("stations", "0018_where_stations_reach_the_portal")]

    operations = [
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(
                condition=models.Q(("problems", []), _negated=True), fields=["-started_at"], name="transaction_with_problem"
            ),
        ),
    ]
