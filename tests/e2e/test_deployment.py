"""How it runs for real: the processes of the Procfile on PostgreSQL and Redis, behind the example for nginx."""

from __future__ import annotations

import asyncio
import base64
import datetime
import ipaddress
import json
import re
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from bench.engines import engines
from energycloud.simulator import SimulatedStation
from tests.e2e.portal import ADMIN_EMAIL, ADMIN_PASSWORD, ROOT, Portal, free_port
from tests.pki import Authority, Signed, trusting
from tests.programs import find

STATIONS_NAME = "ocpp.example.org"  # of nginx's server for stations with certificates


def processes() -> dict[str, str]:
    """name -> command line of the Procfile."""
    return dict(re.findall(r"(?m)^(\w+): (.+)$", (ROOT / "Procfile").read_text()))


def certificate(folder: Path) -> None:
    """fullchain.pem and privkey.pem for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "portal.example.org")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=1)
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName(STATIONS_NAME)])
    builder = builder.add_extension(address, critical=False).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    made = builder.sign(key, hashes.SHA256())
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


class House:
    """Everything the Procfile names, and nginx before it."""

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        self.folder = folder
        self.pages, self.gateway, self.https, self.http = (free_port() for _ in range(4))
        self.url = f"https://127.0.0.1:{self.https}"
        environment = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "SECRET_KEY": secrets.token_urlsafe(40)}
        environment |= {"HTTPS": "1", "TRUSTED_PROXIES": "1", "PORT": str(self.pages), "GATEWAY_PORT": str(self.gateway)}
        self.authority = Authority("Stations of tests")
        (folder / "stations.pem").write_bytes(self.authority.pem)
        environment |= {"OCPP_CLIENT_CERT_HEADER": "X-SSL-Client-Cert", "OCPP_TLS_CLIENT_CA": str(folder / "stations.pem")}
        environment |= {"ALLOWED_HOSTS": f"127.0.0.1,{STATIONS_NAME}"}
        self.portal = Portal(folder, environment)
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def release(self) -> None:
        for command in ("migrate --verbosity=0", "collectstatic --noinput --verbosity=0", "first_administrator"):
            done = self.portal.manage(*command.split())
            assert done.returncode == 0, done.stderr

    def start(self, name: str, line: str) -> None:
        # The interpreter of this run, wherever its virtual environment is.
        line = line.replace(".venv/bin/python", sys.executable)
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                ["sh", "-c", f"exec {line}"], cwd=ROOT, env=self.portal.environment, stdout=log, stderr=log
            )

    def nginx(self, program: str) -> None:
        certificate(self.folder)
        text = (ROOT / "deploy" / "nginx.conf").read_text()
        for old, new in (
            ("server 127.0.0.1:8000", f"server 127.0.0.1:{self.pages}"), ("server 127.0.0.1:9000", f"server 127.0.0.1:{self.gateway}"),
            ("listen 443", f"listen 127.0.0.1:{self.https}"), ("listen 80", f"listen 127.0.0.1:{self.http}"),
            ("/etc/ssl/portal", str(self.folder)),
        ):  # fmt: skip
            assert old in text
            text = text.replace(old, new)
        (self.folder / "site.conf").write_text(text)
        temporary = "".join(f"{kind}_temp_path {self.folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.folder / "nginx.conf").write_text(
            f"daemon off; pid {self.folder}/nginx.pid; error_log stderr;\nevents {{}}\n"
            f"http {{ access_log off;\n{temporary}include {self.folder}/site.conf; }}\n"
        )
        with (self.folder / "nginx.log").open("wb") as log:
            self.running["nginx"] = subprocess.Popen(
                [program, "-e", "stderr", "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")], stdout=log, stderr=log
            )

    def stop(self) -> None:
        self.portal.stop()
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        for name, process in self.running.items():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise AssertionError(f"{name} did not end when told to") from None

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    for name in ("PostgreSQL", "Redis", "nginx"):
        if find(name) is None:
            pytest.skip(f"{name} is not installed")
    with ExitStack() as stack:
        started = stack.enter_context(engines())
        house = House(tmp_path_factory.mktemp("house"), started.database_url, started.redis_url)
        stack.callback(house.stop)
        house.release()
        for name, line in processes().items():
            house.start(name, line)
        house.nginx(find("nginx") or "")
        yield house


class Browser:
    """A browser as far as a log-in needs one."""

    def __init__(self, authority: Path) -> None:
        context = ssl.create_default_context(cafile=str(authority))
        self.opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context), urllib.request.HTTPCookieProcessor(CookieJar()), urllib.request.ProxyHandler({})
        )

    def open(self, url: str, data: dict[str, str] | None = None) -> tuple[str, str]:
        """(address arrived at, page)."""
        request = urllib.request.Request(url, urllib.parse.urlencode(data).encode() if data else None, {"Referer": url})
        with self.opener.open(request, timeout=20) as answer:
            return answer.geturl(), answer.read().decode()


def opened(house: House, browser: Browser, seconds: float = 60) -> str:
    """The log-in page, once the processes are up."""
    deadline = time.monotonic() + seconds
    while True:
        ended = [name for name, process in house.running.items() if process.poll() is not None]
        assert not ended, f"{ended} ended: {[house.log(name) for name in ended]}"
        try:
            return browser.open(f"{house.url}/account/login/")[1]
        except (OSError, urllib.error.HTTPError):
            assert time.monotonic() < deadline, [house.log(name)[-2000:] for name in house.running]
            time.sleep(0.2)


async def test_the_processes_of_the_procfile_serve_people_and_stations_behind_nginx(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(processes()) == {"web", "gateway", "worker", "cron"}
    browser = Browser(house.folder / "fullchain.pem")
    page = await asyncio.to_thread(opened, house, browser)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    arrived, _page = await asyncio.to_thread(
        browser.open, f"{house.url}/account/login/", {"login": ADMIN_EMAIL, "password": ADMIN_PASSWORD, "csrfmiddlewaretoken": token[1]}
    )
    assert arrived == f"{house.url}/"

    password = await asyncio.to_thread(house.portal.add_station, "REAL-1")
    monkeypatch.setenv("SSL_CERT_FILE", str(house.folder / "fullchain.pem"))
    async with SimulatedStation(f"wss://127.0.0.1:{house.https}/ocpp/", "REAL-1", password) as station:
        await station.boot()
        await station.report()
        done = await asyncio.to_thread(house.portal.manage, "send", "REAL-1", "UnlockConnector", '{"connectorId": 1}')
        assert (done.returncode, json.loads(done.stdout)) == (0, {"status": "Unlocked"})
        _arrived, page = await asyncio.to_thread(browser.open, f"{house.url}/stations/")
        assert "REAL-1" in page
        address = await asyncio.to_thread(house.portal.ask, "Station.objects.get().address")
        assert address == "127.0.0.1", "the station's own address, not the proxy's header as it came"

    # A station that knows no TLS has a door too; people do not.
    async with SimulatedStation(f"ws://127.0.0.1:{house.http}/ocpp/", "REAL-1", password) as station:
        await station.heartbeat()
    with pytest.raises(urllib.error.URLError):  # it leads to https://portal.example.org… at the standard port
        await asyncio.to_thread(browser.open, f"http://127.0.0.1:{house.http}/")


def knock(house: House, identity: str, own: Signed | None = None, *, name: str = STATIONS_NAME, password: str = "", **extra: str) -> str:
    """Come to nginx's server `name` as this station; "in" or what is said."""
    # Not 1.3: the client reads and writes in two threads, which OpenSSL does not bear while it reads the tickets of that version.
    mine = own.written(house.folder / "own.pem") if own else None
    context = trusting(house.folder / "fullchain.pem", mine, maximum_version=ssl.TLSVersion.TLSv1_2)
    headers = dict(extra)
    if password:
        headers["Authorization"] = f"Basic {base64.b64encode(f'{identity}:{password}'.encode()).decode()}"
    url = f"wss://{name}:{house.https}/ocpp/{identity}"
    try:
        with connect(
            url, sock=socket.create_connection(("127.0.0.1", house.https)), ssl=context, server_hostname=name, additional_headers=headers,
            subprotocols=["ocpp1.6"], proxy=None,
        ):  # fmt: skip
            return "in"
    except InvalidStatus as refusal:
        return str(refusal.response.status_code)


def test_security_profiles_2_and_3_behind_nginx(house: House) -> None:
    password = house.portal.add_station("REAL-3")
    opened(house, Browser(house.folder / "fullchain.pem"))

    def demand(profile: int) -> None:
        house.portal.ask(f"Station.objects.filter(identity='REAL-3').update(security_profile={profile})")

    def reason() -> str:
        return house.portal.ask("Knock.objects.get(identity='REAL-3').reason")

    def connected() -> list[object]:
        return house.portal.ask("Station.objects.values_list('connected_profile', 'connected_tls').get(identity='REAL-3')")

    demand(2)
    assert knock(house, "REAL-3", password=password) == "in"
    assert connected() == [2, True]
    with pytest.raises(InvalidStatus):
        connect(
            f"ws://127.0.0.1:{house.http}/ocpp/REAL-3", subprotocols=["ocpp1.6"], proxy=None,
            additional_headers={"Authorization": f"Basic {base64.b64encode(f'REAL-3:{password}'.encode()).decode()}"},
        )  # fmt: skip
    assert reason() == "no_tls"

    demand(3)
    good = house.authority.sign("REAL-3")
    assert knock(house, "REAL-3", password=password) == "401"
    assert reason() == "no_cert"
    for own, why in (
        (house.authority.sign("REAL-2"), "other"),
        (house.authority.sign("REAL-3", days=(-9, -2)), "expired"),
        (Authority("Somebody else").sign("REAL-3"), "untrusted"),
    ):
        assert knock(house, "REAL-3", own) == "401"
        assert reason() == why
    header = {"X-SSL-Client-Cert": urllib.parse.quote(good.pem.decode())}
    for name in (STATIONS_NAME, "127.0.0.1"):
        assert knock(house, "REAL-3", name=name, **header) == "401", "nobody but nginx may say this"
        assert reason() == "no_cert"
    assert knock(house, "REAL-3", good) == "in"
    assert connected() == [3, True]


def result_of(house: House, code: str) -> str:
    """What these lines print beside the portal."""
    done = house.portal.manage("shell", "--verbosity=0", "--no-imports", "--command", textwrap.dedent(code))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_worker_takes_jobs(house: House) -> None:
    code = """
        import django_rq, time
        job = django_rq.get_queue().enqueue("stations.gateway.upkeep.purge_frames")
        for _ in range(150):
            status = job.get_status(refresh=True)
            if status in ("finished", "failed"):
                break
            time.sleep(0.1)
        print(status.value)
    """
    assert result_of(house, code) == "finished", house.log("worker")


def test_the_clock_ends_a_command_that_nobody_delivers(house: House) -> None:
    house.portal.add_station("REAL-2")
    code = """
        import datetime, time
        from django.utils import timezone
        from stations.models import Command, Station
        overdue = timezone.now() - datetime.timedelta(seconds=1)
        command = Command.objects.create(station=Station.objects.get(identity="REAL-2"), action="ClearCache", deadline=overdue)
        for _ in range(150):
            command.refresh_from_db()
            if command.state == "expired":
                break
            time.sleep(0.1)
        print(command.state)
    """
    assert result_of(house, code) == "expired", house.log("cron")
    assert house.running["cron"].poll() is None
