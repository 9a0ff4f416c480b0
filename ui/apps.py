from django.apps import AppConfig

from ui import error_words

error_words.speak()  # here, because other apps make forms as soon as they are ready


class UiConfig(AppConfig):
    """The grammar of all pages: lists, data sheets, template tags. Knows no other app."""

    name = "ui"
