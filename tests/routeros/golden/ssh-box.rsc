/ip firewall filter
add action=accept chain=kc-_gate comment="knockctl::known flows" \
    connection-state=established dst-port=22 protocol=tcp
add action=return chain=kc-_gate comment="knockctl::known flows" \
    connection-state=established
add action=jump chain=kc-_gate comment="knockctl::stray segments" \
    connection-state=invalid jump-target=kc-_noise
add action=return chain=kc-_gate comment="knockctl::stray segments" \
    connection-state=invalid
add action=jump chain=kc-_gate comment="knockctl::new flows" \
    jump-target=kc-_new protocol=tcp tcp-flags=!fin,syn,!rst,!ack
add action=return chain=kc-_gate comment="knockctl::new flows" protocol=tcp \
    tcp-flags=!fin,syn,!rst,!ack
add action=jump chain=kc-_gate comment="knockctl::new flows" \
    jump-target=kc-_new protocol=udp
add action=jump chain=kc-_gate comment="knockctl::stray segments" \
    jump-target=kc-_noise protocol=tcp
add action=jump chain=kc-_new comment="knockctl::knocks and services" \
    dst-port=22,1234,2345,3456 jump-target=kc-ssh-box protocol=tcp
add action=jump chain=kc-_new comment="knockctl::everything else" \
    jump-target=kc-ssh-box.rest
add action=drop chain=kc-_noise comment=knockctl::refuse \
    dst-port=22,1234,2345,3456 protocol=tcp
add action=jump chain=kc-ssh-box comment=knockctl:ssh-box:granted dst-port=22 \
    jump-target=kc-ssh-box.in protocol=tcp src-address-list=kc-ssh-box.grant
add action=drop chain=kc-ssh-box comment="knockctl:ssh-box:hide services" \
    dst-port=22 protocol=tcp
add action=drop chain=kc-ssh-box comment=knockctl:ssh-box:paused \
    src-address-list=kc-ssh-box.void
add action=jump chain=kc-ssh-box comment="knockctl:ssh-box:last knock" \
    dst-port=3456 jump-target=kc-ssh-box.open protocol=tcp \
    src-address-list=kc-ssh-box.0000-2
add action=jump chain=kc-ssh-box comment=knockctl:ssh-box:progress \
    jump-target=kc-ssh-box.seq1
add action=drop chain=kc-ssh-box comment=knockctl:ssh-box:repeat dst-port=1234 \
    protocol=tcp src-address-list=kc-ssh-box.0000-1
add action=drop chain=kc-ssh-box comment=knockctl:ssh-box:repeat \
    dst-port=1234,2345 protocol=tcp src-address-list=kc-ssh-box.0000-2
add action=jump chain=kc-ssh-box \
    comment="knockctl:ssh-box:knock while granted" \
    jump-target=kc-ssh-box.inside src-address-list=kc-ssh-box.grant
add action=jump chain=kc-ssh-box comment="knockctl:ssh-box:wrong knock" \
    jump-target=kc-ssh-box.void
add action=drop chain=kc-ssh-box comment="knockctl:ssh-box:hide knocks"
add action=return chain=kc-ssh-box.in comment=knockctl:ssh-box:spent \
    src-address-list=kc-ssh-box.spent
add action=add-src-to-address-list address-list=kc-ssh-box.spent \
    address-list-timeout=11s chain=kc-ssh-box.in \
    comment="knockctl:ssh-box:used up"
add action=accept chain=kc-ssh-box.in comment=knockctl:ssh-box:granted
add action=return chain=kc-ssh-box.inside comment=knockctl:ssh-box:spent \
    src-address-list=kc-ssh-box.spent
add action=drop chain=kc-ssh-box.inside \
    comment="knockctl:ssh-box:knock while granted"
add action=jump chain=kc-ssh-box.open comment=knockctl:ssh-box:void \
    jump-target=kc-ssh-box.void
add action=drop chain=kc-ssh-box.open comment=knockctl:ssh-box:spent \
    src-address-list=kc-ssh-box.spent
add action=add-src-to-address-list address-list=kc-ssh-box.grant \
    address-list-timeout=10s chain=kc-ssh-box.open \
    comment=knockctl:ssh-box:open log=yes log-prefix="KC ssh-box open"
add action=drop chain=kc-ssh-box.open comment="knockctl:ssh-box:hide knocks"
add action=jump chain=kc-ssh-box.rest comment="knockctl:ssh-box:wrong knock" \
    jump-target=kc-ssh-box.void
add action=return chain=kc-ssh-box.seq1 comment="knockctl:ssh-box:no other" \
    src-address-list=kc-ssh-box.0000-2
add action=add-src-to-address-list address-list=kc-ssh-box.0000-2 \
    address-list-timeout=3s chain=kc-ssh-box.seq1 \
    comment="knockctl:ssh-box:knock 2" dst-port=2345 protocol=tcp \
    src-address-list=kc-ssh-box.0000-1
add action=return chain=kc-ssh-box.seq1 comment="knockctl:ssh-box:no other" \
    src-address-list=kc-ssh-box.0000-1
add action=add-src-to-address-list address-list=kc-ssh-box.0000-1 \
    address-list-timeout=3s chain=kc-ssh-box.seq1 \
    comment="knockctl:ssh-box:knock 1" dst-port=1234 protocol=tcp
add action=return chain=kc-ssh-box.void \
    comment="knockctl:ssh-box:void already" src-address-list=kc-ssh-box.void
add action=add-src-to-address-list address-list=kc-ssh-box.void \
    address-list-timeout=4s chain=kc-ssh-box.void \
    comment=knockctl:ssh-box:void src-address-list=kc-ssh-box.0000-1
add action=add-src-to-address-list address-list=kc-ssh-box.void \
    address-list-timeout=4s chain=kc-ssh-box.void \
    comment=knockctl:ssh-box:void src-address-list=kc-ssh-box.0000-2
add action=jump chain=input comment=knockctl:jump dst-address-type=local \
    in-interface-list=WAN jump-target=kc-_gate src-address-type=!local
