from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('stations', '0006_roaming_access_modes'),
    ]

    operations = [
        migrations.AddField(
            model_name='cardoffer',
            name='pass_key',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='cardoffer',
            name='settlement',
            field=models.CharField(blank=True, choices=[('open', 'Open'), ('whitelist', 'Whitelisting'), ('roaming', 'Roaming'), ('roaming_free', 'Roaming free')], max_length=12, verbose_name='Settlement'),
        ),
        migrations.AddField(
            model_name='cardoffer',
            name='steps',
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name='cardoffer',
            name='token_key',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='transaction',
            name='pass_key',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='transaction',
            name='settlement',
            field=models.CharField(blank=True, choices=[('open', 'Open'), ('whitelist', 'Whitelisting'), ('roaming', 'Roaming'), ('roaming_free', 'Roaming free')], max_length=12, verbose_name='Settlement'),
        ),
        migrations.AddField(
            model_name='transaction',
            name='token_key',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddIndex(
            model_name='cardoffer',
            index=models.Index(fields=['-at', '-id'], name='card_offer_by_time'),
        ),
        migrations.AddIndex(
            model_name='cardoffer',
            index=models.Index(condition=models.Q(('pass_key__isnull', False)), fields=['pass_key', '-at'], name='card_offer_by_pass'),
        ),
        migrations.AddIndex(
            model_name='transaction',
            index=models.Index(condition=models.Q(('pass_key__isnull', False)), fields=['pass_key', '-started_at'], name='transaction_by_pass'),
        ),
        migrations.AddIndex(
            model_name='transaction',
            index=models.Index(condition=models.Q(('ended_at', None), ('pass_key__isnull', False)), fields=['pass_key'], name='transaction_open_pass'),
        ),
        migrations.AddIndex(
            model_name='transaction',
            index=models.Index(condition=models.Q(('ended_at', None), ('token_key__isnull', False)), fields=['token_key'], name='transaction_open_token'),
        ),
    ]
