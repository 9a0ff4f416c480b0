"""The ways in: pages over HTTP, stations at /ocpp/<identity> and for files at /station-files/, browsers' live updates at /live/."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "energycloud.settings")

from django.core.asgi import get_asgi_application

pages = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402  (needs the apps)
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

from energycloud.live import LiveConsumer  # noqa: E402
from stations import addresses  # noqa: E402
from stations.gateway.consumer import PREFIX, StationConsumer  # noqa: E402
from stations.station_files import StationFiles  # noqa: E402

stations = StationConsumer.as_asgi()
files = StationFiles()
live = AllowedHostsOriginValidator(AuthMiddlewareStack(LiveConsumer.as_asgi()))


async def elsewhere(scope, receive, send):  # type: ignore[no-untyped-def]
    """Our own TLS port is for stations: a browser would ask its user for a certificate there."""
    await receive()
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"This port is for stations."})
    else:
        await send({"type": "websocket.close", "code": 1008})


async def application(scope, receive, send):  # type: ignore[no-untyped-def]
    if "tls" in scope.get("extensions", {}) and not scope["path"].startswith((PREFIX, addresses.PREFIX)):
        await elsewhere(scope, receive, send)  # type: ignore[no-untyped-call]
    elif scope["type"] == "http":
        await (files if scope["path"].startswith(addresses.PREFIX) else pages)(scope, receive, send)
    elif scope["type"] == "websocket":
        if scope["path"].startswith(PREFIX):
            await stations(scope, receive, send)
        elif scope["path"] == "/live/":
            await live(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})
    else:
        raise ValueError(f"no way in for {scope['type']}")  # tells the server that there is no lifespan
