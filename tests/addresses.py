"""What every address of the portal shows, of which object, and which rights it needs: the tables of test_matrix.py."""

from __future__ import annotations

# For everybody, logged in or not
PUBLIC = {
    "account_login", "account_logout", "account_inactive", "account_signup", "account_reset_password", "account_reset_password_done",
    "account_reset_password_from_key", "account_reset_password_from_key_done", "favicon", "mfa_authenticate", "robots", "invitation",
    "certificate_list", "certificate_list_pem", "authority_file",
}  # fmt: skip
# Of one's own account: for everybody who is logged in
ACCOUNT = {
    "account_reauthenticate", "account_change_password", "account_set_password", "profile", "usersessions_list", "mfa_index",
    "mfa_list_webauthn", "mfa_add_webauthn", "mfa_activate_totp", "mfa_generate_recovery_codes", "mfa_reauthenticate",
    "mfa_reauthenticate_webauthn",
}  # fmt: skip
# What somebody who has no two-factor login has not; tests/energycloud/test_two_factor.py
OWN_FACTORS = {
    "mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_download_recovery_codes", "mfa_edit_webauthn", "mfa_remove_webauthn",
}  # fmt: skip
# What belongs to one person alone; tests/tenancy/test_exports.py
OWN = {"export", "export_live", "export_file", "export_cancel"}
# The platform's alone: manage_stations there, or every right there is. Elsewhere they do not exist
PLATFORM_ONLY = {
    "knocking", "knock_forget", "letters", "letter", "authorities", "authority_add", "authority_import", "authority", "authority_sign",
    "authority_trust", "authority_delete",
}  # fmt: skip
PLATFORM_LISTS = {"knocking", "letters", "authorities", "authority_add", "authority_import"}
# Answer to POST only
POST_ONLY = {
    "station_profiles_ask",
    "station_activate",
    "knock_forget",
    "inbox_dismiss",
    "transaction_ask",
    "view_as_end",
    "import_run",
    "import_cancel",
    "import_passwords",
    "bulk_job_begin",
    "bulk_job_cancel",
    "bulk_job_retry",
    "station_configuration_read",
    "station_certificate_ask",
    "station_roots_read",
    "station_device_read",
    "station_monitoring",
    "station_manners_forget",
}

# For card providers: who they are is in the Authorization header, never in a session; tests/passes/test_ocpi.py
MACHINES = {"ocpi_versions", "ocpi_version", "ocpi_credentials", "ocpi_token", "ocpi_nothing"}

# Lists and forms for something new -> the rights that one needs somewhere; what they show is limited to the person
LISTS: dict[str, tuple[str, ...]] = {
    "dashboard": (), "search": (), "help": (), "help_page": (), "organizations": (), "locations": (), "map": (), "stations": (),
    "operations": (), "vendor_codes": (), "vendor_code_add": ("manage_stations",), "bulk_jobs": (),
    "configuration_templates": ("read_configuration",),
    "configuration_template_add": ("read_configuration", "change_configuration"),
    "hardware_templates": (), "hardware_template_add": ("manage_stations",),
    "availability": (), "certificates": ("read_configuration",),
    "firmware_files": (),
    "firmware_updates": (),
    "firmware_add": ("update_firmware",),
    "maintenance_windows": (),
    "reservations": (),
    "passes": (), "listings": (), "pass_groups": (), "users": (), "view_as_end": (),
    "card_offers": ("read_transactions",), "card_check": ("read_transactions", "personal_data"),
    "transactions": ("read_transactions",), "inbox": ("read_transactions",), "history": ("read_audit",),
    "organization_add": ("manage_organizations",), "location_add": ("manage_locations",), "stations_add": ("manage_stations",),
    "pass_add": ("manage_passes",), "pass_group_add": ("manage_passes",),
    "user_invite": ("manage_users",), "cardholder_add": ("manage_users",),
    "pass_guides": (), "pass_guide_roaming_free": ("manage_passes",), "pass_guide_whitelist": ("manage_passes",),
    "pass_guide_tag": ("manage_passes",), "pass_guide_home": ("manage_passes",), "pass_guide_reimbursement": ("manage_passes",),
    "pass_guide_split": ("manage_passes",), "pass_whitelist": (), "pass_learn": ("manage_passes", "personal_data"),
    "invitations": ("manage_users",), "organization_choose": ("manage_users",), "roles": ("update_user_roles",),
    "role_add": ("manage_roles", "update_user_roles"), "access_add": ("let_in",),
    "providers": ("manage_networks",), "provider_add": ("manage_networks",),
    "exports": (), "export_add": (),
    "imports": ("manage_passes",), "import_add": ("manage_passes",), "import_template": ("manage_passes",),
}  # fmt: skip
# Pages of an object -> the rights that one needs at it; none: it is enough to see it
OBJECT_PAGES: dict[str, tuple[str, ...]] = {
    "organization": (), "organization_logo": (), "organization_brand": (), "organization_edit": ("manage_organizations",),
    "organization_move": ("manage_organizations",), "organization_look": ("manage_organizations",),
    "organization_access": ("manage_organizations",), "organization_delete": ("close_organizations",),
    "organization_deactivate": ("close_organizations",), "organization_activate": ("close_organizations",),
    "organization_invoice": ("manage_invoice_data",), "organization_compensation": ("read_money",),
    "organization_history": ("read_audit",), "accesses": ("let_in",), "access_end": ("let_in",),
    "location": (), "location_edit": ("manage_locations",), "location_delete": ("manage_locations",),
    "location_move": ("manage_locations",), "location_publish": ("publish_locations",), "location_unpublish": ("publish_locations",),
    "location_history": ("read_audit",),
    "location_capacity": (), "location_capacity_plot": (), "location_capacity_csv": (), "location_capacity_edit": ("manage_stations",),
    "location_capacity_hours": ("manage_stations",), "capacity_hours_delete": ("manage_stations",),
    "connector_capacity": ("manage_stations",), "station_profiles": (), "station_profiles_ask": ("manage_stations",),
    "station_profiles_set": ("manage_stations",), "station_profiles_clear": ("manage_stations",),
    "station_availability": (), "station_access": ("manage_stations",), "location_access": ("manage_locations",),
    "station_alias": ("manage_stations",),
    "station": (), "station_activity": (), "station_activity_live": (), "station_head": (), "station_overview": (), "station_details": (),
    "hardware_template": (), "hardware_template_edit": ("manage_stations",), "hardware_template_delete": ("manage_stations",),
    "station_template": ("manage_stations",), "station_evse_ids": ("manage_stations",), "station_edit": ("manage_stations",),
    "station_delete": ("manage_stations",), "station_password": ("manage_stations",),
    "station_transactions": ("read_transactions",), "station_configuration": ("read_configuration",),
    "station_local_list": (), "station_local_list_live": (),
    "station_configuration_live": ("read_configuration",), "station_configuration_change": ("change_configuration",),
    "station_configuration_read": ("read_configuration",), "station_configuration_csv": ("read_configuration",),
    "station_configuration_history": ("read_configuration",), "station_configuration_compare": ("read_configuration",),
    "station_configuration_apply": ("change_configuration", "read_configuration"),
    **dict.fromkeys(
        ("station_device_read", "station_device_events", "station_device_reports", "station_monitors"), ("read_configuration",)
    ),
    **dict.fromkeys(("station_monitor_add", "station_monitor_remove", "station_monitoring"), ("change_configuration",)),
    "station_configuration_template": ("read_configuration", "change_configuration"),
    "configuration_template": ("read_configuration",),
    "configuration_template_history": ("read_audit",),
    **dict.fromkeys(
        ("configuration_template_edit", "configuration_template_key", "configuration_template_delete"),
        ("read_configuration", "change_configuration"),
    ),
    "station_logs": ("read_logs",), "station_manners": ("read_logs",), "station_logs_csv": ("read_logs",),
    "station_logs_jsonl": ("read_logs",), "station_history": ("read_audit",), "frame": ("read_logs",),
    "station_deactivate": ("manage_stations",), "station_manners_forget": ("manage_stations",),
    "station_activate": ("manage_stations",), "station_out": ("change_availability",),
    **dict.fromkeys(
        ("station_certificates", "station_certificates_live", "station_roots_read", "certificate_file"), ("read_configuration",)
    ),
    **dict.fromkeys(("station_certificate_ask", "station_root_add", "certificate_revoke", "installed_delete"), ("manage_stations",)),
    "vendor_code_edit": ("manage_stations",), "vendor_code_delete": ("manage_stations",),
    "station_files": (), "station_files_live": (), "station_fetch": ("fetch_logs",), "station_firmware": ("update_firmware",),
    "upload_download": ("fetch_logs",), "upload_delete": ("fetch_logs",), "update_cancel": ("update_firmware",),
    "update_give_up": ("update_firmware",), "firmware_file": (), "firmware_edit": ("update_firmware",),
    "firmware_sign": ("update_firmware",),
    "firmware_download": ("update_firmware",), "firmware_retire": ("update_firmware",), "firmware_delete": ("update_firmware",),
    "station_vendor_messages": ("read_logs",),
    "station_reservations": (), "reservation_cancel": ("start_charging",), "pass_reserve": ("start_charging", "personal_data"),
    "pass_kept": ("personal_data",),
    "station_care": (), "station_maintenance_add": ("change_availability",), "maintenance_edit": ("change_availability",),
    "maintenance_end": ("change_availability",), "document": ("keep_notes",),
    **dict.fromkeys((
        "station_note_add", "station_document_add", "station_contact_add", "location_note_add", "location_document_add",
        "location_contact_add", "note_edit", "note_delete", "document_delete", "contact_edit", "contact_delete",
    ), ("keep_notes",)),
    "station_security": ("read_configuration",), "station_security_live": ("read_configuration",),
    "station_security_demand": ("manage_stations",), "station_security_raise": ("manage_stations",),
    "station_security_password": ("manage_stations",), "station_security_cancel": ("manage_stations",),
    **dict.fromkeys(("station_customers", "station_customers_live", "station_customer_ask"), ("personal_data",)),
    "customer_delete": ("personal_data",),
    "station_console": ("send_anything",), "station_console_live": ("send_anything",),
    "connector_add": ("manage_stations",), "connector_edit": ("manage_stations",), "connector_delete": ("manage_stations",),
    "transaction": ("read_transactions",), "transaction_plot": ("read_transactions",),
    "transaction_correct": ("correct_transactions",), "transaction_close": ("correct_transactions",),
    "transaction_values": ("read_transactions",), "transaction_signed_zip": ("read_transactions", "personal_data"),
    "transaction_signed_value": ("read_transactions", "personal_data"),
    "transaction_signed": ("read_transactions", "personal_data"), "inbox_entry": ("correct_transactions",),
    "inbox_dismiss": ("correct_transactions",), "transaction_ask": ("read_transactions", "trigger_messages"),
    "card_offer": ("read_transactions",), "pass_activity": ("read_transactions", "personal_data"),
    "user_activity": ("read_transactions", "personal_data"), "pass_whitelist_here": ("manage_passes",),
    "pass_correct_uid": ("manage_passes", "personal_data"),
    "pass": (), "pass_lists": (), "pass_restrictions": (), "pass_history": ("read_audit",), "pass_edit": ("manage_passes",),
    "pass_block": ("manage_passes",), "pass_unblock": ("manage_passes",), "pass_move": ("manage_passes",),
    "pass_delete": ("manage_passes",), "listing_off": ("manage_passes",),
    "pass_group": (), "pass_group_edit": ("manage_passes",), "pass_group_restrictions": ("manage_passes",),
    "pass_group_delete": ("manage_passes",), "pass_group_history": ("read_audit",),
    "import": ("manage_passes",), "import_live": ("manage_passes",), "import_errors": ("manage_passes",),
    **dict.fromkeys(("bulk_job", "bulk_job_live", "bulk_job_begin", "bulk_job_cancel", "bulk_job_retry"), ("reset_stations",)),
    "import_run": ("manage_passes",), "import_cancel": ("manage_passes",), "import_passwords": ("manage_passes",),
    "user": (), "user_passes": (),
    "user_edit": ("manage_users", "personal_data"), "user_deactivate": ("manage_users",), "user_activate": ("manage_users",),
    "provider": ("manage_networks",), "provider_edit": ("manage_networks",), "provider_register": ("manage_networks",),
    "provider_fetch": ("manage_networks",), "provider_disconnect": ("manage_networks",), "provider_delete": ("manage_networks",),
    "provider_cards": ("manage_networks",), "provider_history": ("read_audit",), "organization_roaming": ("manage_networks",),
    "pass_reach": (), "location_reimbursed": ("manage_passes",),
    "user_delete": ("manage_users",), "user_reset_two_factor": ("manage_users",),
    "user_roles": ("update_user_roles",), "user_role_withdraw": ("update_user_roles",),
    "user_rights": ("update_user_roles",), "user_history": ("read_audit",), "view_as": ("view_as",),
    "role": ("update_user_roles",), "role_rights": ("update_user_roles",), "role_users": ("update_user_roles",),
    "role_edit": ("manage_roles", "update_user_roles"), "role_propagate": ("manage_roles", "update_user_roles"),
    "role_delete": ("manage_roles", "update_user_roles"), "role_history": ("update_user_roles", "read_audit"),
}  # fmt: skip
# What a POST needs, where that is more than looking
POSTS: dict[str, tuple[str, ...]] = {
    "pass_lists": ("manage_passes",), "pass_restrictions": ("manage_passes",), "role_rights": ("update_user_roles", "manage_roles"),
    "station_local_list": ("update_local_lists",),
    "organization_compensation": ("read_money", "manage_rates"),
}  # fmt: skip
# Either of these opens the page too, so who may not has neither
ALSO: dict[str, tuple[str, ...]] = {
    "location_edit": ("manage_rates",), "imports": ("manage_networks", "manage_stations", "manage_locations"),
    "import_add": ("manage_networks", "manage_stations", "manage_locations"),
    "import_template": ("manage_networks", "manage_stations", "manage_locations"),
    "document": ("personal_data",),
}  # fmt: skip


# Needs the right at the organization above too
AT_PARENT = {"organization_move"}
# Once done, the object is gone for those who come after
GONE = {
    "hardware_template_delete",
    "capacity_hours_delete",
    "upload_delete",
    "customer_delete",
    "vendor_code_delete",
    "note_delete",
    "document_delete",
    "contact_delete",
    "maintenance_end",
    "inbox_dismiss",
    "pass_delete",
    "pass_group_delete",
    "provider_delete",
    "role_delete",
    "configuration_template_delete",
}
