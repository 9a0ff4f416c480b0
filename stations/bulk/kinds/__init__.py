"""The kinds of bulk jobs that come with the stations themselves."""

from __future__ import annotations


def register_all() -> None:
    from stations.bulk import register
    from stations.bulk.kinds import access, commands, configuration, edits, firmware, hardware, maintenance, security, service

    for kinds in (commands, service, maintenance, configuration, firmware, hardware, edits, access, security):
        register(*kinds.KINDS)
