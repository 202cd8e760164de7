"""Temporary entries of dynamic lists: made, shown, expired in both readings, and lost."""

import pytest

LIST = """
ip access-list extended A
 dynamic D timeout 10 permit tcp any any eq 22
 permit udp any any eq 7000
"""
ADD = "access-template A D host 192.0.2.1 any timeout 2"


@pytest.fixture
def device(console):
    def make(**switches):
        made = console(**switches)
        made.configure(LIST)
        return made

    return make


def children(device):
    return [
        line for line in device.say("show access-lists").splitlines() if line.startswith("     ")
    ]


def test_an_entry_is_shown_below_its_line_with_its_time(device):
    router = device()
    before = router.running()
    assert router.say(ADD) == ""
    router.advance(7)
    item = next(router.device.entries.of("A"))
    router.device.entries.touch(item, 21)
    assert router.say("show access-lists") == (
        "Extended IP access list A\n"
        "    10 Dynamic D timeout 10 permit tcp any any eq 22\n"
        "       permit tcp host 192.0.2.1 any eq 22 (21 matches) (time left 113)\n"
        "    20 permit udp any any eq 7000\n"
    )
    assert router.running() == before


@pytest.mark.parametrize(("reading", "left"), [("absolute", 0), ("idle", 1)])
def test_minutes_count_from_the_start_or_from_the_last_packet(device, reading, left):
    router = device(timeout_reading=reading)
    router.say(ADD)
    router.advance(100)
    router.device.entries.touch(next(router.device.entries.of("A")))
    router.advance(21)
    assert len(children(router)) == left
    router.advance(100)
    assert children(router) == []


@pytest.mark.parametrize("reading", ["absolute", "idle"])
def test_the_lines_own_timeout_is_a_limit_in_both_readings(device, reading):
    router = device(timeout_reading=reading)
    router.say("access-template A D host 192.0.2.1 any timeout 9999")
    for _ in range(599):
        router.advance(1)
        router.device.entries.touch(next(router.device.entries.of("A")))
    router.advance(1)
    assert children(router) == []


def test_entries_can_outlive_their_time_until_somebody_looks(device):
    router = device(expiry_period=60.0)
    router.advance(30)
    router.say(ADD)
    ends = router.device.clock.now() + 120
    router.advance(125)
    assert children(router) == ["       permit tcp host 192.0.2.1 any eq 22 (time left 0)"]
    router.advance(60)
    assert router.device.clock.now() > ends
    assert children(router) == []


def test_to_add_an_entry_again_renews_nothing(device):
    router = device()
    router.say(ADD)
    router.advance(60)
    assert router.say(ADD) == "List#A-D already contains this IP address pair\n"
    assert "(time left 60)" in children(router)[0]


def test_to_add_an_entry_again_may_renew_and_say_nothing(device):
    router = device(duplicate_renews=True, duplicate_message=False)
    router.say(ADD)
    router.advance(60)
    assert router.say(ADD) == ""
    assert "(time left 120)" in children(router)[0]
    router.advance(119)
    assert len(children(router)) == 1


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("access-template A D host 192.0.2.1 any", "host 192.0.2.1 any eq 22"),
        ("access-template A D 192.0.2.0 0.0.0.255 any", "192.0.2.0 0.0.0.255 any eq 22"),
        (
            "access-template A D 192.0.2.7 0.0.0.0 host 10.0.0.1",
            "host 192.0.2.7 host 10.0.0.1 eq 22",
        ),
        ("access-template A D", "any any eq 22"),
        ("access-template A", "any any eq 22"),
    ],
)
def test_addresses_that_are_given_take_the_place_of_the_lines(device, line, shown):
    router = device()
    assert router.say(line) == ""
    assert children(router) == [f"       permit tcp {shown} (time left 600)"]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "dynamic E permit udp any eq 5 10.0.0.0 0.0.0.255 range 7 9",
            "permit udp host 1.1.1.1 eq 5 10.0.0.0 0.0.0.255 range echo discard",
        ),
        ("dynamic E deny udp any any", "deny udp host 1.1.1.1 any"),
        (
            "dynamic E permit object-group G any any log",
            "permit object-group G host 1.1.1.1 any log",
        ),
    ],
)
def test_entries_follow_their_line(console, line, shown):
    router = console()
    router.configure(f"object-group service G\ntcp eq 22\nip access-list extended A\n{line}")
    assert router.say("access-template A E host 1.1.1.1") == ""
    assert children(router) == [f"       {shown}"]


@pytest.mark.parametrize(
    "line",
    [
        "access-template B D host 192.0.2.1 any",
        "access-template A X host 192.0.2.1 any",
        "clear access-template A D host 192.0.2.1 any",
    ],
)
def test_what_is_not_there_can_be_neither_added_to_nor_cleared(device, line):
    assert device().say(line).startswith("% ")


@pytest.mark.parametrize("line", ["clear access-template", "clear ip access-template"])
def test_an_entry_is_cleared(device, line):
    router = device()
    router.say(ADD)
    router.say("access-template A D host 192.0.2.2 any timeout 2")
    assert router.say(f"{line} A D host 192.0.2.1 any") == ""
    assert children(router) == ["       permit tcp host 192.0.2.2 any eq 22 (time left 120)"]


def test_only_the_first_dynamic_list_is_honoured(device):
    second = "ip access-list extended A\n dynamic E permit udp any any eq 53"
    router = device()
    router.configure(second)
    assert router.say("access-template A E host 192.0.2.1 any").startswith("% ")
    loose = device(only_first_dynamic=False)
    loose.configure(second)
    assert loose.say("access-template A E host 192.0.2.1 any") == ""


@pytest.mark.parametrize(
    ("change", "stay"),
    [
        ("ip access-list extended A\n 5 permit tcp any any established", True),
        ("ip access-list extended A\n no 20", True),
        ("ip access-list resequence A 10 10", True),
        ("no ip access-list extended A", False),
        ("ip access-list extended A\n no 10", False),
        ("no ip access-list extended A" + LIST, False),
    ],
)
def test_entries_live_as_long_as_their_line(device, change, stay):
    router = device()
    gone = []
    router.device.entries.on_gone.append(gone.append)
    router.say(ADD)
    router.configure(change)
    assert bool(router.device.entries.items) is stay
    assert bool(gone) is not stay


def test_a_replacement_keeps_the_entries_of_lists_it_does_not_change(device):
    router = device()
    router.say(ADD)
    router.device.archive.replace(router.running().replace("hostname cisco1", "hostname other"))
    assert router.prompt == "other#"
    assert len(children(router)) == 1
    router.device.archive.replace(router.running().replace("eq 7000", "eq 7001"))
    assert children(router) == []


def test_who_wants_to_know_hears_of_entries(device):
    router = device()
    heard = []
    router.device.entries.on_added.append(lambda item: heard.append(("added", item.source)))
    router.device.entries.on_gone.append(lambda item: heard.append(("gone", item.source)))
    router.say(ADD)
    router.advance(120)
    assert heard == [("added", "host 192.0.2.1"), ("gone", "host 192.0.2.1")]


def test_matches_are_counted_and_cleared(device):
    router = device()
    first, second = router.device.acl("A").children
    router.device.counters.add(first.id)
    router.device.counters.add(second.id)
    router.device.counters.add(second.id)
    shown = router.say("show ip access-lists A")
    assert "10 Dynamic D timeout 10 permit tcp any any eq 22 (1 match)\n" in shown
    assert "20 permit udp any any eq 7000 (2 matches)\n" in shown
    router.say("clear access-list counters")
    assert "match" not in router.say("show ip access-lists A")


def test_a_restart_loses_entries(device):
    router = device()
    router.say("write memory")
    router.say(ADD)
    router.device.power_off()
    router.device.power_on()
    assert router.device.entries.items == []
    assert "dynamic D" in router.running()
