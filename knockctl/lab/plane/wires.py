"""An interface taken from the kernel, and the one it gets instead.

The wire moves to a network namespace that has no name and no address, so that nothing but the
socket here hears what comes in by it; it lasts as long as the socket. The kernel gets a TAP
device of the same hardware address. Frames bear the header that tells what hardware would have
to do for them (checksums, segments), so that neither side has to finish them.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import stat
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from knockctl.errors import LabError
from knockctl.lab.namespaces import call

TUN = Path("/dev/net/tun")
HEADER = 10
"""Bytes of ``struct virtio_net_hdr`` before each frame."""
LONGEST = HEADER + 14 + 65536
_TUNSETIFF = 0x400454CA
_TAP, _NO_PI, _VNET_HDR = 0x0002, 0x1000, 0x4000
_CLONE_NEWNET = 0x40000000
_SOL_PACKET, _PACKET_VNET_HDR, _PACKET_IGNORE_OUTGOING = 263, 15, 23
_SO_RCVBUFFORCE = 33
_ALL = 0x0003
_BUFFER = 4 << 20


@dataclass(frozen=True, slots=True)
class Wire:
    """Both ends: where frames come from, and the kernel they are meant for."""

    name: str
    hardware: bytes
    outside: socket.socket
    inside: int
    """The TAP device; reading and writing it never blocks."""


def take(interface: str, name: str, addresses: Sequence[str]) -> Wire:
    """Take an interface of this namespace, and give the kernel ``name`` with its addresses.

    Raises:
        LabError: this machine doesn't let TAP devices or packet sockets be made.
    """
    address = _hardware(interface)
    inside = _tap(name)
    outside = _take_away(interface)
    call("ip", "link", "set", name, "address", address, "txqueuelen", "10000", "up")
    for one in addresses:
        nodad = ["nodad"] if ":" in one else []
        call("ip", "address", "add", one, "dev", name, *nodad)
    return Wire(name, bytes.fromhex(address.replace(":", "")), outside, inside)


def _hardware(interface: str) -> str:
    """Ask ip, as ``/sys`` shows the namespace it was mounted in."""
    words = call("ip", "-o", "link", "show", interface).split()
    return words[words.index("link/ether") + 1]


def _tap(name: str) -> int:
    try:
        if not TUN.exists():
            TUN.parent.mkdir(mode=0o755, exist_ok=True)
            os.mknod(TUN, stat.S_IFCHR | 0o666, os.makedev(10, 200))
        device = os.open(TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        flags = _TAP | _NO_PI | _VNET_HDR
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
    except OSError as error:
        raise LabError(
            f"no TAP device can be made by {TUN}: {error.strerror}",
            hint="load the kernel module tun, and let root open that file",
        ) from None
    return device


def _take_away(interface: str) -> socket.socket:
    """Move an interface where the kernel has no address, and listen to it there."""
    with _elsewhere() as (number, enter):
        me = Path("/proc/self").readlink()
        call("ip", "link", "set", interface, "netns", f"/proc/{me}/fd/{number}")
        with enter:
            call("ip", "link", "set", interface, "addrgenmode", "none", "up")
            return _listen(interface)


def _listen(interface: str) -> socket.socket:
    try:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        made.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
        made.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        with contextlib.suppress(OSError):
            made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        made.bind((interface, _ALL))
    except OSError as error:
        raise LabError(f"no packet socket can be had: {error.strerror}") from None
    return made


@contextlib.contextmanager
def _elsewhere() -> Iterator[tuple[int, contextlib.AbstractContextManager[None]]]:
    """Make a network namespace; yield its file, and what enters it for a while."""
    own = Path("/proc/self/ns/net")
    home = os.open(own, os.O_RDONLY | os.O_CLOEXEC)
    _kernel("unshare", _CLONE_NEWNET)
    there = os.open(own, os.O_RDONLY | os.O_CLOEXEC)
    _kernel("setns", home, _CLONE_NEWNET)

    @contextlib.contextmanager
    def enter() -> Iterator[None]:
        _kernel("setns", there, _CLONE_NEWNET)
        try:
            yield
        finally:
            _kernel("setns", home, _CLONE_NEWNET)

    try:
        yield there, enter()
    finally:
        os.close(there)
        os.close(home)


def _kernel(name: str, *numbers: int) -> None:
    """Call the C library, which knows what Python 3.11 doesn't."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*numbers):
        reason = os.strerror(ctypes.get_errno())
        raise LabError(f"network namespaces can't be made or entered: {reason}")
