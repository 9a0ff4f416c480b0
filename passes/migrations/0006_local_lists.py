import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('passes', '0005_roaming_networks'),
        ('stations', '0008_rights_for_networks_and_local_lists'),
    ]

    operations = [
        migrations.CreateModel(
            name='LocalList',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('in_step', 'In step'), ('waiting', 'Waits to be sent'), ('sending', 'On its way'), ('failed', 'The station refused it'), ('unsupported', 'The station has no local list')], default='waiting', max_length=12)),
                ('version', models.PositiveIntegerField(default=0)),
                ('entries', models.JSONField(default=dict)),
                ('due_at', models.DateTimeField(null=True)),
                ('sending', models.JSONField(null=True)),
                ('full_next', models.BooleanField(default=False)),
                ('failures', models.PositiveSmallIntegerField(default=0)),
                ('problem', models.CharField(blank=True, max_length=200)),
                ('left_out', models.PositiveIntegerField(default=0)),
                ('synced_at', models.DateTimeField(null=True)),
                ('command', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='stations.command')),
                ('station', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='local_list', to='stations.station')),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='local_list_due')],
            },
        ),
    ]
