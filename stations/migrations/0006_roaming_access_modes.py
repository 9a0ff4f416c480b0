from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('stations', '0005_rights_at_a_location'),
    ]

    operations = [
        migrations.AlterField(
            model_name='location',
            name='access_mode',
            field=models.CharField(choices=[('open', 'Open: any card'), ('whitelist', 'Whitelisting: passes of the organization'), ('roaming', 'Roaming: cards of connected networks'), ('roaming_whitelist', 'Roaming and whitelisting')], default='whitelist', max_length=20, verbose_name='Access mode'),
        ),
        migrations.AlterField(
            model_name='station',
            name='access_mode',
            field=models.CharField(blank=True, choices=[('open', 'Open: any card'), ('whitelist', 'Whitelisting: passes of the organization'), ('roaming', 'Roaming: cards of connected networks'), ('roaming_whitelist', 'Roaming and whitelisting')], max_length=20, verbose_name='Access mode'),
        ),
    ]
