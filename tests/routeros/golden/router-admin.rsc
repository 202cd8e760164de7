/ip firewall filter
add action=accept chain=kc-_gate comment="knockctl::known flows" \
    connection-state=established dst-port=22,8291 protocol=tcp
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
add action=drop chain=kc-_new comment="knockctl::locked out" \
    src-address-list=kc-router-admin.lock
add action=jump chain=kc-_new comment="knockctl::knocks and services" \
    dst-port=22,222,555,888,8291 jump-target=kc-router-admin protocol=tcp
add action=jump chain=kc-_new comment="knockctl::everything else" \
    jump-target=kc-router-admin.rest
add action=drop chain=kc-_new comment="knockctl::locked out" \
    src-address-list=kc-router-admin.lock
add action=drop chain=kc-_new comment="knockctl::hide traps" \
    dst-port=21,23,666,10000-60000 protocol=tcp
add action=drop chain=kc-_noise comment=knockctl::refuse \
    dst-port=21-23,222,555,666,888,8291,10000-60000 protocol=tcp
add action=accept chain=kc-router-admin comment=knockctl:router-admin:granted \
    dst-port=22,8291 protocol=tcp src-address-list=kc-router-admin.grant
add action=jump chain=kc-router-admin \
    comment="knockctl:router-admin:trap over a service" dst-port=22,8291 \
    jump-target=kc-router-admin.trap2 protocol=tcp
add action=drop chain=kc-router-admin \
    comment="knockctl:router-admin:hide services" dst-port=22,8291 \
    protocol=tcp
add action=drop chain=kc-router-admin comment=knockctl:router-admin:paused \
    src-address-list=kc-router-admin.void
add action=jump chain=kc-router-admin \
    comment="knockctl:router-admin:last knock" dst-port=222 \
    jump-target=kc-router-admin.open protocol=tcp \
    src-address-list=kc-router-admin.0000-2
add action=jump chain=kc-router-admin comment=knockctl:router-admin:progress \
    jump-target=kc-router-admin.seq1
add action=drop chain=kc-router-admin comment=knockctl:router-admin:repeat \
    dst-port=888 protocol=tcp src-address-list=kc-router-admin.0000-1
add action=drop chain=kc-router-admin comment=knockctl:router-admin:repeat \
    dst-port=555,888 protocol=tcp src-address-list=kc-router-admin.0000-2
add action=drop chain=kc-router-admin \
    comment="knockctl:router-admin:knock while granted" \
    src-address-list=kc-router-admin.grant
add action=drop chain=kc-router-admin \
    comment="knockctl:router-admin:hide knocks"
add action=jump chain=kc-router-admin.open comment=knockctl:router-admin:void \
    jump-target=kc-router-admin.void
add action=add-src-to-address-list address-list=kc-router-admin.grant \
    address-list-timeout=30m chain=kc-router-admin.open \
    comment=knockctl:router-admin:open log=yes \
    log-prefix="KC router-admin open"
add action=drop chain=kc-router-admin.open \
    comment="knockctl:router-admin:hide knocks"
add action=jump chain=kc-router-admin.rest comment=knockctl:router-admin:trap \
    dst-port=666 jump-target=kc-router-admin.trap1 protocol=tcp
add action=return chain=kc-router-admin.rest \
    comment="knockctl:router-admin:locked out" \
    src-address-list=kc-router-admin.lock
add action=jump chain=kc-router-admin.rest comment=knockctl:router-admin:trap \
    dst-port=21,23,10000-60000 jump-target=kc-router-admin.trap2 protocol=tcp \
    src-address-list=!kc-router-admin.grant
add action=return chain=kc-router-admin.rest \
    comment="knockctl:router-admin:locked out" \
    src-address-list=kc-router-admin.lock
add action=return chain=kc-router-admin.seq1 \
    comment="knockctl:router-admin:no other" \
    src-address-list=kc-router-admin.0000-2
add action=add-src-to-address-list address-list=kc-router-admin.0000-2 \
    address-list-timeout=30s chain=kc-router-admin.seq1 \
    comment="knockctl:router-admin:knock 2" dst-port=555 protocol=tcp \
    src-address-list=kc-router-admin.0000-1
add action=return chain=kc-router-admin.seq1 \
    comment="knockctl:router-admin:no other" \
    src-address-list=kc-router-admin.0000-1
add action=add-src-to-address-list address-list=kc-router-admin.0000-1 \
    address-list-timeout=30s chain=kc-router-admin.seq1 \
    comment="knockctl:router-admin:knock 1" dst-port=888 protocol=tcp
add action=add-src-to-address-list address-list=kc-router-admin.lock \
    address-list-timeout=16h40m chain=kc-router-admin.trap1 \
    comment="knockctl:router-admin:lock out" log=yes \
    log-prefix="KC router-admin lock"
add action=add-src-to-address-list address-list=kc-router-admin.lock \
    address-list-timeout=1m chain=kc-router-admin.trap2 \
    comment="knockctl:router-admin:lock out" log=yes \
    log-prefix="KC router-admin lock"
add action=return chain=kc-router-admin.void \
    comment="knockctl:router-admin:void already" \
    src-address-list=kc-router-admin.void
add action=add-src-to-address-list address-list=kc-router-admin.void \
    address-list-timeout=31s chain=kc-router-admin.void \
    comment=knockctl:router-admin:void src-address-list=kc-router-admin.0000-1
add action=add-src-to-address-list address-list=kc-router-admin.void \
    address-list-timeout=31s chain=kc-router-admin.void \
    comment=knockctl:router-admin:void src-address-list=kc-router-admin.0000-2
add action=jump chain=input comment=knockctl:jump dst-address-type=local \
    in-interface-list=WAN jump-target=kc-_gate src-address-type=!local
