import django.core.validators
import django.db.models.deletion
from decimal import Decimal
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [('stations', '0003_failed_commands_are_found_by_time')]

    operations = [
        migrations.AddField(
            model_name='location',
            name='compensation_ac',
            field=models.DecimalField(blank=True, decimal_places=4, max_digits=6, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('10'))], verbose_name='Compensation per kWh, AC (EUR)'),
        ),
        migrations.AddField(
            model_name='location',
            name='compensation_dc',
            field=models.DecimalField(blank=True, decimal_places=4, max_digits=6, null=True, validators=[django.core.validators.MinValueValidator(Decimal('0')), django.core.validators.MaxValueValidator(Decimal('10'))], verbose_name='Compensation per kWh, DC (EUR)'),
        ),
        migrations.AddField(
            model_name='location',
            name='published',
            field=models.BooleanField(default=False, verbose_name='Published'),
        ),
    ]
