"""The language of revert scripts: what it does, and what stops it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from librouteros.exceptions import TrapError

from knockctl_routeros.twin.device import Clock, Router, Switches, jobs
from knockctl_routeros.twin.device.requests import Actor
from knockctl_routeros.twin.device.traps import Trap

FILTER = "/ip/firewall/filter"
FIND = "/ip firewall filter"


@pytest.fixture
def router(device):
    router = device()
    rules = router.connect().path("ip", "firewall", "filter")
    for comment in ("knockctl:p1:a", "other", "knockctl:p1:b", "last"):
        rules.add(chain="input", comment=comment)
    return router


def run(router, source):
    api = router.connect()
    api.path("system", "script").add(name="test", source=source)
    tuple(api("/system/script/run", number="test"))


def failed(router, source):
    with pytest.raises(TrapError) as caught:
        run(router, source)
    return caught.value


@pytest.mark.parametrize(
    "source",
    [
        "/ip/firewall/filter/remove [find where comment=last]",
        f'{FIND} remove [find where comment="last"]',
        f'{FIND} remove [find comment="last"]',
        f'{FIND} remove [{FIND} find comment~"^la"]',
        f'{FIND} remove [find where comment="last" and chain=input]',
        f'{FIND} remove [find where comment="last" chain=input]',
        f'{FIND} remove [find where comment="last" !disabled !dynamic]',
        f'{FIND} remove [find where comment="last" or comment="x"]',
        f'{FIND} remove [find where (comment="last" && disabled=no)]',
        f"{FIND}\nremove [find comment=last]",
        f"# a remark\n{FIND} remove [find comment=last]; # another",
        f"{FIND} \\\n    remove [find \\\n    comment=last]",
        f"{FIND} remove *4",
        f"{FIND} remove numbers=[find comment=last]",
    ],
)
def test_one_row_is_found_and_removed(router, source):
    run(router, source)
    assert router.comments() == ["knockctl:p1:a", "other", "knockctl:p1:b"]


@pytest.mark.parametrize("where", ['where comment~"^knockctl:"', 'comment~"p1"'])
def test_all_rows_of_a_pattern_are_removed(router, where):
    run(router, f"{FIND} remove [find {where}]")
    assert router.comments() == ["other", "last"]


def test_removing_what_is_not_found_is_no_error(router):
    run(router, f'{FIND} remove [find comment="absent"]')
    assert len(router.comments()) == 4


def test_rows_are_moved(router):
    run(router, f"{FIND} move [find comment=last] [find comment=other]")
    assert router.comments() == ["knockctl:p1:a", "last", "other", "knockctl:p1:b"]
    tuple(router.connect()("/system/script/remove", numbers="test"))
    run(router, f'{FIND} move [find comment=last] destination=[find comment~"p1:a"]')
    assert router.comments()[0] == "last"


def test_rules_are_added_where_they_were_with_quotes_in_their_words(router):
    run(
        router,
        f'{FIND} add chain=input action=drop comment="say \\"hi\\" \\$5 \\\\" log=yes '
        'place-before=[find where comment="other"]',
    )
    assert router.comments()[:3] == ["knockctl:p1:a", 'say "hi" $5 \\', "other"]
    assert router.rows(FILTER)[1]["log"] == "true"


def test_a_place_that_is_not_found_is_an_error(router):
    trap = failed(router, f"{FIND} add chain=input place-before=[find comment=absent]")
    assert "place-before" in trap.message


def test_rows_are_set_disabled_and_enabled(router):
    run(router, f'{FIND} set [find comment~"p1"] action=drop; {FIND} disable [find comment~"p1"]')
    assert [(row["action"], row["disabled"]) for row in router.rows(FILTER)] == [
        ("drop", "true"),
        ("accept", "false"),
        ("drop", "true"),
        ("accept", "false"),
    ]
    api = router.connect()
    tuple(api("/system/script/set", numbers="test", source=f"{FIND} enable [find disabled=yes]"))
    tuple(api("/system/script/run", number="test"))
    assert {row["disabled"] for row in router.rows(FILTER)} == {"false"}


@pytest.mark.parametrize(("name", "branch"), [("last", "some"), ("absent", "none")])
def test_if_chooses_a_branch(router, name, branch):
    found = f'[:len [{FIND} find where comment="{name}"]]'
    run(router, f':if ({found} > 0) do={{ :log info "some" }} else={{ :log info "none" }}')
    assert router.log()[-1] == branch


@pytest.mark.parametrize(
    ("condition", "truth"),
    [
        ("1 = 1", True),
        ("1 > 2", False),
        ("2 >= 2 and 1 != 2", True),
        ("1 = 2 || 2 = 2", True),
        ("!(1 = 1)", False),
        ('"abc" ~ "^a"', True),
        ("1 + 1 = 2", True),
        ('("a" . "b") = "ab"', True),
        ("10 > 9", True),
    ],
)
def test_conditions(router, condition, truth):
    run(router, f":if ({condition}) do={{:log info yes}} else={{:log info no}}")
    assert router.log()[-1] == ("yes" if truth else "no")


def test_on_error_takes_over_where_the_body_stopped(router):
    run(
        router,
        f":do {{ {FIND} remove *1; {FIND} remove *99; {FIND} remove *2 }} "
        'on-error={ :log warning "oops" }; :log info "after"',
    )
    assert router.comments() == ["other", "knockctl:p1:b", "last"]
    assert router.log()[-2:] == ["oops", "after"]


def test_variables_and_loops(router):
    run(
        router,
        f':local prefix "gone"; :foreach rule in=[{FIND} find where comment~"p1"] do={{\n'
        f'  {FIND} set $rule comment="$prefix-x"\n}}',
    )
    assert router.comments() == ["gone-x", "other", "gone-x", "last"]


def test_a_value_is_got(router):
    run(
        router,
        f":log info [{FIND} get [find comment=last] chain]; :log info [/system identity get name]",
    )
    assert router.log()[-2:] == ["input", "MikroTik"]


def test_an_error_stops_the_script_and_is_logged(router):
    trap = failed(router, f"{FIND} remove *1; {FIND} remove *99; {FIND} remove *2")
    assert (trap.message, router.comments()[0]) == ("no such item", "other")
    assert len(router.comments()) == 3
    assert "no such item" in router.log()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (f"{FIND} remove *1; :frobnicate", "bad command name frobnicate (line 1 column 33)"),
        (f"{FIND} remove *1\n/ip fire remove *1", "bad command name fire (line 2 column 5)"),
        (f'{FIND} remove [find comment="x]', "missing closing quote"),
        (f"{FIND} remove [find", "syntax error"),
        (f"{FIND} remove *1 }}", "syntax error"),
        (f"{FIND} find where comment ^ x", "syntax error"),
    ],
)
def test_a_script_that_cannot_be_read_does_nothing(router, source, message):
    trap = failed(router, source)
    assert trap.message.startswith(message)
    assert trap.category == 3
    assert len(router.comments()) == 4


def test_paths_have_slashes_since_version_7_only(device):
    old = device(version="6.49")
    run(old, "/ip firewall filter add chain=input")
    tuple(old.connect()("/system/script/remove", numbers="test"))
    failed(old, "/ip/firewall/filter/add chain=input")
    assert len(old.rows(FILTER)) == 1


def test_a_script_runs_another(router):
    api = router.connect()
    api.path("system", "script").add(name="inner", source=f"{FIND} remove *1")
    run(router, "/system script run inner; :log info done")
    assert (len(router.comments()), router.log()[-1]) == (3, "done")


def test_delay_waits_on_the_routers_clock(device):
    router = device(scale=100)
    run(router, ':log info "one"; :delay 10s; :log info "two"')
    one, two = [line for line in router.router.log if line.message in ("one", "two")]
    assert 10 <= two.when - one.when < 60


def test_a_waiting_script_does_not_keep_others_from_the_router(router):
    api, other = router.connect(), router.connect()
    api.path("system", "script").add(name="slow", source=":delay 5s; :log info late")
    api.protocol.writeSentence("/system/script/run", "=number=slow")
    while not router.router.processes:
        pass
    assert tuple(other("/system/identity/print"))
    router.advance(5)
    assert api.protocol.readSentence()[0] == "!done"
    assert router.log()[-1] == "late"


def test_a_tagged_run_leaves_the_session_free_and_can_be_cancelled(router):
    api = router.connect()
    api.path("system", "script").add(name="slow", source=":delay 5s; :log info late")
    wire = api.protocol
    wire.writeSentence("/system/script/run", "=number=slow", ".tag=1")
    wire.writeSentence("/system/script/run", "=number=slow", ".tag=2")
    wire.writeSentence("/cancel", "=tag=1", ".tag=3")
    sentences = [sentence(wire) for _ in range(3)]
    assert sentences == [
        ["!trap", ".tag=1", "=category=2", "=message=interrupted"],
        ["!done", ".tag=1"],
        ["!done", ".tag=3"],
    ]
    router.advance(5)
    assert sentence(wire) == ["!done", ".tag=2"]
    assert router.log().count("late") == 1


def sentence(wire):
    return list(iter(wire.readWord, ""))


@pytest.mark.parametrize(
    "source",
    [
        ":if",
        ":if (1 + 1) do={}",
        ":do 5",
        ":log",
        ":error oops",
        ":if (a + 1 = 2) do={}",
        f'{FIND} remove [find where comment~"("]',
        f"{FIND} get [find] chain",
        ":log info [:log]",
    ],
)
def test_what_makes_no_sense_when_it_runs_is_an_error(router, source):
    failed(router, f"{source}; :log info after")
    assert "after" not in router.log()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r'"a\nb\tc\_d\41"', "a\nb\tc dA"),
        ('[:len "four"]', "4"),
        ('("a" . "b")', "ab"),
        ("(3 - 1)", "2"),
        ("a\\ b", "a b"),
        ('"$unset."', "."),
    ],
)
def test_values(router, written, meant):
    run(router, f":log info {written}")
    assert router.log()[-1] == meant


def test_runs_are_counted(router):
    run(router, ":log info x")
    assert router.rows("/system/script")[0]["run-count"] == "1"


def test_an_import_runs_a_file_and_a_dry_run_only_reads_it(router):
    api = router.connect()
    api.path("file").add(name="x.rsc", contents=f"{FIND}\nadd chain=input comment=imported\n")
    tuple(api("/import", **{"file-name": "x.rsc", "dry-run": ""}))
    assert router.comments()[-1] == "last"
    tuple(api("/import", **{"file-name": "x.rsc"}))
    assert router.comments()[-1] == "imported"


TOKENS = (*' ;\n[](){}"$=~!.<>\\*#', "/ip firewall filter ", "remove ", "find ", "where ", ":if ",
          ":do ", "do=", "on-error=", ":len ", ":log ", "comment", "info ", "set ", ":foreach ",
          "in=", "1", "x", " and ", ":delay ", "place-before=", "add ", ":local ")  # fmt: skip


@given(st.lists(st.sampled_from(TOKENS), max_size=25).map("".join))
def test_any_text_is_run_or_refused(source):
    router = Router(Switches(), clock=Clock(start=0, scale=0))
    with contextlib.suppress(Trap):
        for _ in jobs.steps(router, Actor("test"), source):
            pass
