"""Device text as machines: scope, our rules alone, everything that runs."""

from ipaddress import ip_address

import pytest

from knockctl.automaton.machine import ConcreteClocks
from knockctl.automaton.packet import WirePacket
from knockctl.automaton.reference import Site
from knockctl.policy.resolved import Generation, Knock, ResolvedPolicy
from knockctl.ports import Span
from knockctl.verify.packets import Claim, senders
from knockctl.verify.prove import Status, opens, prove
from knockctl_panos.config.records import OWN, PROFILES, RULES, Entry, PanosConfig
from knockctl_panos.placement import PanosPlacement
from knockctl_panos.plan.modeller import PanosModeller, destinations_of

GATEWAY = ip_address("198.51.100.4")
PLACE = PanosPlacement(addresses=(GATEWAY,), from_zones=("untrust",), to_zones=("dmz",))
MODELLER = PanosModeller()
POLICY = ResolvedPolicy(
    name="p",
    generations=(Generation(1, (Knock("tcp", 888),)),),
    step_timeout=60,
    services=(Span("tcp", 22, 22),),
    grant_duration=1800,
    otherwise="refuse",
)
SOMEBODY = ip_address("203.0.113.7")


def packet(to=GATEWAY, port=22, source=SOMEBODY, zone="untrust", **words):
    return WirePacket(source, to, "tcp", port=port, interface=f"zone {zone}", **words)


def rule(name, service, action="drop", **words):
    where = {"from": ["untrust"], "to": ["dmz"], "destination": [str(GATEWAY)]}
    found = {**where, "service": [service], "action": action, "tag": [OWN], **words}
    return Entry.of(RULES, name, found)


def service(name, port):
    words = {"protocol": {"tcp": {"port": port}}, "tag": [OWN]}
    return Entry.of("service", name, words)


ADD = {"type": {"tagging": {"action": "add-tag", "tags": ["kc-p-in"], "timeout": "30"}}}
MATCH = {"filter": "(rule eq 'kc-p-knock')", "actions": [("in", ADD)]}
CONFIG = PanosConfig(
    (
        Entry.of("tag", OWN, {"comments": "knockctl"}),
        Entry.of("address-group", "kc-p-in", {"dynamic": {"filter": "'kc-p-in'"}, "tag": [OWN]}),
        service("kc-p-knock", "888"),
        service("kc-p-service", "22"),
        Entry.of(PROFILES, "kc-p", {"description": "knockctl", "match-list": [("m", MATCH)]}),
        rule("kc-p-granted", "kc-p-service", "allow", source=["kc-p-in"]),
        rule("kc-p-knock", "kc-p-knock", **{"log-setting": "kc-p"}),
        rule("kc-p-rest", "any"),
    ),
    "0a1b2c",
)


def running(*, above="", below="", around=""):
    """A firewall's whole configuration with ours in it."""
    own = CONFIG.text().removeprefix("<vsys>\n").removesuffix("</vsys>\n")
    own = own.replace("<rules>", f"<rules>{above}").replace("</rules>", f"{below}</rules>")
    system = f'<vsys><entry name="vsys1">{own}</entry></vsys>'
    devices = f'<devices><entry name="localhost.localdomain">{system}</entry></devices>'
    return MODELLER.running(f"<config>{around}{devices}</config>")


# --- scope --------------------------------------------------------------------------------------


def test_only_listed_addresses_are_protected():
    scope = MODELLER.scope(PLACE)
    assert scope.holds(packet())
    assert not scope.holds(packet(ip_address("198.51.100.5")))
    assert not scope.holds(packet(zone="trust"))


def test_a_family_of_which_none_is_listed_is_not_governed():
    scope = MODELLER.scope(PLACE)
    six = packet(ip_address("2001:db8::1"), source=ip_address("2001:db8:1::1"))
    assert not scope.holds(six)


@pytest.mark.parametrize("kind", ["LOCAL", "UNICAST"])
def test_it_does_not_matter_whose_the_address_is(kind):
    assert MODELLER.scope(PLACE).holds(packet(destination_type=kind))


def test_zones_that_are_not_placed_are_any():
    scope = MODELLER.scope(PanosPlacement(addresses=(GATEWAY,)))
    assert scope.holds(packet(zone="trust"))


# --- our rules alone ----------------------------------------------------------------------------


def test_what_ours_leave_undecided_passes():
    model = MODELLER.model(MODELLER.parse(CONFIG.text()))

    def judged(one):
        return model.step(model.initial, one, ConcreteClocks()).verdict.value

    assert judged(packet()) == "refuse"
    assert judged(packet(zone="trust")) == "pass"
    assert judged(packet(ip_address("198.51.100.5"))) == "pass"


def claim(model, family=4, *, whole=False):
    return Claim(Site((POLICY,)), MODELLER.scope(PLACE), model, family, whole=whole)


@pytest.mark.parametrize("family", [4, 6])
def test_nothing_is_found_in_a_family_that_is_not_governed(family):
    result = prove(claim(MODELLER.model(CONFIG), family), opens)
    assert result.status is Status.PROVED, result.findings


def test_protected_addresses_are_in_the_zones_our_rules_name():
    (found,) = destinations_of(CONFIG.rules)
    assert [str(network) for network in found[0]] == [f"{GATEWAY}/32"]
    assert found[1] == {"dmz"}
    anywhere = rule("kc-x", "any", to=["any"])
    named = rule("kc-y", "any", destination=["web"])
    others = rule("kc-z", "any", **{"negate-destination": "yes"})
    assert destinations_of([anywhere, named, others]) == ()


# --- everything that runs -----------------------------------------------------------------------


def test_ours_is_found_in_what_runs():
    found = running()
    assert found.config == CONFIG
    assert found.families == (4, 6)


FOREIGN = """<entry name="theirs"><from><member>any</member></from><to><member>{to}</member></to>
<source><member>any</member></source><destination><member>any</member></destination>
<application><member>any</member></application><service><member>service-http</member>
<member>any</member></service><action>allow</action></entry>"""


@pytest.mark.parametrize("family", [4, 6])
def test_rules_below_ours_do_no_harm(family):
    model = running(below=FOREIGN.format(to="any")).model
    result = prove(claim(model, family, whole=True), opens)
    assert result.status is Status.PROVED, result.findings


def test_rules_above_ours_are_found():
    model = running(above=FOREIGN.format(to="any")).model
    result = prove(claim(model, whole=True), opens)
    assert result.status is Status.COUNTEREXAMPLE
    assert result.findings[0].trace[-1].rule == "rule 'theirs'"


def test_rules_above_ours_to_other_zones_do_no_harm():
    model = running(above=FOREIGN.format(to="trust")).model
    assert prove(claim(model, whole=True), opens).status is Status.PROVED


def test_what_panorama_pushed_is_judged_first():
    base = "<pre-rulebase><security><rules>{}</rules></security></pre-rulebase>"
    pushed = base.format(FOREIGN.format(to="any"))
    around = f'<panorama><vsys><entry name="vsys1">{pushed}</entry></vsys></panorama>'
    result = prove(claim(running(around=around).model, whole=True), opens)
    assert result.findings[0].trace[-1].rule == "rule 'theirs'"


# --- the delay ----------------------------------------------------------------------------------


def test_a_placements_delay_is_that_of_the_machines():
    late = PanosModeller().placed(PLACE.model_copy(update={"tag_delay": 7}))
    assert late.model(CONFIG).switches.delay == 7
    assert MODELLER.model(CONFIG).switches.delay == 0
    (sender, *_) = senders(claim(late.model(CONFIG)))
    assert sender.letters
