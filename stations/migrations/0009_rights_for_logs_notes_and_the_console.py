from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('stations', '0008_rights_for_networks_and_local_lists'),
        ('tenancy', '0010_rights_for_logs_notes_and_the_console'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='location',
            options={'default_permissions': (), 'ordering': ['name', 'pk'], 'permissions': [('read', 'read'), ('manage_organizations', 'manage_organizations'), ('close_organizations', 'close_organizations'), ('let_in', 'let_in'), ('read_audit', 'read_audit'), ('manage_locations', 'manage_locations'), ('publish_locations', 'publish_locations'), ('manage_stations', 'manage_stations'), ('read_transactions', 'read_transactions'), ('correct_transactions', 'correct_transactions'), ('read_logs', 'read_logs'), ('fetch_logs', 'fetch_logs'), ('keep_notes', 'keep_notes'), ('start_charging', 'start_charging'), ('stop_charging', 'stop_charging'), ('unlock_connectors', 'unlock_connectors'), ('reset_stations', 'reset_stations'), ('change_availability', 'change_availability'), ('trigger_messages', 'trigger_messages'), ('clear_cache', 'clear_cache'), ('update_local_lists', 'update_local_lists'), ('read_configuration', 'read_configuration'), ('change_configuration', 'change_configuration'), ('update_firmware', 'update_firmware'), ('send_anything', 'send_anything'), ('manage_passes', 'manage_passes'), ('manage_networks', 'manage_networks'), ('manage_users', 'manage_users'), ('update_user_roles', 'update_user_roles'), ('manage_roles', 'manage_roles'), ('view_as', 'view_as'), ('personal_data', 'personal_data'), ('read_money', 'read_money'), ('manage_rates', 'manage_rates'), ('manage_invoice_data', 'manage_invoice_data'), ('operations_tab', 'operations_tab'), ('cost_release', 'cost_release')], 'verbose_name': 'location', 'verbose_name_plural': 'locations'},
        ),
    ]
