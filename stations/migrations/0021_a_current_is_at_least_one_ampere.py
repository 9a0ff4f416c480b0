import django.core.validators
from django.db import migrations, models

WHERE = (("Station", "max_current"), ("Connector", "max_current"), ("HardwareTemplate", "max_current"), ("HardwareTemplate", "connector_current"))


def unknown(apps, schema_editor):
    """What was 0 meant that it is not known."""
    for model, name in WHERE:
        apps.get_model("stations", model).objects.filter(**{name: 0}).update(**{name: None})


class Migration(migrations.Migration):

    dependencies = [
        ('stations', '0020_corrections_are_never_changed'),
    ]

    operations = [
        migrations.RunPython(unknown, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            model_name='connector',
            name='max_current',
            field=models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(2000)], verbose_name='Maximum current (A)'),
        ),
        migrations.AlterField(
            model_name='hardwaretemplate',
            name='connector_current',
            field=models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(2000)], verbose_name='Maximum current of a connector (A)'),
        ),
        migrations.AlterField(
            model_name='hardwaretemplate',
            name='max_current',
            field=models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(2000)], verbose_name='Maximum current of the station (A)'),
        ),
        migrations.AlterField(
            model_name='station',
            name='max_current',
            field=models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(2000)], verbose_name='Maximum current of the station (A)'),
        ),
    ]
