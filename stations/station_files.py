"""The way in for machines beside their sockets: a station fetches firmware and leaves logs, at addresses that are signed for one row.

An ASGI application of its own, before Django's: that one takes a whole body before it looks who sends it. Here the address is checked
first, then so much is taken as may be, through a temporary file into the storage. Files are read and written in threads.

GET, HEAD /station-files/firmware/<token>[/<name>]   the firmware of one update; one range of it where that is asked for
PUT, POST /station-files/logs/<token>[/<name>]       a file as the whole body, or the first file of a multipart form
"""

from __future__ import annotations

import asyncio
import logging
import re
import tempfile
from collections.abc import Awaitable, Callable, MutableMapping
from typing import IO, Any

from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.files import File
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils import timezone

from stations import addresses, file_progress
from stations.models import StationUpload

log = logging.getLogger("stations.files")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PIECE = 256 * 1024
NEWS = 60.0  # seconds after which a download that goes on is news
PAUSE = 60.0  # seconds that a station may be silent in the middle of a body
LONGEST = 3600.0  # seconds that an upload may take
AROUND = 64 * 1024  # bytes that a multipart form may have beside the file
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")


class Refused(Exception):
    def __init__(self, status: int, reason: str, **headers: str) -> None:
        super().__init__(reason)
        self.status, self.reason, self.headers = status, reason, headers


class StationFiles:
    def __init__(self) -> None:
        self.receiving: set[int] = set()  # uploads that are being taken: one at a time each

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._answer(scope, receive, send)
        except Refused as refused:
            # What it still sends of a body is not waited for
            more = {} if scope["method"] in ("GET", "HEAD") else {"connection": "close"}
            await _plain(send, refused.status, refused.reason, **more, **refused.headers)
        except (TimeoutError, ConnectionError):
            log.info("a station went away in the middle of %s", scope["path"].split("/")[2:3])

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        for prefix, methods, serve in (
            (addresses.FIRMWARE, ("GET", "HEAD"), self._firmware),
            (addresses.LOGS, ("PUT", "POST"), self._log),
        ):
            if path.startswith(prefix):
                if method not in methods:
                    raise Refused(405, "Not here.", allow=", ".join(methods))
                token, _slash, name = path.removeprefix(prefix).partition("/")
                await serve(scope, receive, send, token, name)
                return
        raise Refused(404, "There is nothing here.")

    # -- firmware -----------------------------------------------------------------------------------------------------------------------

    async def _firmware(self, scope: Scope, receive: Receive, send: Send, token: str, name: str) -> None:
        update = await database_sync_to_async(addresses.update_of)(token, timezone.now())
        if update is None:
            raise Refused(403, "This address is not valid, or no longer.")
        firmware = update.firmware
        first, last = _wanted(_header(scope, b"range"), firmware.size)
        try:
            file: IO[bytes] = await asyncio.to_thread(firmware.file.storage.open, firmware.file.name)
        except OSError as error:
            log.error("the file of firmware %s is gone", firmware.pk)
            raise Refused(404, "The file is gone.") from error
        try:
            if scope["method"] == "GET":
                await database_sync_to_async(file_progress.fetched)(update)
            part = (first, last) != (0, firmware.size - 1)
            headers = {
                "content-type": "application/octet-stream", "content-length": str(last - first + 1), "accept-ranges": "bytes",
                "etag": f'"{firmware.sha256}"', "content-disposition": "attachment", "x-content-type-options": "nosniff",
                "cache-control": "private, no-store",
            }  # fmt: skip
            if part:
                headers["content-range"] = f"bytes {first}-{last}/{firmware.size}"
            await _start(send, 206 if part else 200, headers)
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
                return
            await asyncio.to_thread(file.seek, first)
            left, clock = last - first + 1, asyncio.get_running_loop().time
            told = clock()
            while left > 0:
                piece = await asyncio.to_thread(file.read, min(PIECE, left))
                if not piece:
                    break
                left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                if clock() - told >= NEWS:  # a slow one may take hours
                    told = clock()
                    await database_sync_to_async(file_progress.fetched)(update)
            await send({"type": "http.response.body", "body": b""})
        finally:
            await asyncio.to_thread(file.close)

    # -- logs -----------------------------------------------------------------------------------------------------------------------------

    async def _log(self, scope: Scope, receive: Receive, send: Send, token: str, name: str) -> None:
        upload = await database_sync_to_async(addresses.upload_of)(token, timezone.now())
        if upload is None:
            raise Refused(403, "This address is not valid, or no longer.")
        if upload.pk in self.receiving:
            raise Refused(409, "This file is being taken already.")
        self.receiving.add(upload.pk)
        try:
            with tempfile.TemporaryFile() as spool:
                kind = _header(scope, b"content-type")
                size = await self._take(scope, receive, upload, spool, form=kind.startswith("multipart/"))
                kept = await sync_to_async(_keep, thread_sensitive=False)(upload, spool, size, kind, name)
            arrived = await database_sync_to_async(file_progress.arrived)(upload, *kept)
        except Exception as error:
            word = (
                "broken_off"
                if isinstance(error, TimeoutError | ConnectionError)
                else "no_file"
                if isinstance(error, Refused)
                else "not_kept"
            )
            await database_sync_to_async(file_progress.not_taken)(upload, word)
            raise
        finally:
            self.receiving.discard(upload.pk)
        if not arrived:
            raise Refused(403, "This address is no longer valid.")
        await _plain(send, 201, "Thank you.")

    async def _take(self, scope: Scope, receive: Receive, upload: StationUpload, spool: IO[bytes], *, form: bool) -> int:
        """The body into `spool`; its size."""
        most = settings.STATION_LOG_MAX_MB * 1024 * 1024 + (AROUND if form else 0)
        told = _header(scope, b"content-length")
        size = int(told) if told.isascii() and told.isdecimal() else 0
        if size <= most:
            await database_sync_to_async(file_progress.uploading)(upload)
            size, more, ends = 0, True, asyncio.get_running_loop().time() + LONGEST
            while more and size <= most:
                left = min(PAUSE, ends - asyncio.get_running_loop().time())
                message = await asyncio.wait_for(receive(), max(0.0, left))
                if message["type"] != "http.request":
                    raise ConnectionError
                piece = message.get("body", b"")
                size, more = size + len(piece), message.get("more_body", False)
                if piece and size <= most:
                    await asyncio.to_thread(spool.write, piece)
        if size > most:
            await database_sync_to_async(file_progress.not_taken)(upload, f"too_large {settings.STATION_LOG_MAX_MB}")
            raise Refused(413, f"At most {settings.STATION_LOG_MAX_MB} MB.")
        return size


def _keep(upload: StationUpload, spool: IO[bytes], size: int, kind: str, name: str) -> tuple[str, int, str]:
    """The file into the storage: (its name there, size, what the station calls it)."""
    spool.seek(0)
    file: Any = spool
    if kind.startswith("multipart/"):
        file, size, name = _first_file(spool, size, kind, name)
    try:
        if size == 0:
            raise Refused(400, "There is no file in this.")
        storage = upload.file.storage
        return storage.save(upload.file.field.generate_filename(upload, "log"), File(file)), size, file_progress.clean_name(name)
    finally:
        if file is not spool:
            file.close()


def _first_file(spool: IO[bytes], size: int, kind: str, name: str) -> tuple[Any, int, str]:
    meta, body = {"CONTENT_TYPE": kind, "CONTENT_LENGTH": size}, File(spool)
    try:
        _fields, files = MultiPartParser(meta, body, [TemporaryFileUploadHandler()], "utf-8").parse()
    except RequestDataTooBig as error:
        raise Refused(413, "The fields of this form are too large.") from error
    except (MultiPartParserError, SuspiciousOperation, ValueError) as error:  # too many fields or files, among others
        raise Refused(400, "This form cannot be read.") from error
    found = [file for key in files for file in files.getlist(key)]
    for other in found[1:]:
        other.close()
    if not found:
        raise Refused(400, "There is no file in this form.")
    return found[0], found[0].size or 0, name or found[0].name or ""


def _wanted(asked: str, size: int) -> tuple[int, int]:
    """First and last byte. What cannot be read as one range is answered with the whole (RFC 9110 §14.2)."""
    found = _RANGE.match(asked.replace(" ", ""))
    if not found or not any(found.groups()):
        return 0, size - 1
    begin, end = found.groups()
    if not begin:
        first, last = max(0, size - int(end)), size - 1
    else:
        first, last = int(begin), min(int(end), size - 1) if end else size - 1
    if first >= size or first > last:
        raise Refused(416, "There is no such part.", **{"content-range": f"bytes */{size}"})
    return first, last


def _header(scope: Scope, wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), "")


async def _start(send: Send, status: int, headers: dict[str, str]) -> None:
    await send({
        "type": "http.response.start", "status": status, "headers": [(k.encode(), v.encode("latin-1")) for k, v in headers.items()],
    })  # fmt: skip


async def _plain(send: Send, status: int, reason: str, **more: str) -> None:
    body = f"{reason}\n".encode()
    await _start(send, status, {"content-type": "text/plain; charset=utf-8", "content-length": str(len(body)), **more})
    await send({"type": "http.response.body", "body": body})
