import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('passes', '0002_users_groups_and_restrictions'),
    ]

    operations = [
        migrations.CreateModel(
            name='Listing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uid', models.CharField(editable=False, max_length=20)),
                ('whitelist', models.BooleanField(default=False, help_text='The driver charges free at its whitelisting stations; their owner pays.', verbose_name='Whitelist')),
                ('roaming_free', models.BooleanField(default=False, help_text='The card roams at its stations, without the roaming surcharge.', verbose_name='Roaming free')),
                ('below', models.BooleanField(default=False, verbose_name='Also at everything below')),
                ('charge_pass', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='listings', to='passes.chargepass', verbose_name='Pass')),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='listings', to='tenancy.organization', verbose_name='Organization')),
            ],
            options={
                'verbose_name': 'listing',
                'verbose_name_plural': 'listings',
                'ordering': ['organization', 'pk'],
                'constraints': [models.UniqueConstraint(fields=('charge_pass', 'organization'), name='listing_once_per_organization'), models.UniqueConstraint(fields=('uid', 'organization'), name='listing_uid_unique_in_organization', violation_error_message='This organization already has a pass with this UID on its list.')],
            },
        ),
    ]
