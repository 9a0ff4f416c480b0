from django.db import migrations


def partition(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    table = apps.get_model("stations", "MeterSample")._meta.db_table
    schema_editor.execute(f"DROP TABLE {table}")
    schema_editor.execute(
        f"CREATE TABLE {table} (series_id bigint NOT NULL, at timestamptz NOT NULL, value double precision NOT NULL,"
        " PRIMARY KEY (series_id, at)) PARTITION BY RANGE (at)"
    )
    schema_editor.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
    from stations.partitions import prepare

    prepare()


class Migration(migrations.Migration):
    """PostgreSQL: the table of meter samples is partitioned by month."""

    dependencies = [("stations", "0001_stations_and_what_they_report")]
    operations = [migrations.RunPython(partition, migrations.RunPython.noop, elidable=False)]
