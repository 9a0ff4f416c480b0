import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('stations', '0014_firmware_and_logs_of_stations'),
        ('tenancy', '0010_rights_for_logs_notes_and_the_console'),
    ]

    operations = [
        migrations.AddField(
            model_name='transaction',
            name='closed_by_hand',
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddField(
            model_name='transaction',
            name='reviewed_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='transaction',
            name='void',
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.CreateModel(
            name='Correction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('closed', 'Closed by hand'), ('values', 'Values corrected'), ('confirmed', 'Confirmed as it is'), ('voided', 'Not to be settled'), ('reported', 'The station reported its end after all')], max_length=9, verbose_name='What')),
                ('at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='When')),
                ('actor_name', models.CharField(blank=True, max_length=100)),
                ('reason', models.CharField(blank=True, max_length=300, verbose_name='Reason')),
                ('before', models.JSONField(default=dict)),
                ('after', models.JSONField(default=dict)),
                ('actor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('transaction', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='corrections', to='stations.transaction')),
            ],
            options={
                'verbose_name': 'correction',
                'verbose_name_plural': 'corrections',
                'ordering': ['-at', '-pk'],
            },
        ),
    ]
