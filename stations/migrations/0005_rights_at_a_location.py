import django.core.validators
import django.db.models.deletion
from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [('auth', '0012_alter_user_first_name_max_length'), ('tenancy', '0004_roles_and_their_grants'), ('stations', '0004_publishing_and_compensation_of_locations')]

    operations = [
        migrations.CreateModel(
            name='LocationGrant',
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
        migrations.AlterModelOptions(
            name='location',
            options={'default_permissions': (), 'ordering': ['name', 'pk'], 'permissions': [('read', 'read'), ('manage_organizations', 'manage_organizations'), ('close_organizations', 'close_organizations'), ('let_in', 'let_in'), ('read_audit', 'read_audit'), ('manage_locations', 'manage_locations'), ('publish_locations', 'publish_locations'), ('manage_stations', 'manage_stations'), ('read_transactions', 'read_transactions'), ('correct_transactions', 'correct_transactions'), ('read_logs', 'read_logs'), ('start_charging', 'start_charging'), ('stop_charging', 'stop_charging'), ('unlock_connectors', 'unlock_connectors'), ('reset_stations', 'reset_stations'), ('change_availability', 'change_availability'), ('trigger_messages', 'trigger_messages'), ('clear_cache', 'clear_cache'), ('read_configuration', 'read_configuration'), ('change_configuration', 'change_configuration'), ('update_firmware', 'update_firmware'), ('manage_passes', 'manage_passes'), ('manage_users', 'manage_users'), ('update_user_roles', 'update_user_roles'), ('manage_roles', 'manage_roles'), ('view_as', 'view_as'), ('personal_data', 'personal_data'), ('read_money', 'read_money'), ('manage_rates', 'manage_rates'), ('manage_invoice_data', 'manage_invoice_data'), ('operations_tab', 'operations_tab'), ('cost_release', 'cost_release')], 'verbose_name': 'location', 'verbose_name_plural': 'locations'},
        ),
        migrations.AddField(
            model_name='locationgrant',
            name='access',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tenancy.serviceaccess'),
        ),
        migrations.AddField(
            model_name='locationgrant',
            name='content_object',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='grants', to='stations.location'),
        ),
        migrations.AddField(
            model_name='locationgrant',
            name='group',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.group'),
        ),
        migrations.AddField(
            model_name='locationgrant',
            name='permission',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission'),
        ),
        migrations.AlterUniqueTogether(
            name='locationgrant',
            unique_together={('group', 'permission', 'content_object')},
        ),
    ]
