"""The seed's configuration as printed: its defects named, each with a trace that shows it."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from knockctl.automaton.machine import Machine
from knockctl.automaton.packet import WirePacket
from knockctl_ios.config import syntax
from knockctl_ios.semantics import Document, IosModel, Switches
from tests.fixtures.ios_defects import defects, straight

SEED = (Path(__file__).parent / "seed.cfg").read_text()
# What the page leaves to its reader: where the list is bound.
BOUND = "interface Gi0/0\n ip access-group {} in\n"
KNOCKS = (46543, 28654, 40204, 57566, 34515)
CLIENT, STRAY = "203.0.113.7", "203.0.113.8"
ROUTER = "198.51.100.14"

MENDS = {
    "quotes": straight,
    "drop": lambda text: text.replace("\nclass CM_CoPP_Knock\n", "\nclass CM_CoPP_Knock\ndrop\n"),
    "log": lambda text: text.replace("\nclass CM_CoPP_Log\n", "\nclass CM_CoPP_Log\nlog\n"),
    "occurs": lambda text: text.replace("trigger occurs 5 period 1", "trigger occurs 1 period 10"),
    "regexp": lambda text: text.replace(".*DROP.* ([0-9.]+)", ".*DROP ([0-9.]+)"),
}


def mended(*names):
    text = SEED
    for name in names or MENDS:
        text = MENDS[name](text)
    return text


def play(text, *sent, bound="ACL_Internet_In", **switches):
    """What becomes of packets a tenth of a second apart: ports, or (port, what else)."""
    document = Document(syntax.read(BOUND.format(bound) + text), whole=True)
    machine = Machine(IosModel(document, switches=Switches(**switches)))
    found, now = [], 0.0
    for number, one in enumerate(sent):
        port, words = one if isinstance(one, tuple) else (one, {})
        now += words.get("after", 0.1)
        packet = WirePacket(
            ip_address(words.get("source", CLIENT)),
            ip_address(ROUTER),
            "udp" if port in KNOCKS else "tcp",
            port=port,
            source_port=words.get("sport", 30000 + number),
            interface="Gi0/0",
        )
        found.append(machine.feed(packet, now).verdict.value)
    return found


def test_mended_it_opens_to_who_knocks():
    assert play(mended(), 22, *KNOCKS, 22) == ["refuse"] * 6 + ["accept"]


def test_as_printed_it_shows_thirteen_defects():
    found = defects(syntax.read(SEED))
    assert sorted({one.number for one in found}) == list(range(1, 14))


@pytest.mark.parametrize(
    ("mend", "gone"),
    [("drop", {1}), ("log", {2}), ("quotes", {3}), ("regexp", {4})],
)
def test_what_is_mended_is_not_reported(mend, gone):
    found = {one.number for one in defects(syntax.read(MENDS[mend](SEED)))}
    assert found == set(range(1, 14)) - gone


def test_each_defect_says_where_it_is():
    found = {one.number: one for one in defects(syntax.read(SEED))}
    assert found[1].where == "policy-map PM_CoPP, class CM_CoPP_Knock"
    assert found[2].where == "policy-map type logging PM_CoPP_Log, class CM_CoPP_Log"
    assert found[3].where.startswith("applet EEM_Knock, action")
    assert found[12].where == "ACL_Internet_In"


def without(name):
    return mended(*(other for other in MENDS if other != name))


def test_1_nothing_is_dropped_so_that_nobody_gets_in():
    assert play(without("drop"), *KNOCKS, 22) == ["accept"] * 5 + ["refuse"]


def test_2_nothing_is_logged_so_that_nobody_gets_in():
    assert play(without("log"), *KNOCKS, 22)[-1] == "refuse"
    assert play(without("log"), *KNOCKS, 22, log_action=False)[-1] == "accept"


def test_3_with_typographic_quotes_the_applet_stops():
    assert play(without("quotes"), *KNOCKS, 22)[-1] == "refuse"


def test_4_the_routers_own_address_is_let_in():
    own = (22, {"source": ROUTER})
    assert play(without("regexp"), *KNOCKS, 22, own)[-2:] == ["refuse", "accept"]
    assert play(without("regexp"), *KNOCKS, 22, style="tight")[-1] == "accept"


def test_5_a_source_port_counts_as_a_knock():
    """Its line takes the place of that knock's: an honest client is out of order."""
    honest = [KNOCKS[0], KNOCKS[1], (KNOCKS[2], {"sport": KNOCKS[0]}), *KNOCKS[3:], 22]
    assert play(mended(), *honest)[-1] == "refuse"
    # Were one line enough for two knocks, four would do.
    lenient = mended().replace(" lt ", " le ")
    *three, fourth, last = KNOCKS
    assert play(lenient, *three, (fourth, {"sport": last}), 22)[-1] == "accept"
    assert play(lenient, *three, fourth, 22)[-1] == "refuse"


def test_6_all_of_it_must_come_five_times_within_a_second():
    assert play(without("occurs"), *KNOCKS, 22)[-1] == "refuse"
    assert play(without("occurs"), *KNOCKS, 22, occurs="events")[-1] == "accept"
    slow = [(port, {"after": 0.3}) for port in KNOCKS]
    assert play(without("occurs"), *slow, 22, occurs="events")[-1] == "refuse"


def test_7_a_stray_packet_of_somebody_else_spoils_it():
    stray = (KNOCKS[1], {"source": STRAY})
    assert play(mended(), *KNOCKS[:4], stray, KNOCKS[4], 22)[-1] == "refuse"


def test_7_two_clients_at_once_both_stay_outside():
    both = [(port, {"source": who}) for port in KNOCKS for who in (CLIENT, STRAY)]
    found = play(mended(), *both, 22, (22, {"source": STRAY}))
    assert found[-2:] == ["refuse", "refuse"]


def test_8_wrong_ports_in_between_change_nothing():
    assert play(mended(), KNOCKS[0], KNOCKS[0], 23, *KNOCKS[1:], 22)[-1] == "accept"


def test_8_the_order_is_told_by_sequence_numbers_alone():
    wrong = KNOCKS[1], KNOCKS[0], *KNOCKS[2:]
    assert play(mended(), *wrong, 22)[-1] == "refuse"
    # Without the numbers the first expression finds nothing, and nobody gets in at all.
    plain = mended().replace("service sequence-numbers\n", "")
    assert play(plain, *KNOCKS, 22)[-1] == "refuse"


@pytest.mark.parametrize(("numeric", "last"), [(True, "accept"), (False, "refuse")])
def test_9_a_counter_that_grows_a_digit_is_out_of_order_as_a_text(numeric, last):
    """Line 999999 is after 1000000: whoever knocks while it is passed stays outside."""
    assert play(mended(), *KNOCKS, 22, numeric=numeric, counted=999_997)[-1] == last
    for before in (0, 99_998, 999_994, 999_999):
        assert play(mended(), *KNOCKS, 22, numeric=numeric, counted=before)[-1] == "accept"


LISTS = "ACL_Internet_In DACL_Internet_In"
ANYWAY = f"""action 0011 {{}}
action 0012 cli command "enable"
action 0013 cli command "access-template {LISTS} host {CLIENT} any"
action 0020 """


def test_10_a_line_unlike_the_expression_ends_the_run():
    """What comes behind the expression is done, up to the first use of what it did not find."""
    text = mended()
    assert play(text, *KNOCKS, 22)[-1] == "accept"
    # The mended expression fits no lines in which more stands before the address.
    assert play(text, *KNOCKS, 22, style="with-ttl")[-1] == "refuse"
    uses, guards = (
        text.replace("action 0020 ", ANYWAY.format(what), 1)
        for what in ('set _x "$_knock_Source_E1"', 'set _x "$_regexp_result"')
    )
    assert play(uses, *KNOCKS, 22, style="with-ttl")[-1] == "refuse"
    assert play(guards, *KNOCKS, 22, style="with-ttl")[-1] == "accept"


def test_11_a_list_of_another_name_has_no_dynamic_list_of_that_name():
    """The list and the variable are renamed together; nobody gets in, and nothing says why."""
    renamed = mended()
    for where in ("extended ", "_knock_Services "):
        renamed = renamed.replace(f"{where}ACL_Internet_In", f"{where}ACL_WAN_In")
    assert play(renamed, *KNOCKS, 22, bound="ACL_WAN_In")[-1] == "refuse"
    literal = renamed.replace("D$_knock_Services", "DACL_Internet_In")
    assert literal != renamed
    assert play(literal, *KNOCKS, 22, bound="ACL_WAN_In")[-1] == "accept"


def test_12_whatever_else_is_let_in():
    assert play(mended(), 23) == ["accept"]


def test_13_how_long_a_grant_lasts_depends_on_what_its_timeout_means():
    for template, last in (("absolute", "refuse"), ("idle", "accept")):
        later = [(22, {"after": 50})] * 3
        assert play(mended(), *KNOCKS, *later, template=template)[-1] == last
