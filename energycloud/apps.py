from django.apps import AppConfig


class EnergyCloudConfig(AppConfig):
    name = "energycloud"
    verbose_name = "Energy Cloud"
