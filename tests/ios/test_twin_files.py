"""Files and configurations as files: dir, more, copy, delete, verify, write, and the Tcl shell."""

import hashlib

import pytest

MISSING = "%Error opening flash:/x (No such file or directory)\n"


def test_a_folder_is_listed_with_its_room(console):
    device = console()
    device.device.flash.write("a.txt", b"12345")
    device.say("mkdir flash:eem")
    assert device.say("dir") == (
        "Directory of flash:/\n\n"
        "    1  -rw-            5   May 28 2026 20:26:40 +00:00  a.txt\n"
        "    2  drw-            0   May 28 2026 20:26:40 +00:00  eem\n\n"
        "256487424 bytes total (256487419 bytes free)\n"
    )
    assert "-rw-            5   May 28 2026 20:26:40 +00:00  a.txt\n" in device.say(
        "dir flash:/a.txt"
    )
    assert "No files in directory" in device.say("dir flash:eem")
    assert device.say("dir flash:/x") == MISSING
    assert "Can't create" in device.say("mkdir flash:eem")


@pytest.mark.parametrize(
    "line", ["more flash:/x", "verify /md5 flash:/x", "copy flash:/x running-config"]
)
def test_a_file_that_is_not_there(console, line):
    assert console().say(line) == MISSING


def test_a_digest_is_printed_or_compared(console):
    device = console()
    device.device.flash.write("x", b"data")
    digest = hashlib.md5(b"data").hexdigest()
    assert device.say("verify /md5 flash:/x") == f"....Done!\nverify /md5 (flash:/x) = {digest}\n"
    assert f"Verified (flash:/x) = {digest}" in device.say(f"verify /md5 flash:/x {digest.upper()}")
    assert "%Error verifying" in device.say("verify /md5 flash:/x 00")


def test_configurations_are_copied_and_printed(console):
    device = console()
    assert device.say("copy run flash:/x").split()[1:3] == ["bytes", "copied"]
    assert device.say("more flash:x") == device.running()
    device.configure("hostname other")
    assert device.say("copy running-config startup-config") == "Building configuration...\n[OK]\n"
    assert "hostname other\n" in device.say("show startup-config")
    device.say("copy startup-config flash:y")
    assert device.device.text_of("flash:y") == device.device.startup
    device.say("copy null: flash:y")
    assert device.device.text_of("flash:y") == ""
    assert "bytes copied" in device.say("copy flash:x null:")
    assert device.say("copy flash:x tftp:") == "%Error opening tftp: (Invalid argument)\n"


def test_questions_are_asked_unless_files_are_to_be_quiet(console):
    device = console()
    asks = []

    def asked(line):
        asks.clear()
        dialogue = device.shell.run(line)
        if isinstance(dialogue, str):
            return asks
        try:
            asks.append(next(dialogue).prompt)
            while True:
                asks.append(dialogue.send("").prompt)
        except StopIteration:
            return asks

    assert asked("copy running-config flash:x") == ["Destination filename [x]? "]
    assert asked("copy running-config flash:x")[1].endswith("over write? [confirm]")
    assert asked("delete flash:x") == ["Delete filename [x]? ", "Delete flash:x? [confirm]"]
    device.configure("file prompt quiet")
    assert asked("copy running-config flash:x") == []
    assert asked("copy running-config flash:x") == []
    assert asked("delete /force flash:x") == []
    assert "No such file" in device.say("delete /force flash:x")


def test_a_file_is_merged_line_by_line_and_its_errors_are_shown(console):
    device = console()
    text = (
        "hostname other\n987\nip access-list extended A\n permit tcp any any bla\nend\nhostname x\n"
    )
    device.device.flash.write("x", text.encode())
    said = device.say("copy flash:x running-config")
    assert device.prompt == "other#"
    assert said == (
        "987\n^\n% Invalid input detected at '^' marker.\n\n"
        " permit tcp any any bla\n"
        "                    ^\n% Invalid input detected at '^' marker.\n\n"
        "84 bytes copied in 0.101 secs (833 bytes/sec)\n"
    )


def test_the_removal_of_a_user_is_confirmed(console):
    device = console()
    device.configure("username bob secret x")
    device.device.flash.write("x", b"no username bob\nend\n")
    dialogue = device.shell.run("copy flash:x running-config")
    next(dialogue)
    ask = dialogue.send("")
    assert "all username related configurations" in ask.prompt
    assert ask.prompt.endswith("[confirm]")
    with pytest.raises(StopIteration):
        dialogue.send("")
    assert "bob" not in device.running()
    quiet = console(confirms_user_removal=False)
    quiet.configure("username bob secret x")
    quiet.say("configure terminal")
    assert quiet.shell.run("no username bob") == ""


def test_the_startup_configuration_can_be_erased(console):
    device = console()
    assert "Erase of nvram: complete" in device.say("write erase")
    assert device.say("show startup-config") == "startup-config is not present\n"
    device.device.power_off()
    device.device.power_on()
    assert device.prompt == "Router#"


def test_flash_can_be_full_and_saving_can_fail(console):
    device = console()
    device.device.faults.flash_full = True
    device.device.faults.save_fails = True
    assert "(No space left on device)" in device.say("copy running-config flash:x")
    assert "startup-config file open failed" in device.say("write memory")
    assert "startup-config file open failed" in device.say("copy run start")
    small = console(flash_bytes=10)
    assert "(No space left on device)" in small.say("copy running-config flash:x")


def test_a_file_written_in_the_tcl_shell_is_there_when_the_shell_is_left(console):
    device = console()
    device.say("tclsh")
    assert device.prompt == "cisco1(tcl)#"
    device.say('puts [open "flash:x" w+] {hostname a')
    assert device.prompt == "+>"
    device.say(" line two}")
    assert "x" not in device.device.flash.files
    assert device.say("show privilege") == "Current privilege level is 15\n"
    assert device.say("puts hello") == "hello\n"
    device.say('puts -nonewline [open "flash:y" a+] "part"')
    assert "couldn't open" in device.say('puts [open "tftp:y" w] "part"')
    assert device.say("tclquit") == ""
    assert device.prompt == "cisco1#"
    assert device.device.text_of("flash:x") == "hostname a\n line two\n"
    assert device.device.text_of("flash:y") == "part"
