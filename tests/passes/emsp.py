"""A small card provider: the side of OCPI 2.2.1 that is not ours, an HTTP server in a thread."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from passes.actions import connect_provider, create_provider, invite_provider
from passes.models import Provider
from passes.ocpi.keys import digest
from tenancy.models import Organization

TOKEN = "their-token-for-us-0123456789"


def card(uid: str, **fields: Any) -> dict[str, Any]:
    return {
        "country_code": "NL", "party_id": "RMO", "uid": uid, "type": "RFID", "contract_id": f"NL-RMO-{uid}", "issuer": "Roamio",
        "valid": True, "whitelist": "ALLOWED", "last_updated": "2026-01-01T00:00:00Z",
    } | fields  # fmt: skip


class Emsp:
    """`says` is what it answers when it is asked about a card: an AllowedType, "unknown", "garbage", "error", or "dead"; `slow` how long it
    takes. `cards` are those it has, given in pages of `page`."""

    def __init__(self) -> None:
        self.says, self.slow, self.whole = "ALLOWED", 0.0, False
        self.cards: list[dict[str, Any]] = []
        self.page, self.versions = 2, ["2.1.1", "2.2.1"]
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.broken_after = -1  # pages
        emsp = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                emsp._get(self)

            def do_POST(self) -> None:
                emsp._post(self)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _get(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        self.requests.append(request.path)
        self.headers.append(dict(request.headers.items()))
        if request.headers["Authorization"] != f"Token {base64.b64encode(TOKEN.encode()).decode()}":
            self._send(request, None, 2000, http=401)
        elif parts.path == "/versions":
            self._send(request, [{"version": name, "url": f"{self.url}/{name}"} for name in self.versions])
        elif parts.path == "/2.2.1":
            self._send(
                request, {"version": "2.2.1", "endpoints": [{"identifier": "tokens", "role": "SENDER", "url": f"{self.url}/tokens/"}]}
            )
        elif self.broken_after == 0:
            self._send(request, None, 3000, http=503)
        else:
            self.broken_after -= 1
            offset = int(parse_qs(parts.query)["offset"][0])
            more = offset + self.page < len(self.cards)
            headers = {"X-Total-Count": str(len(self.cards)), "X-Limit": str(self.page)}
            if more:
                headers["Link"] = f'<{self.url}/tokens?offset={offset + self.page}&limit={self.page}>; rel="next"'
            self._send(request, self.cards[offset : offset + self.page], headers=headers)

    def _post(self, request: BaseHTTPRequestHandler) -> None:
        body = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        self.asked.append((request.path, body))
        self.headers.append(dict(request.headers.items()))
        time.sleep(self.slow)
        uid = request.path.split("/")[-2]
        if self.says == "unknown":
            self._send(request, None, 2004)
        elif self.says == "error":
            self._send(request, None, 3000, http=500)
        elif self.says == "garbage":
            self._raw(request, 200, b'{"data": [[[', {})
        elif self.says == "dead":
            request.close_connection = True
        else:
            token = card(uid) if self.whole else {"uid": uid}
            self._send(request, {"allowed": self.says, "token": token, "authorization_reference": "ref-1"})

    def _send(self, request: Any, data: Any, code: int = 1000, *, http: int = 200, headers: dict[str, str] | None = None) -> None:
        body = {"status_code": code, "status_message": "x", "timestamp": "2026-01-01T00:00:00Z"}
        self._raw(request, http, json.dumps(body if data is None else body | {"data": data}).encode(), headers or {})

    def _raw(self, request: Any, http: int, body: bytes, headers: dict[str, str]) -> None:
        try:
            request.send_response(http)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(body)
        except OSError:
            pass  # who asked is gone

    def provider(self, organization: Organization, **fields: Any) -> Provider:
        """This one, registered at `organization`."""
        named = {"name": "Roamio", "country_code": "NL", "party_id": "RMO", "realtime": True, "deadline_ms": 1000} | fields
        found = create_provider(actor=None, organization=organization, **named)
        spent = digest(invite_provider(actor=None, provider=found))
        connect_provider(
            actor=None, provider=found, spent=spent, token=TOKEN, versions_url=f"{self.url}/versions", tokens_url=f"{self.url}/tokens"
        )
        found.refresh_from_db()
        return found


@contextmanager
def emsp() -> Iterator[Emsp]:
    one = Emsp()
    thread = threading.Thread(target=one.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        one.server.shutdown()
        one.server.server_close()
        thread.join(10)
