#!/usr/bin/env bash
# What nft lists of a rejection leaves out the question that was written before it.
#
# Versions: nftables 1.0.6-2+deb12u2, libnftnl 1.2.4-2 (Debian 12).
# Guess:    a rule of a table of both families is listed as it was loaded; at least in JSON, which is
#           for programs, what a packet is asked stands there in full.
# Seen:     `meta nfproto ipv6 reject` is listed as `reject with icmpv6 port-unreachable`, and in JSON
#           as a lone `reject` statement: the match is gone from both, though the kernel has it. The
#           same match before `drop` stays. Who reads the JSON takes a rejection of one family for one
#           of all packets, unless the type of the rejection is read as a question about the packet.
# Needs:    Debian 12, apt-get, a user namespace or root. Fails if the behaviour is another.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq nftables=1.0.6-2+deb12u2 libnftables1=1.0.6-2+deb12u2 libnftnl11=1.2.4-2 \
  libjansson4 libmnl0 libxtables12 libedit2 libgmp10 2>/dev/null
for package in ./*.deb; do dpkg-deb -x "$package" here; done
library=$(dirname "$(find "$PWD/here" -name 'libnftables.so.1')")
nft() { LD_LIBRARY_PATH=$library "$folder/here/usr/sbin/nft" "$@"; }
export -f nft
export folder library

cat >rules <<'RULES'
table inet site {
  chain input {
    type filter hook input priority 0; policy accept;
    meta nfproto ipv6 reject
    meta nfproto ipv6 drop
  }
}
RULES
unshare --user --map-root-user --net bash -c '
  nft -f rules
  nft list ruleset >text
  nft -j list ruleset >json
  nft --debug=netlink list ruleset >kernel 2>&1'
nft --version
sed -n '/chain input/,/}/p' text
python3 - <<'PYTHON'
import json
import sys

rules = [one["rule"]["expr"] for one in json.load(open("json"))["nftables"] if "rule" in one]
print(*map(json.dumps, rules), sep="\n")
listed = [line.strip() for line in open("text")]
kernel = open("kernel").read()
expected = (
    rules[0] == [{"reject": {"type": "icmpv6", "expr": "port-unreachable"}}]
    and rules[1][0]["match"]["left"] == {"meta": {"key": "nfproto"}}
    and "reject with icmpv6 port-unreachable" in listed
    and "meta nfproto ipv6 drop" in listed
    and kernel.count("meta load nfproto") == 2
)
sys.exit(0 if expected else "the behaviour is another")
PYTHON
echo "as described: the question before the rejection is in the kernel and in neither listing"
