"""The wire: exact echo, editing, help, pages, log lines in between, the exec channel, SCP."""

import asyncio

import asyncssh
import pytest

from knockctl_ios.twin.device import Connection
from tests.fixtures.ios_talk import OPTIONS, PATIENCE, talk


def test_a_session_echoes_edits_helps_and_pages(host):
    device = host()

    async def script(session):
        assert await session.until("cisco1#") == "\r\ncisco1#"
        assert await session.say("show privilege\n") == (
            "show privilege\r\nCurrent privilege level is 15\r\ncisco1#"
        )
        assert await session.say("show privilege\r\n") == (
            "show privilege\r\nCurrent privilege level is 15\r\ncisco1#"
        )
        assert await session.say("\r") == "\r\ncisco1#"
        assert await session.say("bad\x7f\x7f\x7fshow clox\bck\n") == (
            "bad\b \b\b \b\b \bshow clox\b \bck\r\n*20:26:40.000 UTC Thu May 28 2026\r\ncisco1#"
        )
        assert await session.say("foo bar\x15\x17show privil\t\n") == (
            "foo bar" + "\b \b" * 7 + "show privil\r\ncisco1#"
        )
        assert "Current privilege level" in await session.say("", "level is 15\r\ncisco1#")
        assert await session.say("show ip?", "show ip") == "show ip"
        assert "ip" in await session.until("cisco1#show ip")
        await session.send(" interface ?")
        helped = await session.until("cisco1#show ip interface ")
        assert "\r\n  INTERFACE\r\n" in helped
        assert "\r\n  <cr>\r\n" in helped
        assert "  brief" in helped
        await session.say("\x03")
        assert await session.say("terminal length 8\n") == "terminal length 8\r\ncisco1#"
        page = await session.say("show running-config\n", " --More-- ")
        assert page.count("\r\n") == 8
        one = await session.say("\n", " --More-- ")
        assert one.count("\r\n") == 1
        more = await session.say(" ", " --More-- ")
        assert more.count("\r\n") == 7
        assert (await session.say("q")).endswith("\r\ncisco1#")
        await session.say("terminal length 0\n")
        assert "\r\nend\r\n" in await session.say("show running-config\n")
        assert "(config)#" in await session.say("conf t\n", "(config)#")
        assert await session.say("\x1a") == "^Z\r\ncisco1#"
        await session.say("terminal width 40\n")
        await session.say("show logging | include " + "x" * 30 + "\n", "\rcisco1#$")
        await session.until("\r\ncisco1#")
        await session.say("terminal width 0\n")
        assert (
            await session.say("a" * 300 + "\x12", "cisco1#")
            == "a" * 254 + "\a" * 46 + "\r\ncisco1#"
        )
        await session.until("a" * 254)
        await session.say("\x03")
        await session.send("show clock | include \x16?\n")
        assert "include ?\r\n" in await session.until("cisco1#")
        await session.send("exit\n")
        return await session.process.stdout.read()

    assert talk(device.port, script) == b"exit\r\n"


@pytest.mark.parametrize("synchronous", [False, True])
def test_log_lines_come_in_between(host, synchronous):
    device = host(synchronous=synchronous)

    async def script(session):
        await session.until("cisco1#")
        await session.say("terminal monitor\n")
        await session.say("show cl", "show cl")
        await asyncio.to_thread(device.do, device.device.log, "%A-6-B: c")
        shown = await session.until("%A-6-B: c\r\n")
        assert shown == "\r\n*May 28 20:26:40.000: %A-6-B: c\r\n"
        rest = await session.say("ock\n", "2026\r\ncisco1#")
        assert rest.startswith("cisco1#show clock\r\n" if synchronous else "ock\r\n")
        await session.say("terminal no monitor\n")
        await asyncio.to_thread(device.do, device.device.log, "%A-6-B: d")
        return await session.say("show clock\n")

    assert talk(device.port, script).startswith("show clock\r\n")


def test_the_secret_is_asked_for_and_not_echoed(host):
    from knockctl_ios.twin.device import User

    device = host(users=(User("admin", "admin", 1),), enable_secret="sesame")

    async def script(session):
        await session.until("cisco1>")
        assert await session.say("enable\n", "Password: ") == "enable\r\nPassword: "
        assert await session.say("wrong\n", "Password: ") == "\r\nPassword: "
        assert await session.say("sesame\n") == "\r\ncisco1#"
        assert await session.say("disable\n", "cisco1>") == "disable\r\ncisco1>"
        await session.say("enable\n", "Password: ")
        await session.say("a\n", "Password: ")
        await session.say("b\n", "Password: ")
        return await session.say("c\n", "cisco1>")

    assert talk(device.port, script) == "\r\n% Bad secrets\r\n\r\ncisco1>"


def test_one_command_over_the_exec_channel_and_files_over_scp(host, tmp_path):
    device = host()

    async def run():
        async with asyncssh.connect("127.0.0.1", device.port, **OPTIONS) as connection:
            done = await connection.run("show privilege")
            assert done.stdout == "\r\nCurrent privilege level is 15\r\n"
            (tmp_path / "x").write_bytes(b"a\nb\n")
            await asyncssh.scp(str(tmp_path / "x"), (connection, "flash:/x"))
            await asyncssh.scp((connection, "flash:x"), str(tmp_path / "y"))
            assert (tmp_path / "y").read_bytes() == b"a\nb\n"
            with pytest.raises(asyncssh.SFTPError, match="No matches found"):
                await asyncssh.scp((connection, "flash:none"), str(tmp_path / "z"))
            device.device.faults.flash_full = True
            with pytest.raises(asyncssh.SFTPError, match="No space left"):
                await asyncssh.scp(str(tmp_path / "x"), (connection, "flash:y"))
            device.do(device.device.load, "no ip scp server enable")
            with pytest.raises(asyncssh.SFTPError, match="Administratively disabled"):
                await asyncssh.scp(str(tmp_path / "x"), (connection, "flash:x"))
        by_keyboard = OPTIONS | {"preferred_auth": "keyboard-interactive"}
        async with asyncssh.connect("127.0.0.1", device.port, **by_keyboard) as connection:
            assert "level is 15" in (await connection.run("show privilege")).stdout
        with pytest.raises(asyncssh.PermissionDenied):
            await asyncssh.connect("127.0.0.1", device.port, **(OPTIONS | {"password": "no"}))

    asyncio.run(run())


def test_who_is_in_and_how_sessions_are_cut(host):
    device = host()

    async def run():
        async with asyncssh.connect("127.0.0.1", device.port, **OPTIONS) as first:
            async with asyncssh.connect("127.0.0.1", device.port, **OPTIONS) as second:
                users = (await first.run("show users")).stdout
                assert "*388 vty 0     admin" in users
                assert " 389 vty 1     admin" in users
                tcp = (await first.run("show tcp brief")).stdout.splitlines()
                assert [row.split()[1] for row in tcp[2:]] == ["127.0.0.1.22"] * 2
                local = second.get_extra_info("sockname")[1]
                assert tcp[3].split()[2] == f"127.0.0.1.{local}"
                assert (await first.run("clear line vty 1")).stdout.endswith(" [OK]\r\n")
                await asyncio.wait_for(second.wait_closed(), PATIENCE)
            async with asyncssh.connect("127.0.0.1", device.port, **OPTIONS) as second:
                tcb = (await first.run("show tcp brief")).stdout.splitlines()[3].split()[0]
                await first.run(f"clear tcp tcb {tcb}")
                await asyncio.wait_for(second.wait_closed(), PATIENCE)
            assert "%No such connection" in (await first.run("clear tcp tcb 1")).stdout

    asyncio.run(run())


def test_there_are_so_many_lines_and_no_more(host):
    device = host()
    device.do(device.device.load, "line vty 0 4\nexit\nno line vty 0 4\nline vty 0 0\n login local")

    async def run():
        async with asyncssh.connect("127.0.0.1", device.port, **OPTIONS):
            with pytest.raises((asyncssh.Error, OSError)):
                await asyncssh.connect("127.0.0.1", device.port, **OPTIONS)

    asyncio.run(run())


def test_other_connections_that_end_here_are_listed_and_cut(console):
    device = console()
    cut = []
    connection = Connection("198.51.100.14.22", "198.51.100.100.5", "ESTAB", lambda: cut.append(1))
    device.device.connections["1A2B"] = connection
    assert device.say("show tcp brief").splitlines()[1].split() == (
        ["1A2B", "198.51.100.14.22", "198.51.100.100.5", "ESTAB"]
    )
    line = "clear tcp local 198.51.100.14 22 remote 198.51.100.100 5"
    assert device.say(line, "n") == ""
    assert device.say(line) == " [OK]\n"
    assert cut == [1]
    assert device.device.connections == {}


def test_lines_that_do_not_take_ssh_are_none(console):
    device = console()
    assert device.device.lines == 5
    device.configure("line vty 0 4\n transport input telnet\nline vty 5 15\n transport input all")
    assert device.device.lines == 11
