import django.core.validators
import django.db.models.deletion
import passes.models.restrictions
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('passes', '0001_passes'),
        ('tenancy', '0008_rights_for_networks_and_local_lists'),
    ]

    operations = [
        migrations.AddField(
            model_name='chargepass',
            name='daily_kwh',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)], verbose_name='At most per day (kWh)'),
        ),
        migrations.AddField(
            model_name='chargepass',
            name='hours',
            field=models.JSONField(blank=True, default=list, validators=[passes.models.restrictions.check_hours], verbose_name='Only at these times'),
        ),
        migrations.AddField(
            model_name='chargepass',
            name='kind',
            field=models.CharField(choices=[('public', 'Public: a card of a card provider'), ('non_public', "Non-public: a card or tag of one's own")], default='non_public', max_length=10, verbose_name='Kind'),
        ),
        migrations.AddField(
            model_name='chargepass',
            name='monthly_kwh',
            field=models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)], verbose_name='At most per month (kWh)'),
        ),
        migrations.AddField(
            model_name='chargepass',
            name='only_locations',
            field=models.JSONField(blank=True, default=list, validators=[passes.models.restrictions.check_keys], verbose_name='Only these locations'),
        ),
        migrations.AddField(
            model_name='chargepass',
            name='only_stations',
            field=models.JSONField(blank=True, default=list, validators=[passes.models.restrictions.check_keys], verbose_name='Only these stations'),
        ),
        migrations.AddField(
            model_name='chargepass',
            name='several_at_once',
            field=models.BooleanField(default=False, help_text='It may charge at more than one connector at the same time.', verbose_name='Several at once'),
        ),
        migrations.AddField(
            model_name='chargepass',
            name='user',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='passes', to=settings.AUTH_USER_MODEL, verbose_name='User'),
        ),
        migrations.AddField(
            model_name='chargepass',
            name='valid_from',
            field=models.DateTimeField(blank=True, null=True, verbose_name='Valid from'),
        ),
        migrations.CreateModel(
            name='PassGroup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('only_stations', models.JSONField(blank=True, default=list, validators=[passes.models.restrictions.check_keys], verbose_name='Only these stations')),
                ('only_locations', models.JSONField(blank=True, default=list, validators=[passes.models.restrictions.check_keys], verbose_name='Only these locations')),
                ('hours', models.JSONField(blank=True, default=list, validators=[passes.models.restrictions.check_hours], verbose_name='Only at these times')),
                ('daily_kwh', models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)], verbose_name='At most per day (kWh)')),
                ('monthly_kwh', models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)], verbose_name='At most per month (kWh)')),
                ('name', models.CharField(max_length=60, verbose_name='Name')),
                ('group_id', models.CharField(blank=True, help_text="What stations are told as parent id. Cards with the same one may stop each other's charging. Empty: none.", max_length=20, validators=[django.core.validators.RegexValidator('^[\\x21-\\x7e]*\\Z', 'Letters and digits without spaces.')], verbose_name='Group id')),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pass_groups', to='tenancy.organization', verbose_name='Organization')),
            ],
            options={
                'verbose_name': 'group of passes',
                'verbose_name_plural': 'groups of passes',
                'ordering': ['name', 'pk'],
            },
        ),
        migrations.AddField(
            model_name='chargepass',
            name='group',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='passes', to='passes.passgroup', verbose_name='Group'),
        ),
        migrations.AddConstraint(
            model_name='passgroup',
            constraint=models.UniqueConstraint(fields=('organization', 'name'), name='pass_group_name_unique', violation_error_message='This organization already has a group with this name.'),
        ),
    ]
