"""Addresses registered with tags of ours: read, registered, unregistered, by the user-id API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from xml.sax.saxutils import escape, quoteattr

from knockctl.errors import CommandRefused
from knockctl_panos.config.location import Location
from knockctl_panos.config.records import OWN_NAME
from knockctl_panos.driver.connection import Session

Network = IPv4Network | IPv6Network
Registered = Mapping[Network, frozenset[str]]
PAGE = 500
"""Addresses a device lists at once."""
_HARMLESS = ("already exists, ignore", "does not exist, ignore unreg")


class Tags:
    """The registered addresses of one vsys, as far as their tags are ours."""

    def __init__(self, session: Session, location: Location, freed: Sequence[Network] = ()) -> None:
        """``freed`` are sources that nothing is to be remembered of any more."""
        self._session, self._location, self._freed = session, location, freed

    def registered(self) -> dict[Network, frozenset[str]]:
        """Return every address that has a tag of ours; times are not told (fact sheet 4)."""
        found: dict[Network, frozenset[str]] = {}
        start = 1
        while True:
            page = f"<limit>{PAGE}</limit><start-point>{start}</start-point>"
            cmd = f"<show><object><registered-ip>{page}</registered-ip></object></show>"
            entries = self._session.op(cmd, vsys=self._location.scope).findall("entry")
            for entry in entries:
                tags = {member.text or "" for member in entry.iterfind("tag/member")}
                ours = frozenset(tag for tag in tags if tag.startswith(OWN_NAME))
                if ours:
                    network = ip_network(entry.get("ip", ""), strict=False)
                    found[network] = found.get(network, frozenset()) | ours
            if len(entries) < PAGE:
                return found
            start += PAGE

    def defined(self) -> frozenset[str]:
        """Return the tags that what runs defines."""
        container = self._session.show(self._location.path("tag"))
        entries = container.iterfind("entry") if container is not None else ()
        return frozenset(entry.get("name", "") for entry in entries)

    def forget_stale(self) -> None:
        """Unregister tags of ours that nothing defines any more, and all of who is trusted now."""
        known = self.defined()
        gone = dict(self._stale(self.registered(), known))
        if gone:
            self.unregister(gone)

    def _stale(
        self, found: Registered, known: frozenset[str]
    ) -> Iterator[tuple[Network, list[str]]]:
        for network, tags in found.items():
            trusted = any(_within(network, one) for one in self._freed)
            stale = sorted(tags if trusted else tags - known)
            if stale:
                yield network, stale

    def register(self, network: Network, tag: str, seconds: int) -> None:
        """Tag an address for so long, from now on: what it had is taken away before."""
        self.unregister({network: [tag]})
        member = f'<member timeout="{seconds}">{escape(tag)}</member>'
        self._send("register", [f"{_entry(network)}<tag>{member}</tag></entry>"])

    def unregister(self, tags: Mapping[Network, Iterable[str]]) -> None:
        """Take tags away; whoever has none keeps none."""
        self._send(
            "unregister",
            [
                f"{_entry(network)}<tag>"
                + "".join(f"<member>{escape(name)}</member>" for name in names)
                + "</tag></entry>"
                for network, names in tags.items()
            ],
        )

    def _send(self, action: str, entries: Iterable[str]) -> None:
        payload = f"<payload><{action}>{''.join(entries)}</{action}></payload>"
        message = f"<uid-message><version>1.0</version><type>update</type>{payload}</uid-message>"
        try:
            self._session.user_id(message, self._location.scope)
        except CommandRefused as error:
            # One sentence for each tag; those that say that it is so already are no refusals.
            said = error.message.splitlines()
            if any(not line.endswith(_HARMLESS) for line in said):
                raise


def _entry(network: Network) -> str:
    single = network.num_addresses == 1
    return f"<entry ip={quoteattr(str(network.network_address if single else network))}>"


def _within(network: Network, other: Network) -> bool:
    if isinstance(network, IPv4Network) and isinstance(other, IPv4Network):
        return network.subnet_of(other)
    if isinstance(network, IPv6Network) and isinstance(other, IPv6Network):
        return network.subnet_of(other)
    return False
