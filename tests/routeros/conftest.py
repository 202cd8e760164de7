"""A router on loopback ports, the sessions to it, and who works on it."""

import contextlib
import functools
import re
import time

import pytest
from librouteros import connect
from librouteros.exceptions import TrapError

from knockctl_routeros.twin.device import Clock, Router, Switches, served
from tests.fixtures.routeros_crew import RouterOperator

START = 1_780_000_000  # 2026-05-28 20:26:40 UTC
FILTER = "/ip/firewall/filter"
LIST = "/ip/firewall/address-list"


class Device:
    """A router and everything a test does to it from outside and, by ``do``, inside."""

    def __init__(self, router, host, stack):
        self.router, self.host, self.stack = router, host, stack

    def connect(self, user="admin", password="", **more):
        more = {"port": self.host.port, "timeout": 20, "encoding": "utf-8", **more}
        api = connect("127.0.0.1", user, password, **more)
        self.stack.callback(api.close)
        return api

    def do(self, function, *args, **kwargs):
        return self.host.call(functools.partial(function, *args, **kwargs))

    def advance(self, seconds):
        self.do(self.router.clock.advance, seconds)

    def rows(self, path):
        return self.do(self.router.rows, path)

    def comments(self, path=FILTER):
        return [row.get("comment", "") for row in self.rows(path)]

    def log(self):
        return [line.message for line in self.do(lambda: list(self.router.log))]


@pytest.fixture
def device():
    """Make routers whose time stands still unless scaled: ``device(version="7.16")``."""
    with contextlib.ExitStack() as stack:

        def make(*, scale=0, tls=None, on_change=None, **switches):
            clock = Clock(start=START, scale=scale)
            router = Router(Switches(**switches), clock=clock, on_change=on_change)
            return Device(router, stack.enter_context(served(router, tls)), stack)

        yield make


@pytest.fixture
def router(device):
    return device(addresses=(("192.0.2.12/24", "ether2"), ("2001:db8::12/64", "ether2")))


@pytest.fixture
def api(router):
    return router.connect()


@pytest.fixture
def rules(api):
    return api.path("ip", "firewall", "filter")


def refused(call, *args, **kwargs):
    with pytest.raises(TrapError) as caught:
        call(*args, **kwargs)
    return caught.value.message


@pytest.fixture
def site(device, certificate, certificate_files, tmp_path):
    """Make routers on TLS, each with operators: ``site(version="7.16").operator("ann")``."""

    def make(**switches):
        return Site(device(tls=certificate[0], **switches), certificate_files[1], tmp_path)

    return make


class Site:
    """A router, and who works on it."""

    def __init__(self, device, ca_file, folder):
        self.device, self.router, self.ca_file, self.folder = device, device.router, ca_file, folder

    def operator(self, name="ann", **placement):
        """Return an operator with a journal of that name, empty at first."""
        where = {"port": self.device.host.tls_port, "ca_file": self.ca_file}
        journal = self.folder / f"{name}.db"
        return RouterOperator(name=name, journal_path=journal, placement=placement, **where)

    def export(self):
        """Return all of the configuration, without the line that has the time."""
        text = self.device.do(self.router.export, sensitive=True)
        return text.partition("\n")[2]

    def text(self):
        """Return the firewall's configuration without our marks and names, which mean nothing."""
        return re.sub(r"knockctl:jump[^\"]*|#[0-9a-z.]+", "", self.export().replace("\\\n    ", ""))

    def tables(self):
        """Return all that is configured, for ``restore``."""
        menus = [path for path, menu in self.router.menus.items() if menu.kept]
        return self.device.do(lambda: {m: self.router.table(m).snapshot() for m in menus})

    def restore(self, saved):
        """Bring back what was configured."""
        for path, snapshot in saved.items():
            self.device.do(self.router.table(path).restore, snapshot)
            self.device.do(self.router.changed, path)

    def run_job(self, name):
        """Run a job now, whenever it is due."""
        jobs = self.router.table("/system/scheduler").items
        self.device.do(self.router.run_job, next(job for job in jobs if job.get("name") == name))

    def idle(self):
        """Wait until every session has ended, then let safe mode be undone where one held it."""
        while self.device.rows("/user/active"):
            time.sleep(0.001)


def words(**values):
    """Write the API's words as Python's: ``_`` for ``-``."""
    return {name.replace("_", "-"): value for name, value in values.items()}
