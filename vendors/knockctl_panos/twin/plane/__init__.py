"""The lab's firewall on real wires: a session goes on, everything else is judged by its rules.

================  =================================================================
module            subject
================  =================================================================
``switches``      what differs, or what nobody documents
``sessions``      the session table, as management shows it
``rulebase``      the running configuration's rules, and what they say beside a verdict
``judge``         one packet: a session's, or against the present rules
``logs``          what a packet leaves in the traffic log
``forwarding``    what a log-forwarding profile makes of a log, some seconds later
``firewall``      all of it and the management plane, together
``control``       what tests can have a firewall do
================  =================================================================

Wires, frames and flows are every twin's: ``knockctl.lab.plane``.
"""
