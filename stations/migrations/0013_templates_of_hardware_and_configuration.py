import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('stations', '0012_care_of_stations'),
        ('tenancy', '0010_rights_for_logs_notes_and_the_console'),
    ]

    operations = [
        migrations.CreateModel(
            name='ConfigurationTemplate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('below', models.BooleanField(default=True, help_text='They can use it, not change it.', verbose_name='Also for the organizations below')),
                ('name', models.CharField(max_length=80, verbose_name='Name')),
                ('vendor', models.CharField(blank=True, help_text='As stations tell it; * stands for anything, empty for all.', max_length=50, verbose_name='Make')),
                ('model', models.CharField(blank=True, help_text='As stations tell it; * stands for anything, empty for all.', max_length=50, verbose_name='Model')),
                ('entries', models.JSONField(default=dict)),
                ('comment', models.CharField(blank=True, max_length=200, verbose_name='Comment')),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.organization', verbose_name='Organization')),
            ],
            options={
                'verbose_name': 'configuration template',
                'verbose_name_plural': 'configuration templates',
                'ordering': ['name', 'pk'],
                'abstract': False,
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='HardwareTemplate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('below', models.BooleanField(default=True, help_text='They can use it, not change it.', verbose_name='Also for the organizations below')),
                ('name', models.CharField(max_length=80, verbose_name='Name')),
                ('vendor', models.CharField(blank=True, max_length=50, verbose_name='Make')),
                ('model', models.CharField(blank=True, max_length=50, verbose_name='Model')),
                ('current_type', models.CharField(choices=[('AC', 'AC'), ('DC', 'DC')], default='AC', max_length=2, verbose_name='Current')),
                ('phases', models.PositiveSmallIntegerField(choices=[(1, '1'), (3, '3')], default=3, verbose_name='Phases')),
                ('voltage', models.PositiveSmallIntegerField(default=230, validators=[django.core.validators.MinValueValidator(100), django.core.validators.MaxValueValidator(1500)], verbose_name='Voltage (V)')),
                ('max_current', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MaxValueValidator(2000)], verbose_name='Maximum current of the station (A)')),
                ('communication', models.CharField(blank=True, help_text='Such as 4G, Ethernet, Wi-Fi.', max_length=20, verbose_name='Communication')),
                ('connectors', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(32)], verbose_name='Number of connectors')),
                ('format', models.CharField(choices=[('socket', 'Socket'), ('cable', 'Cable')], default='socket', max_length=8, verbose_name='Socket or cable')),
                ('plug', models.CharField(blank=True, help_text='Such as Type 2, CCS, CHAdeMO.', max_length=20, verbose_name='Plug')),
                ('connector_current', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MaxValueValidator(2000)], verbose_name='Maximum current of a connector (A)')),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.organization', verbose_name='Organization')),
            ],
            options={
                'verbose_name': 'hardware template',
                'verbose_name_plural': 'hardware templates',
                'ordering': ['name', 'pk'],
                'abstract': False,
                'default_permissions': (),
            },
        ),
        migrations.AddConstraint(
            model_name='configurationtemplate',
            constraint=models.UniqueConstraint(fields=('organization', 'name'), name='configuration_template_name_unique', violation_error_message='This organization already has a configuration template with this name.'),
        ),
        migrations.AddConstraint(
            model_name='hardwaretemplate',
            constraint=models.UniqueConstraint(fields=('organization', 'name'), name='hardware_template_name_unique', violation_error_message='This organization already has a hardware template with this name.'),
        ),
    ]
