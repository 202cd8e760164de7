"""Proofs: what a device's machine does, held against what the policies mean.

==============  ==================================================================
module          subject
==============  ==================================================================
``packets``     packet classes, each with one packet that stands for it
``symbolic``    the automaton's times as questions
``zones``       which ages of clocks are possible together
``states``      what both sides can be in; ``explore``: all of it; ``timing``: paths with times
``prove``       proofs and counterexamples; ``gaps``: all of them
``exposures``   what foreign rules do to a policy, asked without exploration; ``findings``: said
``roles``       who sends a packet, in which posture; ``stakes``: what is at stake for them
==============  ==================================================================
"""
