"""What goes wrong on request, as the peer sees it, and what the router has done by then."""

import time

import pytest
from librouteros.exceptions import LibRouterosError, TrapError

GONE = (LibRouterosError, OSError)


def add(api, comment):
    return api.path("ip", "firewall", "filter").add(chain="input", comment=comment)


@pytest.mark.parametrize(
    ("executes", "left"), [(True, ["a", "b"]), (False, ["a"])], ids=["after", "before"]
)
def test_the_connection_is_cut_at_the_nth_command(device, executes, left):
    router = device()
    api = router.connect()
    router.router.faults.cut_executes = executes
    router.router.faults.cut_at = 2
    add(api, "a")
    with pytest.raises(GONE):
        add(api, "b")
    assert router.comments() == left
    add(router.connect(), "c")
    assert router.comments() == [*left, "c"]


def test_a_cut_connection_ends_safe_mode(device):
    router = device()
    api = router.connect()
    tuple(api("/safe-mode/take"))
    router.router.faults.cut_at = 2
    add(api, "a")
    with pytest.raises(GONE):
        add(api, "b")
    while router.rows("/user/active"):
        pass
    router.advance(2)
    assert router.comments() == []


def test_the_nth_add_is_refused(device):
    router = device()
    api = router.connect()
    router.router.faults.trap_at_add = 2
    router.router.faults.trap_text = "failure: no space left"
    add(api, "a")
    with pytest.raises(TrapError, match="failure: no space left"):
        add(api, "b")
    add(api, "c")
    assert router.comments() == ["a", "c"]


def test_the_nth_command_is_refused(device):
    router = device()
    api = router.connect()
    router.router.faults.trap_at = 2
    number = add(api, "a")
    with pytest.raises(TrapError, match="out of memory"):
        api.path("ip", "firewall", "filter").remove(number)
    assert router.comments() == ["a"]


def test_replies_are_slow(device):
    router = device()
    api = router.connect()
    router.router.faults.delay = 0.2
    before = time.monotonic()
    tuple(api("/system/identity/print"))
    assert time.monotonic() - before >= 0.2


@pytest.mark.parametrize(("fault", "left"), [("silent", ["a"]), ("deaf", [])])
def test_the_router_stops_answering(device, fault, left):
    router = device()
    api = router.connect()
    api.protocol.transport.sock.settimeout(0.2)
    setattr(router.router.faults, fault, True)
    with pytest.raises(GONE):
        add(api, "a")
    until = time.monotonic() + 20
    while router.comments() != left and time.monotonic() < until:
        time.sleep(0.02)
    assert router.comments() == left


def test_connections_are_refused_and_sessions_stay(device):
    router = device()
    api = router.connect()
    router.do(router.router.faults.refuse)
    router.host.settle()
    with pytest.raises(ConnectionRefusedError):
        router.connect()
    assert tuple(api("/system/identity/print"))
    router.do(router.router.faults.refuse, refusing=False)
    router.host.settle()
    assert router.connect()


@pytest.mark.parametrize(("executes", "left"), [(True, ["a", "b"]), (False, ["a"])])
def test_power_is_lost_at_the_nth_command(device, executes, left):
    router = device()
    api, other = router.connect(), router.connect()
    router.router.faults.power_executes = executes
    router.router.faults.power_at = 2
    add(api, "a")
    with pytest.raises(GONE):
        add(api, "b")
    with pytest.raises(GONE):
        tuple(other("/system/identity/print"))
    router.host.settle()
    with pytest.raises(ConnectionRefusedError):
        router.connect()
    router.do(router.router.power_on)
    router.host.settle()
    assert [row["comment"] for row in router.connect().path("ip", "firewall", "filter")] == left


@pytest.mark.parametrize(("cut", "left"), [(True, ["a"]), (False, ["a", "b"])])
def test_power_is_lost_before_the_last_change_was_saved(device, cut, left):
    router = device(save_delay=5)
    api = router.connect()
    add(api, "a")
    router.advance(10)
    add(api, "b")
    router.advance(2)
    router.do(router.router.power_off, orderly=not cut)
    router.do(router.router.power_on)
    assert router.comments() == left
