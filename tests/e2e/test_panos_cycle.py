"""The whole job on the lab's firewall: deployed, knocked, locked, unlocked, compared, taken back.

Policies count in minutes here; the firewall's clock runs ahead, or is moved on by hand.
"""

import json
from contextlib import contextmanager
from ipaddress import ip_address

import pytest

from knockctl.automaton.reference import Automaton, Packet, Site, Verdict
from knockctl.contract import Timeouts, vendor_for
from knockctl.inventory.load import load
from knockctl.lab.places import place
from knockctl.lab.plan import CA, PASSWORDS
from knockctl.policy.loader import load_all, resolve
from knockctl.settings import Settings
from knockctl_panos.placement import PanosPlacement
from knockctl_panos.render.render import render
from tests.e2e.test_lab_verdicts import EVERYTHING, RESETTING, SCENES, visits
from tests.e2e.test_panos_twin import SDK
from tests.fixtures.lab import ROOT
from tests.fixtures.panos_plane import VSYS, rule, service
from tests.fixtures.world import inside

pytestmark = pytest.mark.lab

PLACE = place("paloalto1")
OUTSIDE = [PLACE.outside, PLACE.outside6]
FASTER = 40
SLOWER = 60 / FASTER
"""What takes a second in a scene takes a minute of the firewall's."""
ACCEPT = ("--accept", "tag-delay")
ONLY_INSIDE = 'only_in = "kc-ops"\n'
GLOBALPROTECT = (ROOT / "inventories/lab/policies/globalprotect.yaml").read_text()


def in_minutes(text):
    for seconds in (1, 2):
        text = text.replace(f"{seconds}s", f"{seconds}m")
    return text


def write_inventory(folder, text, **placement):
    """An inventory of paloalto1 alone, with one policy."""
    name = next(line for line in text.splitlines() if line.startswith("name:")).split()[1]
    (folder / "policies").mkdir(parents=True)
    (folder / "policies" / f"{name}.yaml").write_text(text)
    entry = {
        "hostname": PLACE.management,
        "username": "admin",
        "password": "lab:admin",
        "platform": "paloalto_panos",
        "connection_options": {"knockctl": {"extras": {"ca_file": str(CA)}}},
        "data": {
            "knockctl": {
                "policies": [name],
                "placement": {"addresses": OUTSIDE, "to_zones": ["untrust"], **placement},
            }
        },
    }
    (folder / "hosts.yaml").write_text(json.dumps({"paloalto1": entry}, indent=1))
    (folder / "knockctl.toml").write_text(ONLY_INSIDE)
    return folder, name


def done(lab, folder, *argv, code=0):
    result = lab.knockctl(*argv, inventory=folder)
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout + result.stderr


def api(lab, *steps, user="admin"):
    word = json.loads(PASSWORDS.read_text())[user]
    result = lab.python("ops", SDK, PLACE.management, user, word, CA, json.dumps(steps))
    assert result.returncode == 0, result.stderr
    return result.stdout


def judge(policy, title, scene, seen, relaxed, scale=FASTER):
    """Compare what was seen with what the automaton says at the times it happened."""
    automaton = Automaton(Site((policy,), relaxed=relaxed))
    for number, ((_, protocol, port, source), (when, got)) in enumerate(
        zip(scene, seen, strict=True)
    ):
        step = automaton.feed(Packet(ip_address(source), protocol, port), when * scale)
        expected = "silence" if step.verdict is Verdict.REFUSE else "answer"
        if step.claimed and got != expected:
            yield f"{title}, packet {number} {protocol}/{port}: {got}, not {expected}: {step.rules}"


def met(lab, scenes):
    """Play scenes, once everybody has been there and both ends know the way."""
    hello = [[[0, "tcp", 80, scene[0][3]]] for scene in scenes]
    visits(lab, hello, "13", 2)
    return visits(lab, scenes, "13")


@pytest.mark.parametrize("text", [EVERYTHING, RESETTING], ids=["lockout", "reset"])
def test_every_way_in_and_every_way_out(lab, tmp_path, text):
    """The verdicts are those of the automaton, relaxed as the notes of the deploy say.

    Both families at once; every scene has a source of its own.
    """
    lab.firewall(scale=FASTER)
    folder, name = write_inventory(tmp_path / "i", in_minutes(text))
    policy = resolve(load_all(folder / "policies")[name], None)
    relaxed = render([policy], PanosPlacement(addresses=OUTSIDE)).relaxed
    done(lab, folder, "deploy", "paloalto1", "--yes", *ACCEPT)
    titles = [(base, title) for base in ("198.51.100.", "2001:db8:51::") for title in SCENES]
    scenes = [
        [
            [pause * SLOWER, protocol, port, f"{base}{100 + list(SCENES).index(title)}"]
            for pause, protocol, port in SCENES[title]
        ]
        for base, title in titles
    ]
    played = met(lab, scenes)
    problems = [
        problem
        for title, scene, seen in zip(titles, scenes, played, strict=True)
        for problem in judge(policy, title, scene, seen, relaxed)
    ]
    assert not problems, "\n".join(problems)


# --- the seed's five doors -------------------------------------------------------------------

SCALE = 6
QUICK = {"scale": SCALE, "plane": {"latency": [0.2, 0.8]}, "switches": {"commit_time": 0.1}}
PAUSE = 0.2
"""Longer, as the firewall's clock runs, than a log takes to become a tag."""
DOORS = [("tcp", port) for port in (7481, 29154, 11870, 52033, 38607)]
GATEWAY = [("tcp", 443), ("udp", 4501)]
THEIRS = [
    *(
        [f"{VSYS}/address/entry[@name='host{n}']", f"<ip-netmask>10.0.{n}.1</ip-netmask>"]
        for n in range(20)
    ),
    service("web", "tcp/80,8080"),
    rule("their web", "allow", services=("web",), logs=False),
]
VISITORS = {
    "198.51.100.100": [*GATEWAY, ("tcp", 80), *DOORS, *GATEWAY],
    "2001:db8:51::100": [*GATEWAY, *DOORS, *GATEWAY],
    # Retransmissions, an eager client, and all again once inside.
    "198.51.100.101": [*DOORS[:1] * 3, *DOORS[1:3], *GATEWAY, *DOORS[3:], *DOORS, *GATEWAY],
    # A wrong port, and then all that is right.
    "198.51.100.102": [*DOORS[:3], ("tcp", 9999), *DOORS[3:], *DOORS, *GATEWAY, ("tcp", 80)],
    "2001:db8:51::102": [DOORS[0], DOORS[2], *DOORS, *GATEWAY, ("tcp", 80)],
    # A stray.
    "198.51.100.103": [*DOORS, *GATEWAY, ("tcp", 8291), *GATEWAY, ("tcp", 80)],
}


@pytest.fixture
def site(lab, tmp_path):
    """A firewall with others' rules on it, and an operator."""
    lab.firewall(load=THEIRS, **QUICK)
    return Operated(lab, tmp_path / "i")


class Operated:
    """The lab's firewall, who operates it, and who visits it."""

    def __init__(self, lab, folder, **placement):
        self.lab = lab
        placement = {"tag_delay": 1, **placement}
        self.folder, self.name = write_inventory(folder, GLOBALPROTECT, **placement)
        self.policy = resolve(load_all(folder / "policies")[self.name], None)
        place = PanosPlacement(addresses=OUTSIDE, tag_delay=1)
        self.relaxed = render([self.policy], place).relaxed

    def do(self, command, *more, code=0):
        return done(self.lab, self.folder, command, "paloalto1", *more, code=code)

    def deploy(self, *more, code=0):
        return self.do("deploy", "--yes", *ACCEPT, *more, code=code)

    def export(self):
        return self.lab.firewall(export="")["export"]

    def visit(self, visitors):
        """Have everybody visit at once; compare with the automaton, return what answered."""
        scenes = [[[PAUSE, *p, source] for p in packets] for source, packets in visitors.items()]
        seen = met(self.lab, scenes)
        problems = [
            problem
            for scene, got in zip(scenes, seen, strict=True)
            for problem in judge(self.policy, scene[0][3], scene, got, self.relaxed, SCALE)
        ]
        assert not problems, "\n".join(problems)
        return dict(zip(visitors, ([answer for _, answer in one] for one in seen), strict=True))

    @contextmanager
    def access(self):
        device = load(self.folder).devices["paloalto1"]
        target = device.target(Settings().resolver().resolve, Timeouts())
        with inside("kc-ops"), vendor_for(device.platform).connect(target) as driver:
            yield driver.access()


def test_five_doors_who_gets_in_and_who_is_locked_out(site):
    """Every verdict is the automaton's; what is said here beside it is what a reader looks for."""
    site.deploy("--reason", "test")
    assert "no differences" in site.do("diff", "--exit-code")
    seen = site.visit(VISITORS)
    inside_4, inside_6, clumsy, wrong, wrong_6, stray = seen.values()
    assert inside_4 == ["silence"] * 2 + ["answer"] + ["silence"] * 5 + ["answer"] * 2
    assert inside_6[-2:] == clumsy[-2:] == ["answer"] * 2
    assert wrong[-3:] == wrong_6[-3:] == ["silence"] * 3
    assert stray[5:] == ["answer"] * 2 + ["silence"] * 4
    with site.access() as access:
        states = {str(a.source.network_address): a.state for a in access.sources()}
        assert states == {
            **dict.fromkeys(("198.51.100.100", "2001:db8:51::100", "198.51.100.101"), "granted"),
            **dict.fromkeys(("198.51.100.102", "2001:db8:51::102", "198.51.100.103"), "locked"),
        }
        assert access.unlock(ip_address("198.51.100.102"))
        assert access.expel(ip_address("198.51.100.100"), keep_sessions=False) >= 0
    again = {"198.51.100.102": [*GATEWAY, *DOORS, *GATEWAY], "198.51.100.100": GATEWAY}
    unlocked, expelled = site.visit(again).values()
    assert unlocked[-2:] == ["answer"] * 2
    assert expelled == ["silence"] * 2
    scan = "nmap -n -Pn -sS -S 198.51.100.110 -e out0 -p1-600,7481,29154 --max-retries 0 -oG - "
    found = site.lab.shell("wan", f"{scan} {PLACE.outside}")
    assert "80/open/" in found, "others' services are untouched"
    for port in (443, 7481, 29154):
        assert f" {port}/open/" not in found


def test_there_and_back(lab, tmp_path):
    """On one address: what is probed is knocked on each."""
    lab.firewall(load=THEIRS, **QUICK)
    site = Operated(lab, tmp_path / "i", addresses=OUTSIDE[:1])
    before = site.export()
    for argv in (["verify"], ["deploy", "--yes", *ACCEPT, "--probe"], ["verify", "--running"]):
        said = site.do(*argv)
        assert argv[0] != "verify" or "globalprotect: proved [fact sheet]" in said
    deployed = site.export()
    assert "their web" in deployed
    site.do("rollback", "--yes")
    assert site.export() == before
    site.deploy()
    rules = f"{VSYS}/rulebase/security/rules/entry[@name='kc-globalprotect.stray']"
    api(site.lab, ["delete", {"xpath": rules}], ["commit", {"cmd": "<commit/>", "sync": True}])
    drift = site.do("diff", "--exit-code", code=3)
    assert drift.count("  + ") == 1
    assert "kc-globalprotect.stray" in drift
    site.deploy()
    assert "no differences" in site.do("diff", "--exit-code")
    site.do("remove", "--yes")
    assert site.export() == before
    assert "no" in api(site.lab, ["op", {"cmd": "check pending-changes", "cmd_xml": True}])


def test_other_administrators_work_is_respected(site):
    theirs = ["set", {"xpath": f"{VSYS}/tag/entry[@name='x']", "element": "<color>color1</color>"}]
    api(site.lab, theirs, user="ops")
    site.deploy()
    assert "name='x'" not in site.export().replace('"', "'"), "not committed with ours"
    pending = api(site.lab, ["op", {"cmd": "show config list changes", "cmd_xml": True}])
    assert "<owner>ops</owner>" in pending
    rules = f"{VSYS}/rulebase/security/rules/entry[@name='kc-globalprotect.stray']"
    ours = ["set", {"xpath": rules, "element": "<description>mine</description>"}]
    api(site.lab, ours, user="ops")
    refused = site.do("remove", "--yes", code=4)
    assert "ops has changed what is ours, and not committed it" in refused
    api(site.lab, ["op", {"cmd": "revert config", "cmd_xml": True}], user="ops")
    lock = "<request><config-lock><add><comment>mine</comment></add></config-lock></request>"
    api(site.lab, ["op", {"cmd": lock, "vsys": "vsys1"}], user="ops")
    assert "ops" in site.do("remove", "--yes", code=4)
