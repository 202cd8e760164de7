"""The lab's router on real wires: its running configuration decides, log lines wake its applets.

================  =================================================================
module            subject
================  =================================================================
``switches``      what differs, or what nobody documents
``rulebase``      the running configuration, compiled: one packet against it
``flows``         what access lists have logged, and count until they say how many
``judge``         one packet: what becomes of it, what is counted, what is logged
``manager``       the event manager: what applets wait for, and when they run
``runs``          one run of an applet or a script, on the router's own command line
``router``        all of it and the command line, together
``control``       what tests can have a router do
================  =================================================================

Wires and frames are every twin's: ``knockctl.lab.plane``. No flows are known here: an access list
judges each packet for itself.
"""
