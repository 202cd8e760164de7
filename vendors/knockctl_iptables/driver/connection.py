"""One SSH connection on which shell scripts run as root, each in one round trip.

Scripts travel on standard input: no rule, port or password is ever on a command line. A
script is one function called on its last line, so one that arrives cut off does nothing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from knockctl.errors import (
    AuthenticationFailed,
    CommandRefused,
    ConnectionCut,
    DeviceError,
    HostKeyMismatch,
    PrivilegeError,
    Unreachable,
    Where,
)

if TYPE_CHECKING:
    import asyncssh

    from knockctl.contract import Target

# Reads the sudo password (or an empty line) first, then becomes a root shell that reads the
# script. `sudo -k -n true` tells NOPASSWD from a cached password; the password is tried alone
# once, so that a wrong one is not followed by lines of the script being taken for others.
BECOME_ROOT = r"""/bin/sh -c '
IFS= read -r kc_pw
printf "%s\n" "KC-CONNECTION $SSH_CONNECTION"
if [ "$(id -u)" = 0 ]; then exec /bin/sh -s; fi
if ! command -v sudo >/dev/null; then echo "sudo: not found" >&2; exit 77; fi
if sudo -k -n true 2>/dev/null; then exec sudo -n /bin/sh -s; fi
if [ -z "$kc_pw" ]; then echo "sudo: a password is required" >&2; exit 77; fi
if ! printf "%s\n" "$kc_pw" | LC_ALL=C sudo -k -S -p "" true; then exit 77; fi
{ printf "%s\n" "$kc_pw"; exec cat; } | sudo -k -S -p "" /bin/sh -s
'"""
NOT_ROOT = 77

# Ends the options of `run NAME command…`; stdin of the command is the caller's.
PRELUDE = r"""
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
umask 077
trap '' PIPE HUP INT TERM
run() {
  kc_name=$1; shift
  printf '\n%s begin %s\n' "$kc_nonce" "$kc_name"
  "$@" 2>&1
  kc_status=$?
  printf '\n%s end %s %s\n' "$kc_nonce" "$kc_name" "$kc_status"
  return $kc_status
}
# As run, but what the command says on its error stream stays out of what it prints: iptables-save
# warns of the other back end's empty tables in the middle of a rule.
look() {
  kc_name=$1; shift
  printf '\n%s begin %s\n' "$kc_nonce" "$kc_name"
  "$@"
  kc_status=$?
  printf '\n%s end %s %s\n' "$kc_nonce" "$kc_name" "$kc_status"
  return $kc_status
}
"""


@dataclass(frozen=True, slots=True)
class Section:
    """What one ``run`` of a script printed, and its exit status."""

    output: str
    status: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a script did, by the names of its runs."""

    sections: Mapping[str, Section]
    connection: str
    """``SSH_CONNECTION`` as the device sees it: source, port, address, port."""
    errors: str = ""
    """What the script said on its error stream."""

    def output(self, name: str) -> str:
        """Return what a run printed; empty when it did not take place."""
        return self.sections[name].output if name in self.sections else ""

    def ok(self, name: str) -> bool:
        """Tell whether a run took place and succeeded."""
        return name in self.sections and self.sections[name].status == 0


class Session:
    """A connection to one host. Use as a context manager; not for several threads."""

    def __init__(self, target: Target) -> None:
        """Keep the target; ``__enter__`` connects."""
        self.target = target
        self.round_trips = 0
        self._runner = asyncio.Runner()
        self._connection: asyncssh.SSHClientConnection | None = None

    def __enter__(self) -> Self:
        """Connect, verify the host key, log in."""
        try:
            self._connection = self._runner.run(
                self._guarded(connect(self.target, self.target.timeouts.connect))
            )
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close; a connection that is gone already is closed."""
        if self._connection:
            self._connection.abort()
        self._runner.close()

    def script(self, body: str) -> Answer:
        """Run a shell script as root and wait for it."""
        answer: Answer = self._runner.run(self._guarded(self._script(body)))
        return answer

    def probe(self) -> None:
        """Open a second connection and run a command on it."""
        self._runner.run(self._guarded(self._probe()))

    async def _probe(self) -> None:
        connection = await connect(self.target, self.target.timeouts.probe)
        async with connection:
            await asyncio.wait_for(connection.run("true", check=True), self.target.timeouts.probe)

    async def _script(self, body: str) -> Answer:
        nonce = f"KC-{secrets.token_hex(8)}"
        text = f"main() {{\nkc_nonce={nonce}\n{PRELUDE}\n{body}\n}}\nmain\n"
        password = self.target.credentials.escalation_password or ""
        self.round_trips += 1
        if self._connection is None:
            raise ConnectionCut("not connected", where=Where(device=self.target.name))
        result = await asyncio.wait_for(
            self._connection.run(BECOME_ROOT, input=f"{password}\n{text}", check=False),
            self.target.timeouts.command,
        )
        out, err = str(result.stdout or ""), str(result.stderr or "")
        if nonce not in out:
            raise self._no_root(result.exit_status, err)
        return _answer(out, nonce, err)

    def _no_root(self, status: int | None, err: str) -> DeviceError:
        user = self.target.credentials.username or "the user"
        where = Where(device=self.target.name)
        if status is None:
            return ConnectionCut("the connection was lost while a script ran", where=where)
        if status != NOT_ROOT:
            return CommandRefused(
                f"the root shell could not be used (exit {status}): {err.strip() or 'no message'}",
                where=where,
            )
        hint = f"allow {user} to use sudo for /bin/sh, or log in as root"
        if "password is required" in err or "incorrect password" in err or "try again" in err:
            hint = "set connection_options.knockctl.extras.sudo_password to a working reference"
        return PrivilegeError(
            f"{user} may not become root: {_sudo_words(err)}", hint=hint, where=where
        )

    def _silent(self, place: str, where: Where) -> Unreachable:
        if self._connection:
            return ConnectionCut(f"{place} stopped answering", where=where)
        hint = "check address and route"
        return Unreachable(f"{place} did not answer in time", hint=hint, where=where)

    async def _guarded(self, work: Any) -> Any:
        """Await ``work``; only ``DeviceError`` leaves."""
        import asyncssh

        target, where = self.target, Where(device=self.target.name)
        place = f"{target.host}:{target.port or 22}"
        try:
            return await work
        except asyncssh.HostKeyNotVerifiable as error:
            raise HostKeyMismatch(
                f"the host key of {place} is not the one on record: {error.reason}",
                hint="compare it by another way, then correct the known_hosts file"
                f" {target.credentials.known_hosts or '~/.ssh/known_hosts'}",
                where=where,
            ) from None
        except asyncssh.PermissionDenied:
            raise AuthenticationFailed(
                f"{place} refused the login of {target.credentials.username or 'this user'}",
                hint="check the username, the password reference and the key file",
                where=where,
            ) from None
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            raise AuthenticationFailed(
                f"the key file {target.credentials.key_file} can't be used: {error}", where=where
            ) from None
        except (asyncssh.ConnectionLost, asyncssh.ChannelOpenError, BrokenPipeError) as error:
            raise ConnectionCut(
                f"the connection to {place} was lost: {error}", where=where
            ) from None
        except asyncssh.Error as error:
            raise Unreachable(f"{place}: {error.reason}", where=where) from None
        except TimeoutError:
            raise self._silent(place, where) from None
        except OSError as error:
            if error.filename:
                raise AuthenticationFailed(
                    f"{error.filename}: {error.strerror}",
                    hint="check key_file and known_hosts of this device",
                    where=where,
                ) from None
            reason = error.strerror or str(error)
            raise Unreachable(
                f"{place} can't be reached: {reason}", hint="check address and route", where=where
            ) from None


def _sudo_words(err: str) -> str:
    lines = [line.removeprefix("sudo: ") for line in err.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "sudo refused"


def _answer(out: str, nonce: str, errors: str) -> Answer:
    connection = ""
    sections: dict[str, Section] = {}
    name, lines = "", list[str]()
    for line in out.split("\n"):
        if line.startswith("KC-CONNECTION ") and not connection:
            connection = line.removeprefix("KC-CONNECTION ")
        elif line.startswith(f"{nonce} begin "):
            name, lines = line.split(" ")[2], []
        elif line.startswith(f"{nonce} end ") and name:
            # The newline in front of the end mark is the mark's own.
            output = "\n".join(lines[:-1]) if lines and not lines[-1] else "\n".join(lines)
            sections[name] = Section(output, int(line.split(" ")[3]))
            name = ""
        elif name:
            lines.append(line)
    return Answer(sections, connection, errors)


async def connect(target: Target, limit: float) -> asyncssh.SSHClientConnection:
    """Open a connection with the target's credentials; host keys are verified."""
    import asyncssh

    credentials = target.credentials
    options: dict[str, Any] = {}
    if credentials.username:
        options["username"] = credentials.username
    if credentials.key_file:
        options["client_keys"] = [str(credentials.key_file)]
        options["agent_path"] = None
    if credentials.password is not None:
        options["password"] = credentials.password
    if not credentials.verify_host_key:
        options["known_hosts"] = None
    elif credentials.known_hosts:
        options["known_hosts"] = str(credentials.known_hosts)
    return await asyncio.wait_for(
        asyncssh.connect(target.host, port=target.port or 22, connect_timeout=limit, **options),
        limit,
    )
