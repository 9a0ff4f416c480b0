from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StationsConfig(AppConfig):
    name = "stations"
    verbose_name = _("Charging stations")

    def ready(self) -> None:
        from django.db.models.signals import post_delete

        from stations.bulk.kinds import register_all
        from stations.exports import EXPORTS
        from stations.file_progress import forget_file
        from stations.hooks import tell_access_changed
        from stations.imports import LOCATIONS, STATIONS
        from stations.models import Document, FirmwareFile, Location, Station, StationUpload
        from stations.pages import history
        from stations.pages.locations import locations_by_path, part_of_organization, stations_by_path
        from tenancy import exports, imports
        from tenancy.hooks import (
            belonging_entries,
            command_words,
            organization_counts,
            organization_moved,
            organization_parts,
            recorded_kinds,
        )
        from tenancy.models import Organization
        from tenancy.scope import PLACES

        exports.register(*EXPORTS)
        PLACES["l"] = Location
        imports.KINDS |= {kind.slug: kind for kind in (STATIONS, LOCATIONS)}
        organization_parts.append(part_of_organization)
        organization_counts.update(locations=locations_by_path, stations=stations_by_path)
        recorded_kinds.extend(history.KINDS)
        belonging_entries.update(history.BELONGING)
        command_words.append(history.audited_words)

        def moved(organization: Organization) -> None:
            below = Station.objects.filter(location__organization__path__startswith=organization.path)
            tell_access_changed(below.values_list("pk", flat=True))

        organization_moved.append(moved)
        register_all()
        for model in (Document, FirmwareFile, StationUpload):
            post_delete.connect(forget_file, sender=model)
