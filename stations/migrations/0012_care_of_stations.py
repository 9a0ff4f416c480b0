import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import stations.models.care
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('stations', '0011_history_of_connection_availability_and_configuration'),
        ('tenancy', '0010_rights_for_logs_notes_and_the_console'),
    ]

    operations = [
        migrations.CreateModel(
            name='Contact',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('kind', models.CharField(choices=[('owner', 'Owner'), ('site', 'On site'), ('technician', 'Technician'), ('electrician', 'Electrician'), ('grid', 'Grid operator'), ('other', 'Other')], default='site', max_length=12, verbose_name='Kind')),
                ('name', models.CharField(max_length=100, verbose_name='Name')),
                ('company', models.CharField(blank=True, max_length=100, verbose_name='Company')),
                ('phone', models.CharField(blank=True, max_length=32, verbose_name='Phone')),
                ('email', models.EmailField(blank=True, max_length=254, verbose_name='E-mail')),
                ('hours', models.CharField(blank=True, help_text='Such as Mon–Fri 8:00–17:00.', max_length=100, verbose_name='Hours')),
                ('comment', models.CharField(blank=True, max_length=200, verbose_name='Comment')),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('location', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='stations.location')),
                ('station', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='stations.station')),
            ],
            options={
                'verbose_name': 'contact',
                'verbose_name_plural': 'contacts',
                'ordering': ['kind', 'name', 'pk'],
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Document',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('title', models.CharField(max_length=100, verbose_name='Title')),
                ('file', models.FileField(upload_to=stations.models.care.document_name, verbose_name='File')),
                ('file_name', models.CharField(max_length=150)),
                ('size', models.PositiveBigIntegerField()),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('location', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='stations.location')),
                ('station', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='stations.station')),
            ],
            options={
                'verbose_name': 'document',
                'verbose_name_plural': 'documents',
                'ordering': ['title', 'pk'],
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='MaintenanceWindow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('connector_number', models.PositiveSmallIntegerField(default=0, validators=[django.core.validators.MaxValueValidator(32)])),
                ('starts_at', models.DateTimeField(verbose_name='From')),
                ('ends_at', models.DateTimeField(verbose_name='Until')),
                ('comment', models.CharField(max_length=200, verbose_name='Comment')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('station', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='maintenance_windows', to='stations.station', verbose_name='Station')),
            ],
            options={
                'verbose_name': 'maintenance window',
                'verbose_name_plural': 'maintenance windows',
                'ordering': ['-starts_at', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='Note',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('text', models.TextField(max_length=4000, verbose_name='Note')),
                ('pinned', models.BooleanField(default=False, verbose_name='Keep on top')),
                ('edited_at', models.DateTimeField(editable=False, null=True)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('location', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='stations.location')),
                ('station', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='stations.station')),
            ],
            options={
                'verbose_name': 'note',
                'verbose_name_plural': 'notes',
                'ordering': ['-pinned', '-created_at', '-pk'],
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='OutOfService',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('connector_number', models.PositiveSmallIntegerField(default=0, validators=[django.core.validators.MaxValueValidator(32)])),
                ('deactivated', models.BooleanField(default=False)),
                ('comment', models.CharField(blank=True, max_length=200, verbose_name='Comment')),
                ('since', models.DateTimeField(default=django.utils.timezone.now)),
                ('until', models.DateTimeField(blank=True, null=True, verbose_name='Until')),
                ('ended_at', models.DateTimeField(null=True)),
                ('command', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='stations.command')),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('ended_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('station', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='times_out_of_service', to='stations.station')),
            ],
            options={
                'ordering': ['-since', '-pk'],
            },
        ),
        migrations.CreateModel(
            name='VendorCode',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('below', models.BooleanField(default=True, help_text='They can use it, not change it.', verbose_name='Also for the organizations below')),
                ('vendor', models.CharField(help_text='As stations tell it. * stands for anything.', max_length=50, verbose_name='Make')),
                ('model', models.CharField(blank=True, help_text='Empty for all models of the make.', max_length=50, verbose_name='Model')),
                ('code', models.CharField(help_text='The vendor error code, or the text that comes with it.', max_length=50, verbose_name='Code')),
                ('meaning', models.CharField(max_length=300, verbose_name='What it means')),
                ('cause', models.CharField(blank=True, max_length=300, verbose_name='Usual cause')),
                ('try_this', models.CharField(blank=True, max_length=300, verbose_name='What to try')),
                ('remedy', models.CharField(blank=True, max_length=20, verbose_name='Button to offer')),
                ('call', models.CharField(blank=True, max_length=200, verbose_name='Whom to call then')),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.organization', verbose_name='Organization')),
            ],
            options={
                'verbose_name': 'vendor code',
                'verbose_name_plural': 'vendor codes',
                'ordering': ['vendor', 'code', 'pk'],
                'abstract': False,
                'default_permissions': (),
            },
        ),
        migrations.AddIndex(
            model_name='maintenancewindow',
            index=models.Index(fields=['station', '-starts_at'], name='maintenance_by_station'),
        ),
        migrations.AddConstraint(
            model_name='maintenancewindow',
            constraint=models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='maintenance_ends_after_it_starts'),
        ),
        migrations.AddIndex(
            model_name='outofservice',
            index=models.Index(condition=models.Q(('ended_at', None), ('until__isnull', False)), fields=['until'], name='out_of_service_due'),
        ),
        migrations.AddConstraint(
            model_name='outofservice',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('station', 'connector_number', 'deactivated'), name='out_of_service_once'),
        ),
        migrations.AddConstraint(
            model_name='vendorcode',
            constraint=models.UniqueConstraint(fields=('organization', 'vendor', 'model', 'code'), name='vendor_code_unique_in_organization', violation_error_message='This organization explains this code already.'),
        ),
    ]
