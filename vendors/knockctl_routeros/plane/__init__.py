"""The lab's MikroTik router on real wires: every frame that comes in is judged by its rules.

===============  =================================================================
module           subject
===============  =================================================================
``wires``        an interface taken from the kernel, and the one it gets instead
``frames``       Ethernet frames to packets as rules see them
``answers``      what ``reject`` sends back
``tracker``      which flows there are: connection tracking
``connections``  the tracked flows as a menu of the API
``rows``         the router's menus as a ruleset, its lists as a machine's state
``judge``        one packet against the present rules
``ports``        frames from wire to kernel and back
``control``      a socket by which tests break things
``services``     what answers on the router's own ports
===============  =================================================================
"""
