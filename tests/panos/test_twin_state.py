"""The device's state: logs and queries, sessions, availability, the version."""

import datetime as dt

import pytest
from pan.xapi import PanXapiError
from panos.errors import PanDeviceXapiError
from panos.objects import Tag

from knockctl_panos.twin.device import Interface, Session
from tests.panos.conftest import START, VSYS, register

# --- logs ---


def logs(api, kind, **more):
    api.log(kind, interval=0.01, **more)
    return [{f.tag: f.text for f in e} for e in api.element_result.findall("log/logs/entry")]


def test_registrations_are_logged_newest_first(still):
    api = still.xapi()
    register(api, "192.0.2.1", "a", "60")
    still.advance(60)
    found = logs(api, "iptag")
    assert [(f["event_id"], f["ip"], f["tag_name"], f["timeout"]) for f in found] == [
        ("unregister", "192.0.2.1", "a", "0"),
        ("register", "192.0.2.1", "a", "60"),
    ]
    assert found[1]["time_generated"] == "2026/05/28 20:26:40"
    (only,) = logs(api, "iptag", filter="(event_id eq register) and (ip in 192.0.2.0/24)")
    assert only["event_id"] == "register"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["3", "2", "1"]),
        ("( rule eq 'k1' )", ["1"]),
        ("(rule neq k1) and (port.dst geq 100)", ["3"]),
        ("( addr.src in 192.0.2.0/24 ) or ( rule contains '3' )", ["3", "1"]),
        ("( addr.src notin 192.0.2.1 )", ["3", "2"]),
        ("(port.dst leq 22) and ((rule eq k1) or (rule eq k2))", ["2", "1"]),
        ('(addr.dst in "somewhere")', []),
    ],
)
def test_logs_are_filtered(still, query, found):
    rows = [("k1", "192.0.2.1", "22"), ("k2", "198.51.100.1", "9"), ("k3", "2001:db8::1", "443")]
    for rule, src, port in rows:
        still.do(still.twin.logs.write, "traffic", {"rule": rule, "src": src, "dport": port})
    api = still.xapi()
    assert [row["rule"][1:] for row in logs(api, "traffic", filter=query)] == found
    assert [row["rule"][1:] for row in logs(api, "traffic", nlogs=1, skip=1)] == ["2"]
    assert logs(api, "traffic", extra_qs="dir=forward", nlogs=1)[0]["rule"] == "k1"
    assert len(still.do(still.twin.logs.entries, "traffic")) == 3


def test_a_log_query_takes_its_time(device):
    made = device(scale=0, log_job_time=5)
    api = made.xapi()
    api.ad_hoc("type=log&log-type=traffic", modify_qs=True)
    assert api.status_detail == "query job enqueued with jobid 1"
    for status, wait in [("ACT", 5), ("FIN", 0)]:
        api.ad_hoc("type=log&action=get&job-id=1", modify_qs=True)
        assert api.element_root.findtext("result/job/status") == status
        made.advance(wait)


@pytest.mark.parametrize(
    "query",
    [
        "log-type=fish",
        "log-type=traffic&nlogs=0",
        "log-type=traffic&nlogs=x",
        "log-type=traffic&query=(",
        "log-type=traffic&query=(rule eq)",
        "action=get&job-id=9",
        "action=get&job-id=x",
    ],
)
def test_log_queries_that_make_no_sense(still, query):
    with pytest.raises(PanXapiError):
        still.xapi().ad_hoc(f"type=log&{query}", modify_qs=True)


# --- sessions ---


def session(number, source, port=22):
    return Session(number, source, "198.51.100.13", 6, 1024, port, "ssh", "kc-ok", "w", "l", START)


SECOND = "<source>192.0.2.1</source><destination-port>443</destination-port>"


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ("<all/>", []),
        ("<all><filter><source>192.0.2.1</source></filter></all>", ["2"]),
        (f"<all><filter>{SECOND}</filter></all>", ["1", "2"]),
        ("<all><filter><rule>kc-ok</rule><protocol>17</protocol></filter></all>", ["1", "2", "3"]),
        ("<id>2</id>", ["1", "3"]),
    ],
)
def test_sessions_are_listed_and_cleared(still, wanted, left):
    still.twin.sessions.rows += [
        session(1, "192.0.2.1"),
        session(2, "192.0.2.2"),
        session(3, "192.0.2.1", 443),
    ]
    api = still.xapi()
    api.op("<show><session><all/></session></show>")
    assert [e.findtext("security-rule") for e in api.element_result] == ["kc-ok"] * 3
    api.op(f"<clear><session>{wanted}</session></clear>")
    assert [str(row.number) for row in still.twin.sessions.rows] == left


def test_sessions_are_chosen_by_what_they_have(still):
    api = still.xapi()
    with pytest.raises(PanXapiError, match="shoe-size unexpected here"):
        api.op("<show><session><all><filter><shoe-size/></filter></all></session></show>")
    with pytest.raises(PanXapiError, match="session 9 does not exist"):
        api.op("<clear><session><id>9</id></session></clear>")


def test_hit_counts_are_of_security_rules(still):
    path = "<vsys><vsys-name><entry name='{}'><rule-base><entry name='{}'/></rule-base></entry>"
    path = f"<show><rule-hit-count>{path}</vsys-name></vsys></rule-hit-count></show>"
    for vsys, base in [("vsys1", "nat"), ("vsys9", "security")]:
        with pytest.raises(PanXapiError, match="rule-base is invalid"):
            still.xapi().op(path.format(vsys, base))


# --- which rule a flow would meet ---

RULES = f"{VSYS}/rulebase/security/rules"
POLICY = """
<address><entry name='host'><ip-netmask>198.51.100.13</ip-netmask></entry>
 <entry name='lan'><ip-range>10.0.0.1-10.0.0.9</ip-range></entry></address>
<address-group><entry name='out'><dynamic><filter>'locked'</filter></dynamic></entry>
 <entry name='ours'><static><member>host</member><member>192.0.2.0/24</member></static></entry>
</address-group>
<service><entry name='ssh'><protocol><tcp><port>22,2000-2009</port></tcp></protocol></entry>
</service>
<service-group><entry name='all'><members><member>ssh</member></members></entry></service-group>
"""
TABLE = [
    ("off", "any", "any", "any", "any", "allow", "<disabled>yes</disabled>"),
    ("lock", "out", "ours", "any", "any", "drop", ""),
    ("in", "out", "host", "all", "any", "allow", "<negate-source>yes</negate-source>"),
    ("web", "lan", "any", "service-http", "trust", "allow", ""),
    ("rest", "any", "any", "application-default", "any", "deny", ""),
]


@pytest.fixture
def judged(still):
    """A firewall with a few rules, and who is locked out."""
    still.do(still.twin.load, VSYS, POLICY)
    for name, source, destination, service, zone, action, more in TABLE:
        words = {"from": zone, "to": "any", "source": source, "destination": destination}
        words |= {"application": "any", "service": service}
        lists = "".join(f"<{tag}><member>{word}</member></{tag}>" for tag, word in words.items())
        rule = f"<entry name='{name}'>{lists}<action>{action}</action>{more}</entry>"
        still.do(still.twin.load, RULES, rule)
    still.do(still.twin.tags.add, "vsys1", "203.0.113.1", "locked")
    return still.firewall()


@pytest.mark.parametrize(
    ("source", "port", "more", "rule"),
    [
        ("203.0.113.1", 22, {}, "lock"),
        ("203.0.113.2", 22, {}, "in"),
        ("203.0.113.2", 2005, {}, "in"),
        ("203.0.113.2", 23, {}, "rest"),
        ("203.0.113.2", 22, {"protocol": 17}, "rest"),
        ("203.0.113.2", 22, {"protocol": 1}, "rest"),
        ("10.0.0.5", 80, {"from_zone": "trust"}, "web"),
        ("10.0.0.5", 80, {"from_zone": "untrust"}, "rest"),
        ("10.0.0.10", 80, {"from_zone": "trust"}, "rest"),
        ("2001:db8::1", 80, {"from_zone": "trust"}, "rest"),
    ],
)
def test_the_sdk_asks_which_rule_a_flow_would_meet(judged, source, port, more, rule):
    flow = {"protocol": 6, "port": port, **more}
    found = judged.test_security_policy_match(source, "198.51.100.13", **flow)
    numbers = {name: number for number, (name, *_) in enumerate(TABLE, 1)}
    assert [(one["name"], one["index"]) for one in found] == [(rule, numbers[rule])]


def test_all_rules_a_flow_matches_and_a_flow_half_described(judged):
    found = judged.test_security_policy_match("203.0.113.1", "192.0.2.1", 6, port=22, show_all=True)
    assert [one["name"] for one in found] == ["lock", "rest"]
    with pytest.raises(PanDeviceXapiError, match="is missing 'source'"):
        judged.op("<test><security-policy-match/></test>", cmd_xml=False)


# --- the device ---


def test_version_clock_and_system(device):
    made = device(scale=0, vsys=("vsys1", "vsys2"), version="10.2.9", hostname="edge")
    api = made.xapi()
    api.ad_hoc("type=version", modify_qs=True)
    assert api.element_result.findtext("sw-version") == "10.2.9"
    assert made.firewall().clock() == dt.datetime(2026, 5, 28, 20, 26, 40)  # noqa: DTZ001
    api.op("show system info", cmd_xml=True)
    system = api.element_result.find("system")
    assert system.findtext("multi-vsys") == "on"
    assert system.findtext("uptime") == "0 days, 1:00:00"
    with pytest.raises(PanXapiError, match="show -> system -> smell is unexpected"):
        api.op("show system smell", cmd_xml=True)


def test_without_availability_the_sdk_says_so(device):
    assert device().firewall().show_highavailability_state() == ("disabled", None)
    with pytest.raises(PanXapiError, match="not enabled"):
        device().xapi().op("request high-availability sync-to-remote running-config", cmd_xml=True)


def test_a_pair_is_in_sync_after_a_commit_unless_the_peer_is_away(device):
    one, two = device(ha="active"), device(serial="0002", ha="passive")
    one.do(one.twin.pair, two.twin)
    active, passive = one.firewall(), two.firewall()
    assert active.show_highavailability_state()[0] == "active"
    assert passive.show_highavailability_state()[0] == "passive"
    for name, powered, state in [("a", True, "synchronized"), ("b", False, "not synchronized")]:
        if not powered:
            two.do(two.twin.power_off)
        active.add(Tag(name)).create()
        active.commit(sync=True)
        assert active.config_sync_state() == state
    assert two.running("tag") == ["a"]
    two.do(two.twin.power_on)
    active.synchronize_config()
    assert active.config_synced()
    assert two.running("tag") == ["a", "b"]


def test_the_peer_takes_over(device):
    one, two = device(), device(serial="0002")
    one.do(one.twin.pair, two.twin)
    one.xapi().op(
        "<request><high-availability><state><suspend/></state></high-availability></request>"
    )
    assert one.firewall().show_highavailability_state()[0] == "suspended"
    assert two.firewall().show_highavailability_state()[0] == "active"


def test_a_lone_member_of_a_pair_does_not_know_its_peer(device):
    made = device(ha="active", ha_sync="synchronization in progress")
    state, whole = made.firewall().show_highavailability_state()
    assert state == "active"
    assert whole.findtext("result/group/peer-info/state") == "unknown"
    assert whole.findtext("result/group/running-sync") == "synchronization in progress"
    made.do(made.twin.fail_over)
    made.do(made.twin.synchronize)
    assert made.twin.ha.sync == "not synchronized"


# --- interfaces ---

SHOW = "<show><interface>all</interface></show>"


def test_interfaces_tell_where_they_are_and_what_they_have(device):
    made = device(
        interfaces=(
            Interface("ethernet1/1", "untrust", "192.0.2.1/24", ("192.0.2.9/32", "2001:db8::1/64")),
            Interface("ethernet1/2", "trust", learnt="198.51.100.7/24"),
        )
    )
    api = made.xapi()
    api.op(SHOW)
    one, other = api.element_result.findall("ifnet/entry")
    assert [one.findtext(tag) for tag in ("name", "zone", "ip", "id")] == [
        *("ethernet1/1", "untrust", "192.0.2.1/24", "16"),
    ]
    assert [one.findtext(f"{tag}/member") for tag in ("addr", "addr6", "dyn-addr")] == [
        *("192.0.2.9/32", "2001:db8::1/64", None),
    ]
    assert (other.findtext("ip"), other.findtext("dyn-addr/member")) == ("N/A", "198.51.100.7/24")
    assert [e.findtext("state") for e in api.element_result.findall("hw/entry")] == ["up", "up"]


@pytest.mark.parametrize("switches", [{"role": "panorama"}, {}])
def test_interfaces_that_are_not_there_can_not_be_shown(device, switches):
    cmd = SHOW if switches else SHOW.replace("all", "ethernet1/9")
    with pytest.raises(PanXapiError, match="is invalid"):
        device(**switches).xapi().op(cmd)
