"""The whole job on the lab's Cisco router, by either method: deployed, knocked, taken back.

Policies count in minutes here; while visitors are there, the router's clock runs ahead.
"""

import json
from contextlib import contextmanager
from ipaddress import ip_address

import pytest

from knockctl.contract import Timeouts, vendor_for
from knockctl.inventory.load import load
from knockctl.lab.places import place
from knockctl.lab.plan import KNOWN_HOSTS
from knockctl.policy.loader import load_all, resolve
from knockctl.settings import Settings
from knockctl_ios.placement import IosPlacement
from knockctl_ios.render.render import render
from knockctl_ios.twin.lab import OUTSIDE
from tests.e2e.test_lab_verdicts import visits
from tests.e2e.test_panos_cycle import done, judge
from tests.fixtures.lab import INVENTORY
from tests.fixtures.world import inside

pytestmark = pytest.mark.lab

PLACE = place("cisco1")
NAME = "branch-support"
SCALE = 20
DELAY = 2
"""Of the router's seconds, until a knock shows; visitors pause longer."""
PAUSE = 0.2
LATE = 65 / SCALE
"""Longer than an attempt or a grant lasts."""

KNOCKS = [("udp", port) for port in (46543, 28654, 40204, 57566, 34515)]
SSH, QUIC = ("tcp", 22), ("udp", 443)
CLIENTS = [f"198.51.100.{number}" for number in (100, 101, 102)]
VISITORS = {
    # Three clients, all at the same time.
    **{client: [(PAUSE, *p) for p in (SSH, *KNOCKS, SSH, QUIC)] for client in CLIENTS},
    # Strays, in the middle of it.
    "198.51.100.103": [(2 * PAUSE, *p) for p in (KNOCKS[0], KNOCKS[4], KNOCKS[2], SSH)],
    "198.51.100.104": [
        (PAUSE, *p) for p in (KNOCKS[1], KNOCKS[0], KNOCKS[2], KNOCKS[4], KNOCKS[3], SSH)
    ],
    # Each knock twice, and all of them again once inside.
    "198.51.100.105": [
        *((PAUSE, *one) for knock in KNOCKS for one in (knock, knock)),
        *((PAUSE, *one) for one in (SSH, *KNOCKS, SSH)),
    ],
    # Too late for the third knock, and too late with a grant.
    "198.51.100.106": [
        *((PAUSE, *one) for one in KNOCKS[:2]),
        (LATE, *KNOCKS[2]),
        *((PAUSE, *one) for one in (*KNOCKS[3:], SSH)),
    ],
    "198.51.100.107": [*((PAUSE, *one) for one in (*KNOCKS, SSH)), (LATE, *SSH)],
    # Nothing of ours.
    "198.51.100.108": [(PAUSE, "tcp", 8080), (PAUSE, "tcp", 9999), (PAUSE, *SSH)],
}
METHODS = {
    "copp": ({"method": "copp", "log_style": "tight"}, {"cp_log_style": "tight"}),
    "acl-log": ({"method": "acl-log"}, {"version": "17.9.4"}),
}


class Operated:
    """The lab's router, who operates it, and who visits it."""

    def __init__(self, lab, folder, placement, policies=INVENTORY / "policies", name=NAME):
        self.lab, self.folder, self.name = lab, folder, name
        said = {
            "addresses": [PLACE.outside],
            "interface": OUTSIDE,
            "access_list": "outside-in",
            "log_delay": DELAY,
            "management": {"sources": ["192.0.2.0/24"], "port": 22},
            **placement,
        }
        self.source = policies / f"{name}.yaml"
        self.policy = resolve(load_all(policies)[name], None)
        rendered = render([self.policy], IosPlacement(**said))
        self.config, self.relaxed = rendered.config, rendered.relaxed
        self.effective = rendered.effective[0]
        self.accepted = sorted({note.code for note in rendered.fidelity if note.blocks})
        self._write(said)

    def _write(self, placement):
        (self.folder / "policies").mkdir(parents=True)
        (self.folder / "policies" / self.source.name).write_text(self.source.read_text())
        entry = {
            "hostname": PLACE.management,
            "username": "admin",
            "password": "lab:admin",
            "platform": "cisco_ios",
            "connection_options": {"knockctl": {"extras": {"known_hosts": str(KNOWN_HOSTS)}}},
            "data": {"knockctl": {"policies": [self.name], "placement": placement}},
        }
        (self.folder / "hosts.yaml").write_text(json.dumps({"cisco1": entry}, indent=1))
        (self.folder / "knockctl.toml").write_text('only_in = "kc-ops"\n')

    def do(self, command, *more, code=0):
        return done(self.lab, self.folder, command, "cisco1", *more, code=code)

    def deploy(self):
        accept = [word for code in self.accepted for word in ("--accept", code)]
        return self.do("deploy", "--yes", *accept, "--reason", "test")

    def export(self):
        return self.lab.cisco(export="")["export"]

    def type(self, *lines):
        return self.lab.cisco(type="\n".join(lines))["type"]

    def visit(self, visitors):
        """Have everybody visit at once; compare with the automaton, return what answered."""
        scenes = [[[*packet, source] for packet in some] for source, some in visitors.items()]
        # Everybody has been there, so that both ends know the way.
        visits(self.lab, [[[0, "tcp", 8080, source]] for source in visitors], "14", 2)
        self.lab.cisco(scale=SCALE)
        seen = visits(self.lab, scenes, "14")
        self.lab.cisco(scale=1)
        problems = [
            problem
            for scene, got in zip(scenes, seen, strict=True)
            for problem in judge(self.effective, scene[0][3], scene, got, self.relaxed, SCALE)
        ]
        assert not problems, "\n".join(problems)
        return dict(zip(visitors, ([answer for _, answer in one] for one in seen), strict=True))

    @contextmanager
    def access(self):
        device = load(self.folder).devices["cisco1"]
        target = device.target(Settings().resolver().resolve, Timeouts())
        with inside("kc-ops"), vendor_for(device.platform).connect(target) as driver:
            yield driver.access()


@pytest.mark.parametrize(("method", "back"), [("copp", "rollback"), ("acl-log", "remove")])
def test_there_and_back(lab, tmp_path, method, back):
    """Every verdict is the automaton's; what is said here beside it is what a reader looks for.

    The router is of the kind that the method is for, with its operator's list on it.
    """
    placement, switches = METHODS[method]
    lab.cisco(switches=switches)
    site = Operated(lab, tmp_path / "i", placement)
    before = site.export()
    site.deploy()
    assert "no differences" in site.do("diff", "--exit-code")
    seen = site.visit(VISITORS)
    for client in CLIENTS:
        assert seen[client] == ["silence"] * 6 + ["answer"] * 2
    for source in ("198.51.100.103", "198.51.100.104", "198.51.100.106"):
        assert set(seen[source]) == {"silence"}, source
    assert seen["198.51.100.105"][-7:] == ["answer", *["silence"] * 5, "answer"]
    assert seen["198.51.100.107"][-2:] == ["answer", "silence"]
    assert seen["198.51.100.108"] == ["answer", "answer", "silence"]
    _access(site)
    site.type("configure terminal", f"no event manager applet kc-{NAME}-3", "end")
    assert f"kc-{NAME}-3" in site.do("diff", "--exit-code", code=3)
    site.do(back, "--yes")
    assert site.export() == before


def _access(site):
    """Who is in is shown with the time left, and can be put out; others can be let in."""
    site.lab.cisco(advance=180)
    ours = {CLIENTS[0]: [(PAUSE, *one) for one in (*KNOCKS, SSH)]}
    assert site.visit(ours)[CLIENTS[0]][-1] == "answer"
    shown = site.type("show access-lists outside-in")
    assert f"host {CLIENTS[0]} host {PLACE.outside}" in shown
    assert "(time left " in shown
    with site.access() as access:
        (found,) = access.sources()
        assert str(found.source.network_address) == CLIENTS[0]
        assert found.state == "granted"
        assert 0 < found.seconds_left <= 60
        assert access.expel(ip_address(CLIENTS[0]), keep_sessions=True) >= 0
        assert list(access.sources()) == []


@pytest.mark.parametrize("reading", ["absolute", "idle"])
def test_a_grant_ends_in_either_reading_of_its_time(lab, tmp_path, reading):
    """Idle time or not, the dynamic list's own time ends it a minute later at most."""
    placement, switches = METHODS["copp"]
    lab.cisco(switches={**switches, "timeout_reading": reading})
    site = Operated(lab, tmp_path / "i", placement)
    # The operator's entries go, so that ours, entered behind them, are asked.
    lab.cisco(load="ip access-list extended outside-in\n no 10\n no 20\n")
    lab.cisco(load=site.config.text())
    for source in CLIENTS:
        site.type(f"access-template outside-in kc-{NAME} host {source} any timeout 1")
    first = {source: [(0, *SSH)] for source in CLIENTS}
    assert played(site, first) == [["answer"]] * 3
    lab.cisco(advance=50)
    assert played(site, {CLIENTS[0]: [(0, *SSH)]}) == [["answer"]]
    lab.cisco(advance=50)
    active = "answer" if reading == "idle" else "silence"
    assert played(site, first) == [[active], ["silence"], ["silence"]]
    lab.cisco(advance=30)
    assert played(site, first) == [["silence"]] * 3


def played(site, visitors):
    scenes = [[[*packet, source] for packet in some] for source, some in visitors.items()]
    return [[answer for _, answer in one] for one in visits(site.lab, scenes, "14", 2)]
