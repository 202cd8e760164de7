"""What logs of the data plane do: when they are written, which tags they set, and how late."""

from knockctl.policy.resolved import Knock
from knockctl.ports import Span
from knockctl_panos.config import syntax
from knockctl_panos.placement import PanosPlacement
from knockctl_panos.render.render import render
from knockctl_panos.twin.device import markup
from knockctl_panos.twin.plane.switches import Switches as PlaneSwitches
from tests.fixtures.frames import CLIENT, tcp, udp
from tests.fixtures.panos_bench import OUTSIDE, START, Bench
from tests.fixtures.panos_crew import policy
from tests.fixtures.panos_plane import SEED, VSYS, match, profile, rule, service, tag

KNOCKS = [tcp(7001), udp(7002), tcp(7003)]


def test_a_dropped_packet_is_logged_at_once_and_again_when_it_comes_again():
    bench = Bench(SEED)
    for _ in range(2):
        bench.send(tcp(7001))
    names = ("subtype", "rule", "app", "sessionid", "from", "to", "dport", "proto", "action")
    line = ("drop", "knock1", "not-applicable", "0", "untrust", "untrust", "7001", "tcp", "drop")
    assert bench.logs(*names) == [line, line]
    assert bench.logs("rule", "src", "dst")[0] == ("knock1", CLIENT[4], OUTSIDE[4])


def test_rules_that_log_nothing_log_nothing():
    bench = Bench(SEED)
    bench.visit(tcp, 7003)
    bench.load(rule("quiet", services=("s2",), more="<log-end>no</log-end>"))
    assert bench.logs("rule") == [("rest",)], "log-end is on where nothing is said"


def test_tags_come_late_and_each_in_its_turn():
    bench = Bench(SEED, latency=(1.0, 3.0))
    bench.visit(tcp, 7001)
    bench.wait(0.99)
    assert bench.tags() == []
    bench.wait(2.01)
    assert bench.tags() == ["door1"]
    times = []
    for seed in range(5):
        bench = Bench(SEED, seed=seed)
        bench.visit(tcp, 7001)
        while not bench.tags():
            bench.wait(0.1)
        times.append(round(bench.firewall.clock.now() - START, 1))
    assert len(set(times)) > 1, "a latency is not always the same"
    assert all(1.0 <= time <= 3.1 for time in times)


def test_logs_take_effect_in_their_order():
    ends = "<log-start>yes</log-start>"
    bench = Bench([tag("a"), *(service(f"p{n}", f"tcp/{n}") for n in (1, 2))])
    bench.load(
        profile("knock", match("on", ("add-tag", "a", 5)), match("off", ("remove-tag", "a"))),
        rule("on", services=("p1",), more=ends),
        rule("off", services=("p2",)),
    )
    for seed in range(10):
        bench.firewall.switch(PlaneSwitches(seed=seed))
        bench.visit(tcp, 1)
        bench.visit(tcp, 2)
        bench.wait(6)
        assert bench.tags() == []


def test_only_traffic_logs_and_addresses_of_this_firewall_act():
    acting = match("r", ("add-tag", "here", 1))
    other = acting.replace("<entry name='r'>", "<entry name='{}'>")
    entries = [
        acting.replace("(rule eq 'r')", "All Logs"),
        other.format("threat").replace("traffic", "threat").replace("here", "threat"),
        other.format("there").replace("localhost", "panorama").replace("here", "there"),
        other.format("user").replace("source-address", "user").replace("here", "user"),
        other.format("cloud").replace("tagging", "integration").replace("here", "cloud"),
        other.format("target").replace("source-", "destination-"),
    ]
    bench = Bench()
    root = markup.read(f"<entry><match-list>{''.join(entries)}</match-list></entry>")
    log = {"rule": "r", "src": CLIENT[4], "dst": OUTSIDE[4]}
    bench.judge.forwarding.take(root, log)
    bench.wait(3)
    assert bench.tags() == bench.tags(OUTSIDE[4]) == ["here"]


def test_an_address_has_as_many_tags_as_it_may_and_the_rest_is_said_in_a_log():
    bench = Bench([profile("knock", match("r", ("add-tag", "more", 1))), rule("r")])
    for number in range(32):
        bench.device.tags.add("vsys1", CLIENT[4], f"t{number}")
    bench.visit(tcp, 80)
    bench.wait(3)
    assert "more" not in bench.tags()
    assert bench.logs("opaque", kind="system") == [(f"{CLIENT[4]}: more than 32 tags",)]


def test_the_ip_tag_log_tells_what_happened_to_an_address():
    bench = Bench(SEED)
    bench.knock()
    assert bench.logs("tag_name", "event_id", "timeout", kind="iptag") == [
        ("door1", "register", "60"),
        ("door2", "register", "60"),
        ("door1", "unregister", "0"),
        ("granted", "register", "86400"),
        ("door2", "unregister", "0"),
    ]


def test_equal_logs_may_be_one_that_acts_once():
    bench = Bench(SEED, aggregation=5)
    bench.visit(tcp, 7001)
    bench.wait(4)
    bench.device.tags.remove("vsys1", CLIENT[4], "door1")
    bench.visit(tcp, 7001)
    bench.wait(4)
    assert bench.logs("rule", "repeatcnt") == [("knock1", "2")]
    assert bench.tags() == [], "what is only counted acts no second time"
    bench.visit(tcp, 7001)
    bench.wait(3)
    assert bench.tags() == ["door1"]


def test_a_drop_may_be_logged_at_both_ends():
    both = "<log-start>yes</log-start><log-end>yes</log-end>"
    for twice, count in ((True, 2), (False, 1)):
        bench = Bench([rule("r", logs=False, more=both)], twice=twice)
        bench.visit(tcp, 80)
        assert len(bench.logs("rule")) == count


def test_hits_are_counted_by_rule():
    bench = Bench(SEED)
    bench.visit(tcp, 7001)
    assert bench.device.hits["vsys1", "knock1"].count == 1


# --- bursts ---


def burst(bench, last, knocks):
    """Make all knocks but the last, then send that among wrong ones, faster than any tag comes."""
    for make, port in knocks:
        assert not bench.visit(make, port)
        bench.wait(3)
    for port in (9001, last, 9002):
        bench.visit(tcp, port)
    bench.wait(3)


def test_in_the_seed_a_burst_of_all_ports_opens_once_its_lock_out_is_over():
    bench = Bench(SEED)
    burst(bench, 7003, [(tcp, 7001), (udp, 7002)])
    assert bench.tags() == ["granted", "locked"]
    bench.wait(3600)
    assert bench.visit(tcp, 443), "a defect of the original: 23 hours of the grant are left"


def test_what_is_rendered_stands_a_burst():
    knocks = [Knock("tcp", port) for port in (7001, 7002, 7003)]
    locking = {"wrong_knock": "lockout", "lockout": 3600, "scope": "all"}
    wanted = policy(*map(str, knocks), name="gate", services=(Span.parse("tcp/443"),), **locking)
    rendered = render([wanted], PanosPlacement(addresses=list(OUTSIDE.values()))).config
    bench = Bench(
        [
            f"{VSYS}/{entry.kind}/entry[@name='{entry.name}']",
            "".join(syntax.printed(node) for node in entry.body),
        ]
        for entry in rendered.device_entries()
    )
    burst(bench, 7003, [(tcp, 7001), (tcp, 7002)])
    assert {"kc-gate-in", "kc-gate-out"} <= set(bench.tags()), "logs were made of all of it"
    bench.wait(3600)
    assert not bench.visit(tcp, 443), "but the grant is void"
    for port in (7001, 7002, 7003):
        bench.visit(tcp, port)
        bench.wait(3)
    assert bench.visit(tcp, 443)
