"""What is recorded stays as it was recorded: the database refuses to change an entry. Only its user and its organization may leave it,
when they are deleted.

PostgreSQL refuses to delete entries too. On SQLite every test that commits ends by deleting all rows there are, so deleting is refused by
the portal alone, which has nothing that does it. There, a migration that alters the table makes it anew, and this trigger with it.
"""

from typing import Any

from django.db import migrations

POSTGRESQL = """
create function audit_is_never_changed() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE'
    and to_jsonb(new) - 'actor_id' - 'organization_id' = to_jsonb(old) - 'actor_id' - 'organization_id'
    and (new.actor_id is null or new.actor_id is not distinct from old.actor_id)
    and (
      new.organization_id is null or new.organization_id is not distinct from old.organization_id
      or new.organization_id = (select parent_id from tenancy_organization where id = old.organization_id)
    )
  then
    return new;
  end if;
  raise exception 'what is recorded is never changed' using errcode = 'integrity_constraint_violation';
end $$;
create trigger audit_is_never_changed before update or delete on tenancy_auditentry
  for each row execute function audit_is_never_changed();
"""
COLUMNS = ("id", "at", "actor_name", "address", "verb", "object_type", "object_id", "object_name", "changes")
SQLITE = f"""
create trigger audit_is_never_changed before update on tenancy_auditentry
when {" or ".join(f"new.{name} is not old.{name}" for name in COLUMNS)}
  or (new.actor_id is not null and new.actor_id is not old.actor_id)
  or (new.organization_id is not null and new.organization_id is not old.organization_id
    and new.organization_id is not (select parent_id from tenancy_organization where id = old.organization_id))
begin
  select raise(abort, 'what is recorded is never changed');
end;
"""


def guard(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(POSTGRESQL if schema_editor.connection.vendor == "postgresql" else SQLITE, params=None)


def unguard(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("drop trigger audit_is_never_changed on tenancy_auditentry; drop function audit_is_never_changed()")
    else:
        schema_editor.execute("drop trigger audit_is_never_changed")


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0006_audit_from_where")]

    operations = [migrations.RunPython(guard, unguard)]
