"""``knockctl init``: a new inventory with one policy, ready to edit."""

from __future__ import annotations

from pathlib import Path

from knockctl.errors import UsageError

HOSTS = """\
# One entry for each device. Groups and defaults are inherited, as in any nornir inventory.
bastion1:
  hostname: 192.0.2.10        # where knockctl logs in
  groups: [linux]
  data:
    knockctl:
      policies: [ssh-knock]   # an empty list takes ours off the device
      placement:
        # The addresses the policies protect; leave it out to protect all of them.
        addresses: [198.51.100.10]
"""

GROUPS = """\
linux:
  platform: linux
  username: root
  # A password is never written here: env:NAME, file:PATH, keyring:SERVICE/USER or cmd:COMMAND.
  # password: env:BASTION_PASSWORD
  connection_options:
    knockctl:
      extras:
        key_file: ~/.ssh/id_ed25519
        # sudo_password: env:BASTION_SUDO
  data:
    knockctl:
      placement:
        # From here the device is always reachable, whatever a policy says.
        management: {sources: [192.0.2.0/24], port: 22}
"""

DEFAULTS = """\
data: {}
"""

POLICY = """\
name: ssh-knock
description: SSH for those who know the knock
sequence: [tcp/7201, udp/28340, tcp/19406]   # choose your own
step_timeout: 10s
grant:
  services: [tcp/22]
  duration: 30m
wrong_knock: reset
"""


def init(folder: Path) -> list[Path]:
    """Write the files and return them; refuse a folder that has anything in it."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty", hint="name a new folder")
    files = {
        folder / "hosts.yaml": HOSTS,
        folder / "groups.yaml": GROUPS,
        folder / "defaults.yaml": DEFAULTS,
        folder / "policies" / "ssh-knock.yaml": POLICY,
    }
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder} can't be written: {error.strerror}") from None
    return list(files)
