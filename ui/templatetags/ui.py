"""The small words of every page: states, times, numbers with units."""

from django import template

register = template.Library()
