from django.apps import AppConfig
from django.db.models.signals import post_migrate


class EnergyCloudConfig(AppConfig):
    name = "energycloud"
    verbose_name = "Energy Cloud"

    def ready(self) -> None:
        from energycloud.trigrams import build

        post_migrate.connect(build, dispatch_uid="energycloud.trigrams")
