"""A simulated device, its command line without wires, and the device on a loopback port."""

import contextlib
import functools

import pytest

from knockctl_ios.twin.device import Clock, Device, Faults, Shell, Switches, exec_commands, served
from tests.fixtures.ios_site import HERE, Site

START = 1_780_000_000  # 2026-05-28 20:26:40 UTC


class Console:
    """A device and one session's command line, as a test types it."""

    def __init__(self, device, user="admin", level=15):
        self.device = device
        self.shell = Shell(device, exec_commands, user, level, "192.0.2.1")

    def say(self, line, reply=""):
        return self.shell.answer(line, reply)

    def type(self, text):
        """Carry out lines; return all that the device says."""
        return "".join(self.say(line) for line in text.strip("\n").splitlines())

    def configure(self, text):
        self.say("configure terminal")
        said = self.type(text)
        self.say("end")
        return said

    def running(self, section=""):
        text = self.device.text()
        return text if not section else self.say(f"show running-config | section {section}")

    @property
    def prompt(self):
        return self.shell.prompt

    def advance(self, seconds):
        self.device.clock.advance(seconds)


class Host:
    """A device on a port, and what tests do to it from inside."""

    def __init__(self, device, served_device):
        self.device, self.served = device, served_device

    @property
    def port(self):
        return self.served.port

    def do(self, function, *args, **kwargs):
        return self.served.call(functools.partial(function, *args, **kwargs))

    def advance(self, seconds):
        self.do(self.device.clock.advance, seconds)

    def running(self):
        return self.do(self.device.text)

    def log(self):
        return [line.message for line in self.do(lambda: list(self.device.logs.lines))]


def make(*, scale=0, **switches):
    clock = Clock(start=START, scale=scale)
    return Device(Switches(**switches), clock=clock, faults=Faults())


@pytest.fixture
def console():
    """Make a device whose time stands still, and a session on it: ``console(version="17.9.4")``."""
    return lambda **switches: Console(make(**switches))


@pytest.fixture
def session():
    """Open another session on a device."""
    return Console


@pytest.fixture
def host():
    """Make devices on loopback ports: ``host(version="17.9.4")``."""
    with contextlib.ExitStack() as stack:

        def start(*, scale=0, **switches):
            device = make(scale=scale, **switches)
            return Host(device, stack.enter_context(served(device)))

        yield start


@pytest.fixture
def site(host, tmp_path):
    """Make a router with its operator's lines on it: ``site(version="17.9.4")``."""
    return lambda **switches: Site(host(**{**HERE, **switches}), tmp_path)
