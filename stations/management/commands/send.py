from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from stations.actions import CommandRefused, request_command
from stations.models import Command as StationCommand
from stations.models import Station

REFUSED, TIMED_OUT, NOT_CONNECTED = 1, 2, 3
POLL = 0.05  # seconds
SLACK = timedelta(seconds=3)  # the gateway writes the outcome; only where none is running we give up by ourselves


class Command(BaseCommand):
    help = (
        "Send a command to a station through the running portal and print the station's answer as JSON. "
        f"Exit code {REFUSED}: refused, by the station or because the command is not valid; {TIMED_OUT}: no answer in time; "
        f"{NOT_CONNECTED}: the station is not connected."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("identity", metavar="IDENTITY")
        parser.add_argument("action", metavar="ACTION", help="as OCPP spells it, such as Reset")
        parser.add_argument("payload", metavar="JSON", nargs="?", default="{}", help='such as \'{"type": "Soft"}\'; default: {}')
        parser.add_argument("--timeout", type=int, help="seconds for the delivery and again for the answer; default: OCPP_COMMAND_TIMEOUT")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            payload = json.loads(options["payload"])
        except ValueError as error:
            raise CommandError(f'This is not JSON: {error}. Write it like \'{{"type": "Soft"}}\'.', returncode=REFUSED) from error
        if not isinstance(payload, dict):
            raise CommandError("The payload must be a JSON object, in { }.", returncode=REFUSED)
        if options["timeout"] is not None and options["timeout"] < 1:
            raise CommandError("--timeout must be at least 1 second.", returncode=REFUSED)
        station = Station.objects.select_related("location__organization").filter(identity=options["identity"]).first()
        if station is None:
            raise CommandError(f"There is no station with the id {options['identity']!r}. Capitals matter.", returncode=REFUSED)
        try:
            command = request_command(
                actor=None, station=station, action=options["action"], payload=payload, timeout=options["timeout"], origin="shell"
            )
        except CommandRefused as refusal:
            raise CommandError(str(refusal), returncode=NOT_CONNECTED if refusal.code == "not_connected" else REFUSED) from refusal
        self.report(self.wait_for(command))

    def wait_for(self, command: StationCommand) -> StationCommand:
        while command.state in StationCommand.OPEN:
            since = command.sent_at + timedelta(seconds=command.timeout) if command.sent_at else command.deadline
            if timezone.now() > since + SLACK:
                break
            time.sleep(POLL)
            command.refresh_from_db()
        return command

    def report(self, command: StationCommand) -> None:
        state = StationCommand.State
        station = command.station
        match command.state:
            case state.ACCEPTED | state.REJECTED:
                self.stdout.write(json.dumps(command.answer, ensure_ascii=False))
                if command.state == state.REJECTED:
                    raise CommandError(f"{station} refused {command.action}: {command.answer_status}.", returncode=REFUSED)
            case state.FAILED:
                answer = {"errorCode": command.error_code, "errorDescription": command.error_description}
                self.stdout.write(json.dumps(answer, ensure_ascii=False))
                raise CommandError(f"{station} answered {command.action} with {command.error_code}.", returncode=REFUSED)
            case state.TIMED_OUT | state.SENT:
                raise CommandError(f"{station} did not answer within {command.timeout} seconds.", returncode=TIMED_OUT)
            case _:
                station.refresh_from_db(fields=["connected"])
                if not station.connected:
                    raise CommandError(f"{station} has disconnected before {command.action} could be sent.", returncode=NOT_CONNECTED)
                raise CommandError(
                    f"{command.action} could not be delivered to {station} within {command.timeout} seconds. Is the portal running?",
                    returncode=TIMED_OUT,
                )
