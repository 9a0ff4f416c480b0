from django.apps import AppConfig


class UiConfig(AppConfig):
    """The grammar of all pages: lists, data sheets, template tags. Knows no other app."""

    name = "ui"
