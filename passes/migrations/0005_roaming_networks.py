import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('passes', '0004_every_pass_is_listed'),
    ]

    operations = [
        migrations.CreateModel(
            name='Provider',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60, verbose_name='Name')),
                ('country_code', models.CharField(max_length=2, validators=[django.core.validators.RegexValidator('^[A-Z]{2}\\Z', 'Two capital letters, such as NL.')], verbose_name='Country')),
                ('party_id', models.CharField(max_length=3, validators=[django.core.validators.RegexValidator('^[A-Z0-9]{3}\\Z', 'Three capital letters or digits, such as TNM.')], verbose_name='Party id')),
                ('active', models.BooleanField(default=True, help_text='Off: its cards are not taken.', verbose_name='Connected')),
                ('realtime', models.BooleanField(default=False, help_text='The provider is asked each time a card is offered.', verbose_name='Ask in real time')),
                ('ask_unknown', models.BooleanField(default=False, help_text='Also about cards that it has not told of. For networks of many providers.', verbose_name='Ask about unknown cards')),
                ('deadline_ms', models.PositiveIntegerField(default=2000, help_text='Then what is known of the card counts.', validators=[django.core.validators.MinValueValidator(200), django.core.validators.MaxValueValidator(10000)], verbose_name='Wait at most (ms)')),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='providers', to='tenancy.organization', verbose_name='Organization')),
            ],
            options={
                'verbose_name': 'card provider',
                'verbose_name_plural': 'card providers',
                'ordering': ['name', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='RoamingPolicy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('when_silent', models.CharField(choices=[('refuse', 'Refuse the card'), ('known', 'Accept cards that the provider has told of'), ('any', 'Accept every card')], default='refuse', max_length=8, verbose_name='When a network does not answer')),
                ('organization', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='roaming_policy', to='tenancy.organization')),
            ],
        ),
        migrations.CreateModel(
            name='RoamingToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uid', models.CharField(max_length=36, verbose_name='UID')),
                ('type', models.CharField(choices=[('RFID', 'Card'), ('APP_USER', 'App'), ('AD_HOC_USER', 'One-time user'), ('OTHER', 'Other')], default='RFID', max_length=11, verbose_name='Type')),
                ('contract_id', models.CharField(max_length=36, verbose_name='Contract id')),
                ('visual_number', models.CharField(blank=True, max_length=64, verbose_name='Visible number')),
                ('issuer', models.CharField(blank=True, max_length=64, verbose_name='Issuer')),
                ('group_id', models.CharField(blank=True, max_length=36, verbose_name='Group id')),
                ('valid', models.BooleanField(default=True, verbose_name='Valid')),
                ('whitelist', models.CharField(choices=[('ALWAYS', 'What is cached decides'), ('ALLOWED', 'Asked, or cached'), ('ALLOWED_OFFLINE', 'Cached only when the provider does not answer'), ('NEVER', 'Always asked')], default='ALLOWED', max_length=15, verbose_name='Whitelist')),
                ('language', models.CharField(blank=True, max_length=2, verbose_name='Language')),
                ('last_updated', models.DateTimeField(default=django.utils.timezone.now, verbose_name='Updated')),
                ('answer', models.CharField(blank=True, choices=[('ALLOWED', 'Allowed'), ('BLOCKED', 'Blocked'), ('EXPIRED', 'Expired'), ('NO_CREDIT', 'No credit'), ('NOT_ALLOWED', 'Not allowed')], editable=False, max_length=11)),
                ('answered_at', models.DateTimeField(editable=False, null=True)),
                ('reference', models.CharField(blank=True, editable=False, max_length=36)),
                ('provider', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='tokens', to='passes.provider', verbose_name='Provider')),
            ],
            options={
                'verbose_name': 'roaming card',
                'verbose_name_plural': 'roaming cards',
                'ordering': ['uid', 'pk'],
            },
        ),
        migrations.AddConstraint(
            model_name='provider',
            constraint=models.UniqueConstraint(fields=('organization', 'country_code', 'party_id'), name='provider_party_unique', violation_error_message='This organization is already connected to this party.'),
        ),
        migrations.AddIndex(
            model_name='roamingtoken',
            index=models.Index(fields=['provider', 'uid'], name='roaming_token_by_provider'),
        ),
        migrations.AddConstraint(
            model_name='roamingtoken',
            constraint=models.UniqueConstraint(fields=('uid', 'provider', 'type'), name='roaming_token_unique'),
        ),
        migrations.AddConstraint(
            model_name='roamingtoken',
            constraint=models.CheckConstraint(condition=models.Q(('uid', ''), _negated=True), name='roaming_token_uid_not_empty'),
        ),
    ]
