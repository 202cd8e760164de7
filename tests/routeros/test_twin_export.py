"""The text of /export, and the files it is read from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from librouteros.exceptions import TrapError

from knockctl_routeros.twin.device import Clock, Router, Switches
from knockctl_routeros.twin.device.requests import Actor, Request

FILTER = "/ip/firewall/filter"

RULES = """\
/ip firewall filter
add action=drop chain=input comment="knockctl:p1 \\"drop\\"" dst-port=22,8291 \\
    in-interface-list=WAN log=yes log-prefix="kc: " protocol=tcp
add action=accept chain=forward disabled=yes
"""


def body(text):
    return "\n".join(line for line in text.splitlines() if not line.startswith("#")) + "\n"


def seeded(router):
    api = router.connect()
    rules = api.path("ip", "firewall", "filter")
    rules.add(
        chain="input",
        action="drop",
        protocol="tcp",
        comment='knockctl:p1 "drop"',
        log=True,
        **{"dst-port": "22,8291", "in-interface-list": "WAN", "log-prefix": "kc: "},
    )
    rules.add(chain="forward", disabled=True)
    return api


def test_an_export_is_the_commands_that_would_make_it(device):
    router = device()
    seeded(router)
    assert body(router.do(router.router.export, FILTER)) == RULES


@pytest.mark.parametrize(
    ("version", "header"),
    [
        ("6.49", "# may/28/2026 20:26:40 by RouterOS 6.49"),
        ("7.20", "# 2026-05-28 20:26:40 by RouterOS 7.20"),
    ],
)
def test_the_header_is_in_the_versions_form(device, version, header):
    router = device(version=version)
    assert router.do(router.router.export).splitlines()[0] == header


def test_dynamic_rows_are_not_exported(device):
    router = device(fasttrack_row=True)
    lists = router.connect().path("ip", "firewall", "address-list")
    lists.add(list="a", address="10.0.0.1", timeout="1d")
    lists.add(list="b", address="10.0.0.2")
    text = body(router.do(router.router.export, "/ip/firewall"))
    assert text == "/ip firewall address-list\nadd address=10.0.0.2 list=b\n"


@pytest.mark.parametrize(
    ("version", "asked", "shown"),
    [
        ("6.49", None, True),
        ("6.49", False, False),
        ("7.20", None, False),
        ("7.20", True, True),
    ],
)
def test_secrets_are_shown_or_hidden_by_version_and_on_request(device, version, asked, shown):
    router = device(version=version)
    router.connect().path("ppp", "secret").add(name="vpn", password="s3cret")
    text = router.do(router.router.export, sensitive=asked)
    assert ("s3cret" in text) == shown


def test_an_export_over_the_api_goes_into_a_file(device):
    router = device()
    api = seeded(router)
    assert tuple(api("/export")) == ()
    tuple(api("/ip/firewall/filter/export", file="kc"))
    (row,) = api.path("file")
    assert (row["name"], body(row["contents"])) == ("kc.rsc", RULES)


def test_a_file_is_read_in_chunks_since_7_13(device):
    router = device()
    api = seeded(router)
    tuple(api("/export", file="kc"))
    whole = router.do(router.router.export)
    parts, offset = [], 0
    while rows := tuple(api("/file/read", file="kc.rsc", offset=offset, **{"chunk-size": 100})):
        parts.append(rows[0]["data"])
        offset += 100
    assert "".join(parts) == whole
    with pytest.raises(TrapError, match="no such command"):
        tuple(device(version="6.49").connect()("/file/read", file="x"))


def test_librouteros_exports_by_its_own_means(device):
    router = device()
    text = seeded(router).config().export()
    assert 'comment="knockctl:p1' in text


def test_a_large_file_has_no_contents_to_print(device):
    api = device().connect()
    api.path("file").add(name="big", contents="x" * 70_000)
    (row,) = api.path("file")
    assert (row["size"], "contents" in row) == (70_000, False)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=150))
def test_an_export_makes_the_same_rows_elsewhere(comment):
    def router():
        return Router(Switches(), clock=Clock(start=0, scale=0))

    def do(twin, path, verb, **words):
        return twin.execute(Actor("test"), Request(path, verb, words))

    first, second = router(), router()
    do(first, FILTER, "add", chain="input", comment=comment, protocol="tcp")
    do(second, "/file", "add", name="x", contents=first.export(FILTER))
    process = do(second, "", "import", **{"file-name": "x"}).process
    assert process.ended
    assert process.trap is None
    assert second.rows(FILTER) == first.rows(FILTER)


def test_long_lines_go_on_after_a_backslash_and_lose_nothing(device):
    router, other = device(), device()
    comment = 'say "hi" \\ $5 ' * 30
    router.connect().path("ip", "firewall", "filter").add(chain="input", comment=comment)
    text = router.do(router.router.export, FILTER)
    lines = body(text).splitlines()[1:]
    assert len(lines) > 5
    assert max(map(len, lines)) <= 80
    assert all(line.startswith("    ") for line in lines[1:])
    other.do(other.router.load, text)
    assert other.comments() == [comment]


def test_librouteros_reads_a_large_export_in_chunks(device):
    router = device()
    api = router.connect()
    for number in range(40):
        api.path("system", "script").add(name=f"s{number}", source="ü" * 2000)
    whole = body(router.do(router.router.export)).strip()
    assert len(whole) > 61440
    assert whole in api.config().export()


def test_a_router_begins_with_a_configuration(device):
    router = device()
    router.do(router.router.load, RULES)
    assert body(router.do(router.router.export, FILTER)) == RULES
    assert tuple(router.connect()("/system/history/print")) == ()


def test_the_word_for_secrets_is_the_versions_own(device):
    api = device(version="6.49").connect()
    with pytest.raises(TrapError, match="unknown parameter show-sensitive"):
        tuple(api("/export", file="x", **{"show-sensitive": ""}))
    with pytest.raises(TrapError, match="no such command"):
        api.path("file").add(name="x")
