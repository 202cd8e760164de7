"""A script on a router's flash: sent, registered, compared, taken back, deleted."""

import re
from dataclasses import replace
from ipaddress import ip_address

import pytest

from knockctl.change.job import Result
from knockctl.policy.resolved import Generation, Knock, ResolvedTrap
from knockctl.ports import Span
from tests.fixtures.ios_crew import ADDRESS, OPERATORS, IosOperator
from tests.fixtures.ios_policies import P, corner

TRAP = ResolvedTrap((Span("tcp", 666, 666),), 60, unless_granted=False)
POLICY = replace(P, step_timeout=10, wrong_knock="reset", otherwise="refuse", traps=(TRAP,))
OTHER = replace(POLICY, generations=(Generation(1, (Knock("udp", 201), Knock("udp", 202))),))
UNCHECKED = {"username": "admin", "password": "admin", "verify_host_key": False}
FOLDER = "event manager directory user policy"


class Site:
    """A router with its operator's lines, and somebody who deploys scripts to it."""

    def __init__(self, host, folder, lines=""):
        self.host, self.device = host, host.device
        host.do(host.device.load, f"{OPERATORS}{lines}service sequence-numbers\n")
        self.before = host.running()
        self.ann = IosOperator("ann", host.port, folder / "ann.db", login=UNCHECKED)

    def run(self, kind="deploy", policy=POLICY, **more):
        place = {"order": "tcl", "method": "acl-log", "addresses": [ADDRESS]}
        intended = corner(policy, **place).config if kind == "deploy" else None
        return self.ann.run(kind, intended, **more)

    def deploy(self, policy=POLICY, result=Result.CONFIRMED, **more):
        outcome = self.run(policy=policy, **more)
        assert outcome.result is result, outcome
        return outcome

    @property
    def files(self):
        found = self.host.do(lambda: dict(self.device.flash.files))
        return {n: f.data.decode() for n, f in found.items() if "archive" not in n}

    @property
    def registered(self):
        lines = self.host.running().splitlines()
        return [line.split()[3] for line in lines if line.startswith("event manager policy")]


@pytest.fixture
def site(host, tmp_path):
    where = ((f"{ADDRESS}/24", "GigabitEthernet0/0"),)
    return lambda lines="", **more: Site(
        host(addresses=where, plane_logging=True, **more), tmp_path, lines
    )


def test_a_script_is_sent_and_registered_and_goes(site):
    here = site()
    here.deploy()
    (name,) = here.files
    assert here.registered == [name]
    assert f'{FOLDER} "flash:/"' in here.host.running()
    assert "0000" not in name
    assert "knock 0000" not in here.files[name]
    here.deploy(result=Result.UNCHANGED)
    _let_off(here)
    # Drift inside of the file.
    wrong = here.files[name].replace("set kc(step) 10", "set kc(step) 900")
    here.host.do(here.device.flash.write, name, wrong.encode())
    mended = here.deploy()
    said = "\n".join(mended.changes)
    assert "set kc(step) 900" in said, said
    assert "set kc(step) 10" in said, said
    assert "set kc(minutes)" not in said, said
    (other,) = here.files
    assert other != name
    assert here.registered == [other]
    # A file that is gone.
    here.host.do(here.device.flash.remove, other)
    here.deploy()
    assert here.registered == [*here.files]
    removed = here.run("remove")
    assert removed.result is Result.CONFIRMED, removed
    assert here.host.running() == here.before
    assert here.files == {}


def _let_off(here):
    """Who is locked out is told, and can be let off."""
    source = ip_address("198.18.0.1")
    add = here.device.entries.add
    here.host.do(add, here.device.acl("kc-p-out"), "kc-p-locked", f"host {source}", "any", 3)
    with here.ann.driver() as driver:
        control = driver.access()
        (one,) = control.sources()
        assert (one.policy, one.state, one.seconds_left) == ("p", "locked", 180)
        assert control.unlock(source)
        assert not control.unlock(source)
        assert control.sources() == ()


def test_what_takes_a_change_back_finds_the_old_file(site):
    here = site()
    here.deploy()
    before, files = here.host.running(), here.files
    pending = here.deploy(OTHER, Result.PENDING, options={"confirm_within": 90})
    assert len(here.files) == 2
    assert here.registered != [*files]
    back = here.run("rollback", change_id=pending.change_id)
    assert back.result is Result.ROLLED_BACK, back
    assert here.host.running() == before
    assert here.files == files
    # By the router itself, unattended: what nothing registers goes with the next change.
    here.deploy(OTHER, Result.PENDING, options={"confirm_within": 90})
    here.host.advance(130)
    assert here.host.running() == before
    assert here.registered == [*files]
    here.deploy(OTHER)
    assert here.registered == [*here.files]
    # Back to a revision whose file is long gone.
    back = here.ann.run("rollback")
    assert back.result is Result.ROLLED_BACK, back
    assert here.files == files


def test_the_operators_folder_is_theirs(site):
    here = site(f"{FOLDER} flash:/eem\n")
    here.host.do(here.device.flash.make_folder, "eem")
    before = here.host.running()
    knocks = tuple(replace(k, secret=True) for k in OTHER.generations[0].knocks)
    outcome = here.deploy(replace(OTHER, generations=(Generation(1, knocks),)))
    (path,) = here.files
    assert path.startswith("eem/kc-p-")
    # What is secret in it is told to nobody.
    said = "\n".join(outcome.changes)
    assert "knock " in said
    assert "201" not in said
    assert "knock " in here.files[path]
    assert " udp 201" in here.files[path]
    assert here.run("remove").result is Result.CONFIRMED
    assert here.files == {}
    assert here.host.running() == before
    assert f'{FOLDER} "flash:/eem"' in before


def test_a_folder_that_is_not_there_is_named(site):
    here = site(f"{FOLDER} flash:/eem\n")
    outcome = here.run()
    assert outcome.result is not Result.CONFIRMED
    assert "can't be put into flash:/eem; nothing was changed" in outcome.message
    assert here.host.running() == here.before
    assert here.files == {}


def test_a_router_without_tcl_is_left_alone(site):
    here = site(unauthorized=("tclsh",))
    outcome = here.run()
    assert outcome.result is Result.FAILED, outcome
    assert re.search(r"runs no Tcl .*; nothing was changed", outcome.message)
    assert here.host.running() == here.before
    assert here.files == {}
