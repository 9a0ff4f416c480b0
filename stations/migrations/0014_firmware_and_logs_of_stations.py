import django.db.models.deletion
import django.utils.timezone
import stations.models.firmware
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('stations', '0013_templates_of_hardware_and_configuration'),
        ('tenancy', '0010_rights_for_logs_notes_and_the_console'),
    ]

    operations = [
        migrations.CreateModel(
            name='FirmwareFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('below', models.BooleanField(default=True, help_text='They can use it, not change it.', verbose_name='Also for the organizations below')),
                ('vendor', models.CharField(help_text='As stations tell it; * stands for anything.', max_length=50, verbose_name='Make')),
                ('model', models.CharField(help_text='As stations tell it; * stands for anything.', max_length=50, verbose_name='Model')),
                ('version', models.CharField(help_text='As stations tell it when they have it.', max_length=50, verbose_name='Version')),
                ('file', models.FileField(upload_to=stations.models.firmware.firmware_name, verbose_name='File')),
                ('file_name', models.CharField(max_length=150)),
                ('size', models.PositiveBigIntegerField()),
                ('sha256', models.CharField(max_length=64)),
                ('notes', models.TextField(blank=True, max_length=2000, verbose_name='What is new')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('retired_at', models.DateTimeField(editable=False, null=True)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.organization', verbose_name='Organization')),
            ],
            options={
                'verbose_name': 'firmware file',
                'verbose_name_plural': 'firmware files',
                'ordering': ['vendor', 'model', '-created_at', 'pk'],
                'abstract': False,
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='FirmwareUpdate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('why', models.CharField(choices=[('owner', 'The owner asked for it'), ('fault', 'It mends a fault')], max_length=6, verbose_name='Why')),
                ('asked_for_by', models.CharField(max_length=100, verbose_name='Asked for by')),
                ('reason', models.CharField(max_length=300, verbose_name='Reason')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('window_from', models.DateTimeField(verbose_name='Not before')),
                ('window_until', models.DateTimeField(verbose_name='Not begun after')),
                ('state', models.CharField(choices=[('planned', 'Planned'), ('sent', 'The station was told'), ('downloading', 'Downloading'), ('downloaded', 'Downloaded'), ('installing', 'Installing'), ('installed', 'Installed'), ('failed', 'Failed'), ('stuck', 'Stuck'), ('cancelled', 'Cancelled')], default='planned', max_length=11, verbose_name='State')),
                ('state_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('status', models.CharField(blank=True, max_length=30)),
                ('problem', models.CharField(blank=True, max_length=300)),
                ('before', models.CharField(blank=True, max_length=50)),
                ('command', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='stations.command')),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('firmware', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='updates', to='stations.firmwarefile')),
                ('station', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='firmware_updates', to='stations.station')),
            ],
            options={
                'verbose_name': 'firmware update',
                'verbose_name_plural': 'firmware updates',
                'ordering': ['-created_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='StationUpload',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('security', models.BooleanField(default=False, verbose_name='Security log')),
                ('since', models.DateTimeField(blank=True, null=True, verbose_name='From')),
                ('until', models.DateTimeField(blank=True, null=True, verbose_name='Until')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('expires_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('requested', 'Asked for'), ('uploading', 'The station uploads it'), ('arrived', 'Here'), ('failed', 'Failed'), ('expired', 'It never came')], default='requested', max_length=9, verbose_name='State')),
                ('problem', models.CharField(blank=True, max_length=300)),
                ('file', models.FileField(blank=True, upload_to=stations.models.firmware.upload_name)),
                ('file_name', models.CharField(blank=True, max_length=255, verbose_name='File')),
                ('size', models.PositiveBigIntegerField(default=0)),
                ('arrived_at', models.DateTimeField(null=True)),
                ('command', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='stations.command')),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('station', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='uploads', to='stations.station')),
            ],
            options={
                'verbose_name': 'log of a station',
                'verbose_name_plural': 'logs of stations',
                'ordering': ['-created_at', '-pk'],
            },
        ),
        migrations.AddConstraint(
            model_name='firmwarefile',
            constraint=models.UniqueConstraint(fields=('organization', 'vendor', 'model', 'version'), name='firmware_version_once', violation_error_message='This organization already has this version for this model.'),
        ),
        migrations.AddConstraint(
            model_name='firmwareupdate',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['planned', 'sent', 'downloading', 'downloaded', 'installing'])), fields=('station',), name='firmware_update_one_at_a_time'),
        ),
        migrations.AddIndex(
            model_name='stationupload',
            index=models.Index(condition=models.Q(('state__in', ['requested', 'uploading'])), fields=['expires_at'], name='station_upload_due'),
        ),
    ]
