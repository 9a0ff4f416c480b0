import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import tenancy.models.people
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [('auth', '0012_alter_user_first_name_max_length'), ('tenancy', '0003_cardholders_and_own_language')]

    operations = [
        migrations.CreateModel(
            name='OrganizationGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateTimeField(null=True)),
                ('until', models.DateTimeField(null=True)),
            ],
            options={
                'abstract': False,
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Role',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60, verbose_name='Name')),
                ('description', models.CharField(blank=True, max_length=200, verbose_name='What it is for')),
                ('rights', models.JSONField(blank=True, default=list)),
                ('propagated', models.BooleanField(default=False, verbose_name='Propagated')),
                ('offered', models.BooleanField(default=False, verbose_name='Offered as a service')),
                ('default', models.CharField(blank=True, choices=[('administrator', 'Administrator'), ('partner', 'Partner'), ('technical', 'Technical contact'), ('billing', 'Billing'), ('hotline', 'Hotline'), ('viewer', 'Viewer')], editable=False, max_length=16)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'verbose_name': 'role',
                'verbose_name_plural': 'roles',
                'ordering': ['name', 'pk'],
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='ServiceAccess',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('place', models.CharField(blank=True, max_length=20)),
                ('place_name', models.CharField(blank=True, max_length=100)),
                ('rights', models.JSONField(default=list)),
                ('starts_at', models.DateTimeField(verbose_name='From')),
                ('ends_at', models.DateTimeField(verbose_name='Until')),
                ('ended_at', models.DateTimeField(editable=False, null=True)),
                ('reason', models.CharField(blank=True, max_length=200, verbose_name='Reason')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'verbose_name': 'access of a service company',
                'verbose_name_plural': 'accesses of service companies',
                'ordering': ['-starts_at', '-pk'],
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Team',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.AlterModelOptions(
            name='organization',
            options={'default_permissions': (), 'ordering': ['name', 'pk'], 'permissions': [('read', 'read'), ('manage_organizations', 'manage_organizations'), ('close_organizations', 'close_organizations'), ('let_in', 'let_in'), ('read_audit', 'read_audit'), ('manage_locations', 'manage_locations'), ('publish_locations', 'publish_locations'), ('manage_stations', 'manage_stations'), ('read_transactions', 'read_transactions'), ('correct_transactions', 'correct_transactions'), ('read_logs', 'read_logs'), ('start_charging', 'start_charging'), ('stop_charging', 'stop_charging'), ('unlock_connectors', 'unlock_connectors'), ('reset_stations', 'reset_stations'), ('change_availability', 'change_availability'), ('trigger_messages', 'trigger_messages'), ('clear_cache', 'clear_cache'), ('read_configuration', 'read_configuration'), ('change_configuration', 'change_configuration'), ('update_firmware', 'update_firmware'), ('manage_passes', 'manage_passes'), ('manage_users', 'manage_users'), ('update_user_roles', 'update_user_roles'), ('manage_roles', 'manage_roles'), ('view_as', 'view_as'), ('personal_data', 'personal_data'), ('read_money', 'read_money'), ('manage_rates', 'manage_rates'), ('manage_invoice_data', 'manage_invoice_data'), ('operations_tab', 'operations_tab'), ('cost_release', 'cost_release')], 'verbose_name': 'organization', 'verbose_name_plural': 'organizations'},
        ),
        migrations.AddField(
            model_name='organizationgrant',
            name='content_object',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='grants', to='tenancy.organization'),
        ),
        migrations.AddField(
            model_name='organizationgrant',
            name='group',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.group'),
        ),
        migrations.AddField(
            model_name='organizationgrant',
            name='permission',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission'),
        ),
        migrations.AddField(
            model_name='role',
            name='organization',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='roles', to='tenancy.organization', verbose_name='Belongs to'),
        ),
        migrations.AddField(
            model_name='serviceaccess',
            name='given_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='serviceaccess',
            name='organization',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='accesses_given', to='tenancy.organization', verbose_name='Organization'),
        ),
        migrations.AddField(
            model_name='organizationgrant',
            name='access',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.serviceaccess'),
        ),
        migrations.AddField(
            model_name='team',
            name='group',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='team', to='auth.group'),
        ),
        migrations.AddField(
            model_name='team',
            name='organization',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='teams', to='tenancy.organization'),
        ),
        migrations.AddField(
            model_name='team',
            name='role',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='teams', to='tenancy.role'),
        ),
        migrations.AddField(
            model_name='serviceaccess',
            name='team',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='accesses', to='tenancy.team'),
        ),
        migrations.AddConstraint(
            model_name='role',
            constraint=models.UniqueConstraint(fields=('organization', 'name'), name='role_name_unique_in_organization', violation_error_message='This organization already has a role with this name.'),
        ),
        migrations.AddConstraint(
            model_name='role',
            constraint=models.UniqueConstraint(condition=models.Q(('default', ''), _negated=True), fields=('default',), name='role_one_of_each_default'),
        ),
        migrations.AlterUniqueTogether(
            name='organizationgrant',
            unique_together={('group', 'permission', 'content_object')},
        ),
        migrations.AddConstraint(
            model_name='team',
            constraint=models.UniqueConstraint(fields=('role', 'organization'), name='team_of_a_role_at_an_organization'),
        ),
    ]
