"""What goes wrong on request, as the operator sees it, and what the device has done by then."""

import asyncio
import time

import asyncssh
import pytest

from tests.fixtures.ios_talk import OPTIONS, PATIENCE, talk

LINES = ("configure terminal", "hostname other", "ip route 0.0.0.0 0.0.0.0 192.0.2.1", "end")


async def typed(session, lines=LINES):
    """Type lines until the device is gone; return how many were answered."""
    await session.until("#")
    for number, line in enumerate(lines):
        try:
            await session.say(f"{line}\n", "\r\n")
            await session.until("#")
        except (AssertionError, OSError, asyncssh.Error):
            return number
    return len(lines)


def eventually(true):
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("executes", "name"), [(True, "other"), (False, "cisco1")], ids=["after", "before"]
)
def test_the_connection_is_cut_at_the_nth_line(host, executes, name):
    device = host()
    device.device.faults.cut_executes = executes
    device.device.faults.cut_at = 2
    assert talk(device.port, typed) == 1
    assert f"hostname {name}\n" in device.running()
    assert talk(device.port, typed) == len(LINES)


@pytest.mark.parametrize(("executes", "changed"), [(True, True), (False, False)])
def test_power_is_lost_at_the_nth_line(host, executes, changed):
    device = host()
    device.device.faults.power_executes = executes
    device.device.faults.power_at = 2
    assert talk(device.port, typed) == 1
    device.served.settle()
    with pytest.raises(ConnectionRefusedError):
        talk(device.port, typed)
    assert ("hostname other" in device.running()) is changed
    device.do(device.device.power_on)
    device.served.settle()
    assert "hostname cisco1\n" in device.running()
    assert talk(device.port, typed) == len(LINES)


def test_power_is_lost_in_the_middle_of_a_file(console):
    device = console()
    device.device.flash.write("x", "\n".join(LINES[1:]).encode())
    device.device.faults.power_at_line = 1
    device.say("copy flash:x running-config")
    assert not device.device.powered
    assert "hostname other" in device.running()
    assert "ip route" not in device.running()
    device.device.power_on()
    assert device.prompt == "cisco1#"


@pytest.mark.parametrize(
    ("text", "said"), [("", "% Invalid input detected"), ("% Out of memory", "% Out of memory\n")]
)
@pytest.mark.parametrize("copied", [False, True])
def test_the_nth_line_is_refused(console, text, said, copied):
    device = console()
    device.device.faults.refuse_line = 2
    device.device.faults.refuse_text = text
    lines = (
        "hostname other\nip route 0.0.0.0 0.0.0.0 192.0.2.1\nip route 10.0.0.0 255.0.0.0 192.0.2.1"
    )
    if copied:
        device.device.flash.write("x", lines.encode())
        found = device.say("copy flash:x running-config")
        assert "ip route 0.0.0.0 0.0.0.0 192.0.2.1\n" in found
    else:
        found = device.configure(lines)
    assert said in found
    assert "ip route 0.0.0.0" not in device.running()
    assert "ip route 10.0.0.0" in device.running()


def test_a_replacement_fails_at_a_line(console):
    device = console()
    device.device.flash.write("x", device.running().replace("cisco1", "other").encode())
    device.device.faults.refuse_line = 1
    said = device.say("configure replace flash:x force revert trigger error")
    assert "+hostname other" in said
    assert device.prompt == "cisco1#"


def test_answers_are_slow(host):
    device = host()
    device.device.faults.delay = 0.05
    before = time.monotonic()
    assert talk(device.port, typed) == len(LINES)
    assert time.monotonic() - before >= 0.05 * len(LINES)


@pytest.mark.parametrize(("fault", "name"), [("silent", "other"), ("deaf", "cisco1")])
def test_the_device_stops_answering(host, fault, name):
    device = host()

    async def script(session):
        await session.until("cisco1#")
        await session.say("configure terminal\n", "(config)#")
        setattr(device.device.faults, fault, True)
        await session.send("hostname other\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session.until("(config)#"), 0.3)
        await asyncio.to_thread(eventually, lambda: f"hostname {name}\n" in device.running())

    talk(device.port, script)


def test_connections_are_refused_and_sessions_stay(host):
    device = host()

    async def script(session):
        await session.until("cisco1#")
        await asyncio.to_thread(device.do, device.device.faults.refuse)
        await asyncio.to_thread(device.served.settle)
        with pytest.raises(ConnectionRefusedError):
            await asyncssh.connect("127.0.0.1", device.port, **OPTIONS)
        await session.say("show clock\n")
        await asyncio.to_thread(lambda: device.do(device.device.faults.refuse, refusing=False))
        await asyncio.to_thread(device.served.settle)
        async with asyncssh.connect("127.0.0.1", device.port, **OPTIONS) as again:
            return (await again.run("show privilege")).stdout

    assert "level is 15" in talk(device.port, script)


def test_a_restart_in_the_middle_of_a_change_and_back(host):
    device = host(scale=600)

    async def script(session):
        await session.until("cisco1#")
        await session.say("configure terminal\n", "(config)#")
        await session.say("hostname other\n", "(config)#")
        await session.say("do reload\n", "[yes/no]: ")
        await session.say("maybe\n", "% Please answer 'yes' or 'no'.")
        await session.say("no\n", "[confirm]")
        await session.send("\n")
        return await session.process.stdout.read()

    talk(device.port, script)
    eventually(lambda: device.do(lambda: device.device.powered))
    device.served.settle()
    assert talk(device.port, typed) == len(LINES)


def test_the_connection_is_cut_in_the_middle_of_a_file(host, tmp_path):
    device = host()
    (tmp_path / "x").write_bytes(b"hostname other\n" * 10)
    device.device.faults.cut_upload = True

    async def run():
        async with asyncssh.connect("127.0.0.1", device.port, **OPTIONS) as connection:
            with pytest.raises((asyncssh.Error, OSError)):
                await asyncssh.scp(str(tmp_path / "x"), (connection, "flash:x"))

    asyncio.run(run())
    assert device.do(device.device.text_of, "flash:x") == "hostname other\n" * 5
