"""Twins' common ground: frames from a wire to a judge, and on to a kernel that answers.

===============  =================================================================
module           subject
===============  =================================================================
``wires``        an interface taken from the kernel, and the one it gets instead
``frames``       Ethernet frames to packets as rules see them
``local``        what an address is to the device
``tracker``      which flows there are: connection tracking
``judging``      what a twin's judge is asked, and what it says
``answers``      what is sent back where a refusal is no silence
``ports``        frames from wire to kernel and back
``services``     what listens on the device's own ports
``control``      a socket by which tests break things
``export``       prints a twin's own configuration
===============  =================================================================

A vendor brings the judge: its device's semantics of the configuration the twin has now.
"""
