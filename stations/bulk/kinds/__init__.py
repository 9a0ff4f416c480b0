"""The kinds of bulk jobs that come with the stations themselves."""

from __future__ import annotations


def register_all() -> None:
    from stations.bulk import register
    from stations.bulk.kinds import access, commands, configuration, edits, service

    register(*commands.KINDS, *service.KINDS, *configuration.KINDS, *edits.KINDS, *access.KINDS)
    from stations.bulk.kinds import commands, configuration, edits, firmware, service

    register(*commands.KINDS, *service.KINDS, *configuration.KINDS, *firmware.KINDS, *edits.KINDS)
