import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('stations', '0009_rights_for_logs_notes_and_the_console'),
        ('tenancy', '0010_rights_for_logs_notes_and_the_console'),
    ]

    operations = [
        migrations.AddField(
            model_name='command',
            name='version',
            field=models.CharField(blank=True, max_length=8),
        ),
        migrations.CreateModel(
            name='BulkItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('looking', 'Not looked at yet'), ('waiting', 'Waiting'), ('running', 'At work'), ('done', 'Done'), ('failed', 'Failed'), ('refused', 'Left out'), ('cancelled', 'Cancelled')], default='looking', max_length=9, verbose_name='State')),
                ('text', models.CharField(blank=True, max_length=300)),
                ('attempt', models.PositiveSmallIntegerField(default=1)),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('station', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='bulk_items', to='stations.station')),
            ],
            options={
                'ordering': ['pk'],
                'default_permissions': (),
            },
        ),
        migrations.AddField(
            model_name='command',
            name='item',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='commands', to='stations.bulkitem'),
        ),
        migrations.CreateModel(
            name='BulkJob',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=30, verbose_name='What')),
                ('params', models.JSONField(default=dict)),
                ('actor_name', models.CharField(max_length=100)),
                ('chosen', models.CharField(blank=True, max_length=300)),
                ('at_once', models.PositiveSmallIntegerField(default=20, verbose_name='Stations at a time')),
                ('state', models.CharField(choices=[('planning', 'Being looked at'), ('planned', 'Ready to begin'), ('running', 'At work'), ('done', 'Done'), ('cancelled', 'Cancelled')], default='planning', max_length=9, verbose_name='State')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='When')),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('leased_until', models.DateTimeField(null=True)),
                ('actor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='Who')),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='bulk_jobs', to='tenancy.organization', verbose_name='Organization')),
            ],
            options={
                'verbose_name': 'bulk job',
                'verbose_name_plural': 'bulk jobs',
                'ordering': ['-created_at', '-pk'],
                'default_permissions': (),
            },
        ),
        migrations.AddField(
            model_name='bulkitem',
            name='job',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='items', to='stations.bulkjob'),
        ),
        migrations.AddIndex(
            model_name='bulkjob',
            index=models.Index(condition=models.Q(('state__in', ['planning', 'running'])), fields=['state'], name='bulk_job_open'),
        ),
        migrations.AddIndex(
            model_name='bulkitem',
            index=models.Index(fields=['job', 'state'], name='bulk_item_by_state'),
        ),
        migrations.AddConstraint(
            model_name='bulkitem',
            constraint=models.UniqueConstraint(fields=('job', 'station'), name='bulk_item_once'),
        ),
    ]
