#!/usr/bin/env bash
# `! --dport 0:65535` means nothing to one back end of iptables and everything to the other, and both
# print the same: a rule without a port.
#
# Versions: iptables 1.8.9-2 (Debian 12), both back ends.
# Guess:    a rule that asks for no port at all is refused, or printed as it was given; what
#           iptables-save prints means what was loaded; both back ends do the same.
# Seen:     iptables-nft loads `-p tcp ! --dport 0:65535 -j DROP` without any question about the port:
#           it drops all TCP. iptables-legacy loads the question, which no packet fulfils: it drops
#           none. `-S` prints neither: `-p tcp -j DROP`, and `-p tcp -m tcp -j DROP`. So what the
#           legacy one prints, loaded again, drops what was let by before.
# Needs:    Debian 12, apt-get, root (legacy tables are none of a user namespace's on some kernels).
#           Traffic goes to the loopback interface of a namespace made here. Fails if the behaviour is
#           another.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -qq iptables=1.8.9-2 libxtables12=1.8.9-2 libip4tc2=1.8.9-2 libip6tc2=1.8.9-2 \
  libnftnl11=1.2.4-2 libmnl0 libnfnetlink0 libnetfilter-conntrack3 2>/dev/null
for package in ./*.deb; do dpkg-deb -x "$package" here; done
LD_LIBRARY_PATH=$(dirname "$(find "$PWD/here" -name 'libxtables.so.12')")
XTABLES_LIBDIR=$(dirname "$(find "$PWD/here" -name 'libxt_tcp.so' -o -name 'libxt_tcpudp.so' | head -1)")
export LD_LIBRARY_PATH XTABLES_LIBDIR

cat >try.py <<'PYTHON'
import socket
import subprocess
import sys

tool = sys.argv[1]
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
rule = "-A INPUT -p tcp ! --dport 0:65535 -j DROP".split()
subprocess.run([tool, *rule], check=True)
printed = subprocess.run([tool, "-S", "INPUT"], check=True, capture_output=True, text=True).stdout
with socket.create_server(("127.0.0.1", 0)) as server:
    try:
        socket.create_connection(server.getsockname(), timeout=1).close()
        came = "comes through"
    except TimeoutError:
        came = "is dropped"
print(f"{printed.splitlines()[-1]}: a connection {came}")
PYTHON
"$folder/here/usr/sbin/xtables-nft-multi" iptables --version
for back_end in nft legacy; do
  printf '#!/bin/sh\nexec %s/here/usr/sbin/xtables-%s-multi iptables "$@"\n' "$folder" "$back_end" >"$back_end"
  chmod +x "$back_end"
  unshare --net python3 try.py "./$back_end" | tee "said.$back_end" | sed "s/^/$back_end: /"
done
grep -qx -- '-A INPUT -p tcp -j DROP: a connection is dropped' said.nft
grep -qx -- '-A INPUT -p tcp -m tcp -j DROP: a connection comes through' said.legacy
echo "as described: one drops all, one drops none, and both print a rule without a port"
