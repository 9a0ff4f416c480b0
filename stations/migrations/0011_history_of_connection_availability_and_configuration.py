import django.db.models.deletion
from django.db import migrations, models


def begin_history(apps, schema_editor):
    """What the stations remember of their latest connection is the first period."""
    Station = apps.get_model("stations", "Station")
    ConnectionPeriod = apps.get_model("stations", "ConnectionPeriod")
    known = Station.objects.exclude(connected_at=None).values_list("pk", "connected_at", "disconnected_at", "connected", "address")
    ConnectionPeriod.objects.bulk_create(
        [
            ConnectionPeriod(station_id=pk, began_at=began, ended_at=None if connected else ended or began, address=address)
            for pk, began, ended, connected, address in known
        ],
        batch_size=1000,
    )


class Migration(migrations.Migration):

    dependencies = [
        ('stations', '0010_bulk_jobs'),
        ('tenancy', '0010_rights_for_logs_notes_and_the_console'),
    ]

    operations = [
        migrations.CreateModel(
            name='ConfigurationChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(verbose_name='When')),
                ('key', models.CharField(max_length=50, verbose_name='Key')),
                ('before', models.CharField(max_length=500, null=True, verbose_name='Before')),
                ('after', models.CharField(max_length=500, null=True, verbose_name='After')),
                ('command', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='stations.command')),
                ('station', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='configuration_changes', to='stations.station')),
            ],
            options={
                'ordering': ['-at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='ConnectionPeriod',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('began_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('address', models.CharField(blank=True, max_length=45)),
                ('reconnects', models.PositiveIntegerField(default=0)),
                ('station', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='connection_periods', to='stations.station')),
            ],
            options={
                'ordering': ['-began_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='ActivationChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('active', models.BooleanField()),
                ('station', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='activation_changes', to='stations.station')),
            ],
            options={
                'ordering': ['-at', '-pk'],
                'indexes': [models.Index(fields=['station', '-at'], name='activation_change_in_order')],
            },
        ),
        migrations.CreateModel(
            name='AvailabilityChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('availability', models.CharField(choices=[('Operative', 'In service'), ('Inoperative', 'Out of service'), ('Scheduled', 'Out of service after this transaction')], max_length=12)),
                ('command', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='stations.command')),
                ('connector', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='availability_changes', to='stations.connector')),
            ],
            options={
                'ordering': ['-at', '-pk'],
                'indexes': [models.Index(fields=['connector', '-at'], name='availability_change_in_order')],
            },
        ),
        migrations.CreateModel(
            name='AvailabilityDay',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('seconds', models.PositiveIntegerField()),
                ('online', models.PositiveIntegerField()),
                ('usable', models.PositiveIntegerField()),
                ('lost', models.JSONField(default=dict)),
                ('connector', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='availability_days', to='stations.connector')),
            ],
            options={
                'ordering': ['-day', 'connector'],
                'indexes': [models.Index(fields=['day'], name='availability_day_by_day')],
                'constraints': [models.UniqueConstraint(fields=('connector', 'day'), name='availability_day_once')],
            },
        ),
        migrations.AddIndex(
            model_name='configurationchange',
            index=models.Index(fields=['station', '-at'], name='configuration_change_in_order'),
        ),
        migrations.AddIndex(
            model_name='connectionperiod',
            index=models.Index(fields=['station', '-began_at'], name='connection_period_by_station'),
        ),
        migrations.AddConstraint(
            model_name='connectionperiod',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('station',), name='connection_period_open_once'),
        ),
        migrations.RunPython(begin_history, migrations.RunPython.noop, elidable=True),
    ]
