"""The lab's firewall: Palo Alto's SDKs as they are, real packets, rules that decide."""

import json

import pytest

from knockctl.lab.places import place
from knockctl.lab.plan import CA, PASSWORDS
from knockctl.lab.plane.control import tell
from tests.e2e.test_router_twin import VISIT
from tests.fixtures.panos_plane import SEED, VSYS, rule, service

pytestmark = pytest.mark.lab

PLACE = place("paloalto1")
TARGETS = {4: PLACE.outside, 6: PLACE.outside6}
SOURCES = {4: "198.51.100.100", 6: "2001:db8:51::100"}
SOON = {"latency": [0.05, 0.1]}

SDK = """
import json, ssl, sys
from panos.firewall import Firewall
import pan.xapi
host, user, password, ca, steps = sys.argv[1:]
context = ssl.create_default_context(cafile=ca or None)
api = pan.xapi.PanXapi(hostname=host, api_username=user, api_password=password,
    ssl_context=context, timeout=2)
try:
    for call, words in json.loads(steps):
        getattr(api, call)(**words)
        print(json.dumps(api.xml_result()))
except pan.xapi.PanXapiError as error:
    sys.exit(str(error))
"""
OBJECTS = """
import sys, time
from panos.firewall import Firewall
from panos.policies import Rulebase, SecurityRule
host, user, password = sys.argv[1:]
firewall = Firewall(host, user, password)
print(firewall.refresh_system_info().version)
print(firewall.show_system_info()["system"]["hostname"])
rules = firewall.add(Rulebase())
rules.add(SecurityRule("closed", fromzone=["untrust"], tozone=["untrust"],
    service=["service-https"], action="drop")).create()
print(firewall.commit(sync=True)["success"])
"""


@pytest.fixture
def device(lab):
    lab.firewall(plane=SOON, switches={"commit_time": 0.1})
    return Device(lab)


class Device:
    """The firewall, its administrators in kc-ops, and its visitors in kc-wan."""

    def __init__(self, lab):
        self.lab = lab

    def api(self, *steps, user="admin", host=PLACE.management, ca=CA, password=None):
        """Call pan-python's methods, [name, words], in one session; return the process."""
        word = json.loads(PASSWORDS.read_text())[user] if password is None else password
        return self.lab.python("ops", SDK, host, user, word, ca, json.dumps(steps))

    def op(self, command, **more):
        done = self.api(["op", {"cmd": command, **more}])
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def visit(self, *steps, family=4, where="wan", source=None):
        """Try ports one after the other; say of each whether it answered."""
        target, source = TARGETS[family], source or SOURCES[family]
        return self.lab.python(where, VISIT, target, source, *steps, check=True).stdout.split()

    def knock(self, family=4):
        """Knock; a visit that gets no answer lasts longer than a tag takes to come."""
        steps = ["tcp/7001", "udp/7002", "tcp/7003"]
        assert self.visit(*steps, family=family) == ["silent"] * 3

    def tags(self, address=SOURCES[4]):
        return self.lab.firewall(tags=address)["tags"]

    def session(self, port, family=4):
        """Hold a connection to the terminal; what is written comes back."""
        return self.lab.terminal(TARGETS[family], SOURCES[family], port)


# --- management ---


def test_the_sdk_configures_it_and_a_commit_counts_for_the_next_packet(device):
    assert device.visit("tcp/443", "tcp/80") == ["open", "open"]
    word = json.loads(PASSWORDS.read_text())["admin"]
    done = device.lab.python("ops", OBJECTS, PLACE.management, "admin", word)
    assert done.stdout.splitlines() == ["11.2.4", "paloalto1", "True"], done.stderr
    assert device.visit("tcp/443", "tcp/80") == ["silent", "open"]


def test_a_wrong_password_and_an_unknown_certificate_are_refused(device):
    assert "Invalid Credential" in device.api(["keygen", {}], password="guess").stderr
    assert "CERTIFICATE_VERIFY_FAILED" in device.api(["keygen", {}], ca="").stderr


def test_users_may_do_what_their_roles_may(device):
    xpath = f"{VSYS}/tag/entry[@name='x']"
    change = ["set", {"xpath": xpath, "element": "<comments>x</comments>"}]
    assert device.api(change, user="guest").returncode != 0
    assert device.api(change, user="ops").returncode == 0


def test_management_is_a_port_of_its_own(device):
    device.lab.firewall(load=[rule("nobody", logs=False)])
    assert device.visit("tcp/443", "tcp/22") == ["silent", "silent"]
    assert "paloalto1" in device.op("show system info", cmd_xml=True)
    script = "import socket,sys; socket.create_connection((sys.argv[1], 443), 0.5)"
    assert device.lab.python("wan", script, PLACE.management).returncode != 0


# --- packets ---


@pytest.mark.parametrize("family", [4, 6])
def test_without_rules_services_are_open_and_other_ports_closed(device, family):
    steps = ["tcp/22", "tcp/443", "tcp/8291", "udp/443", "udp/4501", "tcp/888", "udp/888"]
    answers = ["open"] * 5 + ["ConnectionRefusedError"] * 2
    assert device.visit(*steps, family=family) == answers


@pytest.mark.parametrize("family", [4, 6])
def test_the_seed_opens_to_who_knocks_and_to_nobody_else(device, family):
    device.lab.firewall(load=SEED)
    assert device.visit("tcp/443", "udp/4501", family=family) == ["silent", "silent"]
    device.knock(family)
    assert device.tags(SOURCES[family]) == ["granted"]
    assert device.visit("tcp/443", "udp/4501", family=family) == ["open", "open"]
    other = SOURCES[family][:-1] + "1"
    wrong = ["tcp/7001", "tcp/9999", "tcp/22"]
    assert device.visit(*wrong, family=family, source=other) == ["silent"] * 3
    assert device.tags(other) == ["locked"]
    device.lab.firewall(advance=3600)
    assert device.tags(other) == []
    assert device.visit("tcp/22", family=family, source=other) == ["open"]


def test_who_does_not_wait_for_the_tags_is_not_let_in(device):
    device.lab.firewall(load=SEED, plane={"latency": [1, 3]})
    doors = "tcp/7001 udp/7002 tcp/7003"
    hasty = f"knock --host {PLACE.outside} {doors} --check tcp/443 --timeout 0.5"
    assert device.lab.knockctl(*hasty.split(), where="wan").returncode == 4
    device.lab.firewall(advance=70, scale=5)
    patient = f"knock --host {PLACE.outside} {doors} --delay 0.8 --check tcp/443"
    done = device.lab.knockctl(*patient.split(), where="wan")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_operator_probes_from_another_zone(device):
    operator = {"where": "ops", "source": "192.0.2.1"}
    assert device.visit("tcp/443", **operator) == ["silent"], "between zones nothing is let in"
    device.lab.firewall(load=SEED)
    assert device.visit("tcp/7001", "udp/7002", "tcp/7003", "tcp/443", **operator) == [
        *["silent"] * 3,
        "open",
    ]


def test_tags_are_registered_seen_and_taken_away_over_the_api(device):
    device.lab.firewall(load=SEED)
    entry = f'<entry ip="{SOURCES[4]}"><tag><member timeout="60">granted</member></tag></entry>'
    message = "<uid-message><version>2.0</version><type>update</type><payload><{0}>{1}</{0}>"
    message += "</payload></uid-message>"
    say = lambda what: ["user_id", {"cmd": message.format(what, entry), "vsys": "vsys1"}]  # noqa: E731
    assert device.api(say("register")).returncode == 0
    assert device.visit("tcp/443") == ["open"]
    shown = device.op("<show><object><registered-ip><all></all></registered-ip></object></show>")
    assert SOURCES[4] in shown
    device.lab.firewall(advance=60)
    assert device.visit("tcp/443") == ["silent"]


def test_a_session_outlives_its_grant_until_it_is_cleared(device):
    terminal = service("gp-tcp", "tcp/443,22")
    device.lab.firewall(load=[*SEED, terminal])
    device.knock()
    with device.session(22) as say:
        device.lab.firewall(advance=3000)
        assert say("still here") == "still here"
        device.lab.firewall(advance=3000)
        device.lab.firewall(load=[[f"{VSYS}/tag/entry[@name='new']", "<comments>c</comments>"]])
        assert say("and a commit later") == "and a commit later"
        wanted = f"<filter><source>{SOURCES[4]}</source></filter>"
        assert "granted" in device.op(f"<show><session><all>{wanted}</all></session></show>")
        device.op(f"<clear><session><all>{wanted}</all></session></clear>")
        assert say("and now") == "silence"


@pytest.mark.parametrize("family", [4, 6])
def test_a_refusal_may_answer(device, family):
    unreachable = "<icmp-unreachable>yes</icmp-unreachable>"
    device.lab.firewall(load=[rule("r", "reset-client", more=unreachable, logs=False)])
    refused, host = device.visit("tcp/443", "udp/443", family=family)
    assert refused == "ConnectionRefusedError"
    # Linux tells a connected socket of it in words of its own.
    assert host in ("ConnectionRefusedError", "OSError", "PermissionError")


def test_the_log_tells_what_was_dropped_and_what_became_of_it(device):
    device.lab.firewall(load=SEED)
    device.visit("tcp/7001")
    query = ["log", {"log_type": "traffic", "filter": "(rule eq 'knock1')"}]
    done = device.api(query)
    assert done.returncode == 0, done.stderr
    for word in ("knock1", "<subtype>drop</subtype>", "<dport>7001</dport>", SOURCES[4]):
        assert word in json.loads(done.stdout)
    (event,) = device.lab.firewall(logs="iptag")["logs"]
    assert (event["ip"], event["tag_name"], event["event_id"]) == (SOURCES[4], "door1", "register")


# --- what goes wrong ---


def test_faults_are_had_for_the_asking(device):
    device.lab.firewall(cut_after=1)
    done = device.api(["keygen", {}], ["op", {"cmd": "show system info", "cmd_xml": True}])
    assert done.returncode != 0
    assert tell(PLACE, cut_after="x")["ok"] is False
    assert tell(PLACE, nonsense=1)["ok"] is False
    assert tell(PLACE, plane={"nonsense": 1})["ok"] is False


def test_a_reboot_is_silence_on_every_port(device):
    device.lab.firewall(load=SEED)
    device.knock()
    device.lab.firewall(reboot=30)
    assert device.visit("tcp/443") == ["silent"]
    assert device.api(["keygen", {}]).returncode != 0
    device.lab.firewall(advance=30)
    assert device.visit("tcp/443") == ["open"], "registered tags persist"
    assert "paloalto1" in device.op("show system info", cmd_xml=True)
