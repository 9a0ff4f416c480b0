from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('passes', '0007_ocpi_connections'),
    ]

    operations = [
        migrations.AddField(
            model_name='locallist',
            name='ask_next',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='locallist',
            name='checked_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='locallist',
            name='firmware',
            field=models.CharField(blank=True, max_length=50),
        ),
        migrations.AddField(
            model_name='locallist',
            name='full_only',
            field=models.BooleanField(default=False),
        ),
    ]
