import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import tenancy.models.people
from decimal import Decimal
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [('tenancy', '0001_organizations_users_audit')]

    operations = [
        migrations.CreateModel(
            name='Logo',
            fields=[
                ('organization', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='logo', serialize=False, to='tenancy.organization')),
                ('png', models.BinaryField()),
                ('width', models.PositiveSmallIntegerField()),
                ('height', models.PositiveSmallIntegerField()),
                ('digest', models.CharField(max_length=64)),
            ],
        ),
        migrations.AddField(
            model_name='organization',
            name='active',
            field=models.BooleanField(default=True, verbose_name='Active'),
        ),
        migrations.AddField(
            model_name='organization',
            name='bic',
            field=models.CharField(blank=True, max_length=11, verbose_name='BIC'),
        ),
        migrations.AddField(
            model_name='organization',
            name='chamber_number',
            field=models.CharField(blank=True, max_length=20, verbose_name='Chamber of commerce number'),
        ),
        migrations.AddField(
            model_name='organization',
            name='closed',
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddField(
            model_name='organization',
            name='colour',
            field=models.CharField(blank=True, max_length=7, validators=[django.core.validators.RegexValidator('^#[0-9a-f]{6}\\Z', 'A colour is written like #1f6feb.')], verbose_name='Colour'),
        ),
        migrations.AddField(
            model_name='organization',
            name='compensation_ac',
            field=models.DecimalField(blank=True, decimal_places=4, max_digits=6, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('10'))], verbose_name='Compensation per kWh, AC (EUR)'),
        ),
        migrations.AddField(
            model_name='organization',
            name='compensation_dc',
            field=models.DecimalField(blank=True, decimal_places=4, max_digits=6, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('10'))], verbose_name='Compensation per kWh, DC (EUR)'),
        ),
        migrations.AddField(
            model_name='organization',
            name='contact_name',
            field=models.CharField(blank=True, max_length=100, verbose_name='Contact person'),
        ),
        migrations.AddField(
            model_name='organization',
            name='iban',
            field=models.CharField(blank=True, max_length=34, verbose_name='IBAN'),
        ),
        migrations.AddField(
            model_name='organization',
            name='require_two_factor',
            field=models.BooleanField(default=False, verbose_name='Two-factor login required'),
        ),
        migrations.AddField(
            model_name='organization',
            name='split_billing',
            field=models.BooleanField(default=False, verbose_name='Split billing'),
        ),
        migrations.AddField(
            model_name='organization',
            name='vat_number',
            field=models.CharField(blank=True, max_length=20, verbose_name='VAT number'),
        ),
        migrations.AlterField(
            model_name='organization',
            name='path',
            field=models.CharField(editable=False, max_length=1000, unique=True),
        ),
    ]
