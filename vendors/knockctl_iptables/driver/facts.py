"""What a Linux host is and has, and whether it can hold our rules at all."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from knockctl.contract import Address, Endpoint, Facts
from knockctl.errors import Unsupported, Where
from knockctl_iptables.driver.connection import Answer

SCRIPT = r"""
run kernel uname -sr
run iptables iptables -V
run ip6tables ip6tables -V
run ipset ipset list -n
run flock sh -c 'command -v flock && command -v setsid'
run ipv6 sh -c '[ -e /proc/net/if_inet6 ] && echo yes'
legacy() {
  for f in ip ip6; do
    if ${f}tables -V 2>/dev/null | grep -q nf_tables; then
      grep -q . /proc/net/${f}_tables_names 2>/dev/null || continue
      ${f}tables-legacy-save 2>/dev/null | sed -n "s/^-A/${f}tables-legacy: -A/p"
    elif command -v ${f}tables-nft-save >/dev/null; then
      ${f}tables-nft-save 2>/dev/null | sed -n "s/^-A/${f}tables-nft: -A/p"
    fi
  done
}
look other legacy
look tracked sh -c 'iptables-save | grep -Eq "ctstate|ctstatus|-m state|^\*nat" && echo 4
  ip6tables-save | grep -Eq "ctstate|ctstatus|-m state|^\*nat" && echo 6'
"""


def facts(answer: Answer, device: str) -> Facts:
    """Read the script's answer; raise ``Unsupported`` when the host can't hold our rules."""
    where = Where(device=device, step="facts")
    for tool, package in (("iptables", "iptables"), ("ipset", "ipset"), ("flock", "util-linux")):
        if not answer.ok(tool):
            raise Unsupported(
                f"{tool} can't be used on this host: {_first(answer.output(tool))}",
                hint=f"install the package {package} there (and load its kernel modules)",
                where=where,
            )
    has_ipv6 = answer.output("ipv6").strip() == "yes"
    if has_ipv6 and not answer.ok("ip6tables"):
        raise Unsupported(
            "the host speaks IPv6 but has no ip6tables: the services would stay open there",
            hint="install ip6tables, or switch IPv6 off in the kernel (ipv6.disable=1)",
            where=where,
        )
    _one_back_end(answer, where)
    version = answer.output("iptables").strip()
    return Facts(
        description=f"{answer.output('kernel').strip()}, {version}",
        endpoint=endpoint(answer.connection),
        details={
            "families": "4 6" if has_ipv6 else "4",
            "tracked": " ".join(answer.output("tracked").split()),
            "back_end": "nft" if "nf_tables" in version else "legacy",
        },
    )


def _one_back_end(answer: Answer, where: Where) -> None:
    """Two rule sets at once: whichever we wrote, the other would still decide, too."""
    others = answer.output("other").strip().splitlines()
    if others:
        raise Unsupported(
            f"both iptables back ends are live; the other one holds {len(others)} rules,"
            f" the first: {others[0]}",
            hint="move those rules to the back end that `iptables -V` names, then try again",
            where=where,
        )


def endpoint(connection: str) -> Endpoint | None:
    """Read ``SSH_CONNECTION``: source, source port, address, port."""
    words = connection.split()
    if len(words) != 4:
        return None
    return Endpoint(_address(words[0]), _address(words[2]), int(words[3]))


def _address(text: str) -> Address:
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _first(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0] if lines else "no message"
