"""What ``/export`` prints, of both major versions, and what people copy from manuals."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knockctl.errors import ConfigurationError
from knockctl_routeros.config import syntax
from knockctl_routeros.config.export import parse_export
from knockctl_routeros.config.records import Row

FILTER = "/ip firewall filter"
LAYER7 = "/ip firewall layer7-protocol"

KNOCKS = """\
add action=drop chain=input disabled=yes in-interface-list=WAN src-address-list=blacklist
add action=add-src-to-address-list address-list=blacklist address-list-timeout=1000m \
chain=input disabled=yes dst-port=666 in-interface-list=WAN protocol=tcp
add action=add-src-to-address-list address-list=888 address-list-timeout=30s chain=input \
dst-port=888 in-interface-list=WAN protocol=tcp
add action=accept chain=input in-interface-list=WAN src-address-list=secured
"""

V6 = r"""# sep/25/2018 10:10:52 by RouterOS 6.42.5
# software id = ABCD-EFGH
#
# model = RB951
/interface bridge
add name=bridge
/ip firewall address-list
add address=192.168.88.0/24 comment="our \"LAN\", B\FCro" list=mgmt
/ip firewall filter
add action=accept chain=input comment=\
    "defconf: accept established,related" connection-state=\
    established,related
# in-interface not ready
add action=drop chain=input comment="a long remark that the export cuts in the \
    midst of its\_words" log=yes log-prefix="in \$ \?\r\n\t\\"
/ip firewall nat
add action=masquerade chain=srcnat out-interface=ether1
/ip firewall service-port
set ftp disabled=yes
/system script
add name=backup source="/ip firewall filter\r\
    \nadd chain=input"
"""

V7 = r"""# 2026-07-11 21:04:13 by RouterOS 7.21.5
# software id = ABCD-EFGH
/ip/firewall/layer7-protocol
add name=pass regexp="^passphrase/\$"
/ip/firewall/filter
add action=accept chain=input layer7-protocol=pass protocol=udp
set [ find default=yes ] disabled=yes
/ipv6 firewall filter add action=drop chain=input
/ip/firewall/raw/add action=drop chain=prerouting
add action=drop chain=forward
"""


def plainly(text, default_menu=None):
    return [(row.menu, dict(row.words)) for row in parse_export(text, default_menu)]


def test_an_export_of_version_6():
    assert plainly(V6) == [
        (
            "/ip firewall address-list",
            {
                "address": "192.168.88.0/24",
                "comment": 'our "LAN", B\udcfcro',
                "list": "mgmt",
            },
        ),
        (
            FILTER,
            {
                "action": "accept",
                "chain": "input",
                "comment": "defconf: accept established,related",
                "connection-state": "established,related",
            },
        ),
        (
            FILTER,
            {
                "action": "drop",
                "chain": "input",
                "comment": "a long remark that the export cuts in the midst of its words",
                "log": "yes",
                "log-prefix": "in $ ?\r\n\t\\",
            },
        ),
    ]


def test_an_export_of_version_7():
    assert plainly(V7) == [
        (LAYER7, {"name": "pass", "regexp": "^passphrase/$"}),
        (
            FILTER,
            {"action": "accept", "chain": "input", "layer7-protocol": "pass", "protocol": "udp"},
        ),
        ("/ipv6 firewall filter", {"action": "drop", "chain": "input"}),
        ("/ip firewall raw", {"action": "drop", "chain": "prerouting"}),
        (FILTER, {"action": "drop", "chain": "forward"}),
    ]


def test_line_ends_of_a_downloaded_file_mean_nothing():
    assert plainly(V6.replace("\n", "\r\n")) == plainly(V6)


def test_an_excerpt_without_a_heading_belongs_where_the_reader_says():
    rows = parse_export(KNOCKS, FILTER)
    assert {row.menu for row in rows} == {FILTER}
    assert [row.get("disabled") for row in rows] == ["yes", "yes", "", ""]
    assert rows[1].get("address-list-timeout") == "16h40m"
    assert rows[2].get("address-list") == "888"


def test_a_command_on_the_menus_own_line_does_not_change_the_menu():
    text = (
        f'{KNOCKS}{LAYER7} add name=pass regexp="^passphrase/$"\n'
        "add action=accept chain=input layer7-protocol=pass\n"
    )
    menus = [row.menu for row in parse_export(text, FILTER)]
    assert menus == [FILTER] * 4 + [LAYER7, FILTER]
    assert parse_export(text, FILTER)[4].get("regexp") == "^passphrase/$"


def test_what_is_set_elsewhere_does_not_change_the_menu():
    text = f"{FILTER}\n/interface ethernet set ether1 comment=x\nadd chain=input\n"
    assert [row.menu for row in parse_export(text)] == [FILTER]


def test_a_verbose_export_names_what_is_not_set():
    text = f"{FILTER}\nadd action=accept chain=input !dst-port !content log=no\n"
    assert plainly(text) == [(FILTER, {"action": "accept", "chain": "input"})]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# x\n\nadd chain=input", "line 3 of the export: 'add' stands under no menu's heading"),
        (f"{FILTER}\nprint", "line 2 of the export: 'print' where add or set should be"),
        (f"{FILTER}\nadd input", "line 2 of the export: 'input' has no value"),
        (f"{FILTER}\nadd chain=a chain=b", "line 2 of the export: 'chain' is said twice"),
        (
            f'{FILTER}\nadd \\\n  chain="in',
            "line 2 of the export: 'chain=…' can't be read as key=value",
        ),
        (
            f'{FILTER}\nadd content="pass\\qword"',
            "line 2 of the export: '\\\\q' can't be read as key=value",
        ),
        (
            f'{FILTER}\nadd content="pass"word',
            "line 2 of the export: 'content=…' can't be read as key=value",
        ),
        (
            f"{FILTER}\nadd chain=input \\",
            "line 2 of the export: it ends in a backslash and nothing follows",
        ),
        (
            f"{FILTER} print",
            "line 1 of the export: '/ip firewall filter print' where a menu, add or set should be",
        ),
        ("/IP firewall", "line 1 of the export: '/IP' is neither a menu nor a command"),
    ],
)
def test_an_error_names_the_line_and_no_value(text, message):
    with pytest.raises(ConfigurationError) as caught:
        parse_export(text)
    assert caught.value.message == message
    assert caught.value.hint
    assert f"line {caught.value.where.line} " in message


# --- quoting --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("established,related", "established,related"),
        ("!secured", "!secured"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("", '""'),
        ("a b", '"a b"'),
        ('say "x"', r'"say \"x\""'),
        ("C:\\", r'"C:\\"'),
        ("^a$", r'"^a\$"'),
        ("why?", r'"why\?"'),
        ("a\r\n\tb", r'"a\r\n\tb"'),
        ("Ä", r'"\C3\84"'),
        ("\udce4", r'"\E4"'),
        ("\0", r'"\00"'),
    ],
)
def test_values_are_quoted_as_an_export_quotes_them(value, printed):
    assert syntax.quoted(value) == printed
    assert list(syntax.words(f"comment={printed}")) == [("comment", value)]


def test_letters_escape_what_they_name_and_capitals_are_bytes():
    assert syntax.unescaped(r"\a\b\f\v\_\AB\FF") == "\a\b\f\v \udcab\udcff"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_value_survives_a_line(value):
    row = Row.of(FILTER, {"chain": "input", "comment": "x" * 70, "tls-host": value})
    assert parse_export(row.text(), FILTER) == (row,)


@given(st.text(st.sampled_from('/ip firewall filter raw add set chain="=\\\n\r\t!#\x1f\f')))
def test_nothing_but_rows_or_a_complaint_comes_of_any_text(text):
    with suppress(ConfigurationError):
        assert all(isinstance(row, Row) for row in parse_export(text, FILTER))
