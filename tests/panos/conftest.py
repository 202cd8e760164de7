"""A PAN-OS device on a loopback port, and the SDKs' ways to it, TLS verified."""

import contextlib
import functools
import time

import pan.xapi
import panos.base
import pytest
from panos.firewall import Firewall
from panos.panorama import Panorama

from knockctl_panos.driver import jobs
from knockctl_panos.twin.device import Appliance, Clock, Host, Switches
from tests.fixtures.panos_site import Site

START = 1_780_000_000  # 2026-05-28 20:26:40 UTC
VSYS = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']"
ADMINS = (
    ("admin", "admin", "superuser"),
    ("ann", "word", "deviceadmin"),
    ("bot", "word", "api-editor"),
    ("eye", "word", "superreader"),
    ("tag", "word", "api-operator"),
)


@pytest.fixture(autouse=True)
def _no_panrc(tmp_path, monkeypatch):
    """pan-python fills in host and key from a .panrc in the working directory and in the home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


class Device:
    """A device and everything a test does to it from outside and, by ``do``, inside."""

    def __init__(self, twin, host, context):
        self.twin, self.host, self.context = twin, host, context

    def xapi(self, user="admin", password="admin", **more):
        """Open pan-python's API, with a key by keygen unless one is given."""
        words = {"api_username": user, "api_password": password, "timeout": 20, **more}
        made = pan.xapi.PanXapi(hostname="127.0.0.1", port=self.host.port, **words)
        made.ssl_context = self.context  # given to the constructor, it would warn of its own doing
        return made

    def _sdk(self, kind, user, password, **more):
        words = {"port": self.host.port, "timeout": 20, "interval": 0.02, **more}
        made = kind("127.0.0.1", api_key=self.xapi(user, password).keygen(), **words)
        made.xapi.ssl_context = self.context
        return made

    def firewall(self, user="admin", password="admin", vsys="vsys1", **more):
        """Open pan-os-python's firewall, its version read."""
        made = self._sdk(Firewall, user, password, vsys=vsys, **more)
        made.refresh_system_info()
        return made

    def panorama(self, user="admin", password="admin"):
        made = self._sdk(Panorama, user, password)
        made.refresh_system_info()
        return made

    def do(self, function, *args, **kwargs):
        return self.host.call(functools.partial(function, *args, **kwargs))

    def advance(self, seconds):
        self.do(self.twin.clock.advance, seconds)

    def running(self, tail):
        """Return the names of entries below vsys1 in the running configuration."""
        return self.do(lambda: [e.get("name") for e in self.twin.vsys().findall(f"{tail}/entry")])

    def candidate(self, tail):
        vsys = functools.partial(self.twin.vsys, running=False)
        return self.do(lambda: [e.get("name") for e in vsys().findall(f"{tail}/entry")])


def entry(kind, name):
    return f"{VSYS}/{kind}/entry[@name='{name}']"


def tag(api, name, color="color1"):
    api.set(entry("tag", name), f"<color>{color}</color>")


@pytest.fixture
def device(certificate):
    """Make devices; a commit takes 0.02 s: ``device(version="10.2.9")``.

    With ``scale=0`` their time stands still.
    """
    with contextlib.closing(Host()) as host:

        def make(*, scale=100, **switches):
            clock = Clock(start=START, scale=scale)
            twin = Appliance(Switches(**switches), clock=clock)
            return Device(twin, host.serve(twin, certificate[0]), certificate[1])

        yield make


@pytest.fixture
def still(device):
    """A device whose time stands still, with five administrators."""
    return device(scale=0, admins=ADMINS)


@pytest.fixture(autouse=True)
def _polls_often(monkeypatch):
    """pan-os-python asks for a job every half second, whatever it was told."""
    slept = time.sleep
    monkeypatch.setattr(panos.base.time, "sleep", lambda seconds: slept(min(seconds, 0.02)))


@pytest.fixture
def site(device, certificate_files, tmp_path, monkeypatch):
    """Make firewalls, each with operators: ``site(version="10.2.9").operator("ann")``."""
    monkeypatch.setattr(jobs, "FIRST", 0.01)

    def make(**switches):
        made = device(**{"commit_time": 1.0, **switches})
        return Site(made, certificate_files[1], tmp_path)

    return make


MESSAGE = (
    "<uid-message><version>{0}</version><type>update</type><payload>{1}</payload></uid-message>"
)


def send(api, payload, version="2.0", vsys=None):
    api.user_id(MESSAGE.format(version, payload), vsys=vsys)


def register(api, ip, tag, timeout="0", persistent="1"):
    member = f"<member timeout='{timeout}'>{tag}</member>"
    entry = f"<entry ip='{ip}' persistent='{persistent}'><tag>{member}</tag></entry>"
    send(api, f"<register>{entry}</register>")


def registered(api, inner="<all/>", vsys=None):
    cmd = f"<show><object><registered-ip>{inner}</registered-ip></object></show>"
    api.op(cmd, vsys=vsys)
    return {
        entry.get("ip"): [member.text for member in entry.findall("tag/member")]
        for entry in api.element_result.findall("entry")
    }
