"""Who may log in over SSH, and on which line he is then."""

from __future__ import annotations

import asyncssh

from knockctl_ios.twin.device.device import Device


class Guard(asyncssh.SSHServer):
    """One connection, from its first byte to its last."""

    def __init__(self, device: Device, connections: set[asyncssh.SSHServerConnection]) -> None:
        """Take the device, and where its connections are listed."""
        self._device = device
        self._connections = connections
        self._user = ""
        self._line: int | None = None
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """List it; without a free line it ends at once."""
        self._connection = conn
        self._connections.add(conn)
        if len(self._device.logins) >= self._device.lines:
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Free the line."""
        if self._connection is not None:
            self._connections.discard(self._connection)
        if self._line is not None:
            self._device.log_out(self._line)

    def begin_auth(self, username: str) -> bool:
        """Ask everybody for a password."""
        self._user = username
        return True

    def password_auth_supported(self) -> bool:
        """Offer passwords, and with them the same question by keyboard."""
        return True

    def validate_password(self, username: str, password: str) -> bool:
        """Check it against the running configuration."""
        return self._device.permits(username, password)

    def public_key_auth_supported(self) -> bool:
        """Offer keys, where somebody has one."""
        return any(user.key for user in self._device.switches.users)

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Look it up."""
        known = {user.name: user.key for user in self._device.switches.users}.get(username)
        return bool(known) and asyncssh.import_public_key(known or "") == key

    def auth_completed(self) -> None:
        """Take a line."""
        conn = self._connection
        if conn is not None:
            host, port = conn.get_extra_info("peername")[:2]
            self._line = self._device.log_in(self._user, (host, port), conn.abort)
            conn.set_extra_info(vty=self._line)
