"""The lab's MikroTik router on real wires: every frame that comes in is judged by its rules.

===============  =================================================================
module           subject
===============  =================================================================
``connections``  the tracked flows as a menu of the API
``rows``         the router's menus as a ruleset, its lists as a machine's state
``judge``        one packet against the present rules
``answers``      what ``reject-with`` sends back
``control``      what tests can have a router do
===============  =================================================================

Wires, frames and flows are every twin's: ``knockctl.lab.plane``.
"""
