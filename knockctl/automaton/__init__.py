"""What a policy means and what a device does: the ground that every comparison stands on.

===============  =================================================================
module           subject
===============  =================================================================
``reference``    the reference automaton: what a policy means, the oracle
``packet``       a packet as a device sees it; which packets are the policies'
``events``       what a packet is to the reference automaton
``verdict``      what becomes of a packet
``questions``    the questions put to packets; ``conditions``: questions, joined
``machine``      the contract of a device's machine, and machines at work
``chains``       what a machine does as chains of rules
``cells``        which answers to questions go together; ``regions``: whole sets of packets
``boxes``        sets of packets as products of ranges; ``passages``, ``live``, ``sweep``: the
                 one walk of all packets through all rules
``relaxations``  what an automaton is allowed to do besides, where a device can't do less
===============  =================================================================
"""
