"""A decision about a transaction stays as it was taken: the database refuses to change it. Only its user may leave it, when deleted.

As with the record (tenancy 0007), PostgreSQL refuses to delete decisions too, and on SQLite the portal alone, which has nothing that does it.
"""

from typing import Any

from django.db import migrations

POSTGRESQL = """
create function correction_is_never_changed() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and new.actor_id is null and to_jsonb(new) - 'actor_id' = to_jsonb(old) - 'actor_id' then
    return new;
  end if;
  raise exception 'what was decided of a transaction is never changed' using errcode = 'integrity_constraint_violation';
end $$;
create trigger correction_is_never_changed before update or delete on stations_correction
  for each row execute function correction_is_never_changed();
"""
COLUMNS = ("id", "transaction_id", "kind", "at", "actor_name", "reason", "before", "after")
SQLITE = f"""
create trigger correction_is_never_changed before update on stations_correction
when {" or ".join(f'new."{name}" is not old."{name}"' for name in COLUMNS)} or new.actor_id is not null
begin
  select raise(abort, 'what was decided of a transaction is never changed');
end;
"""


def guard(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE, params=None)


def unguard(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "drop trigger correction_is_never_changed on stations_correction; drop function correction_is_never_changed()"
        )
    else:
        schema_editor.execute("drop trigger correction_is_never_changed")


class Migration(migrations.Migration):
    dependencies = [("stations", "0019_problems_of_transactions_are_found")]

    operations = [migrations.RunPython(guard, unguard)]
