"""What a policy means and what a device does, as machines that are executed and compared.

==============  ==================================================================
module          subject
==============  ==================================================================
``reference``   the reference automaton: what a policy means, the oracle
``wire``        a packet as a device sees it; which packets are the policies'
``model``       the contract of a device's machine, and machines at work
``alphabet``    the questions put to packets; ``cells``, ``regions``: their answers
``symbolic``    the automaton's times as questions
``zones``       which ages of clocks are possible together
``letters``     one packet of each kind
``explore``     every state both sides can be in; ``nodes``: what such a state is;
                ``concrete``: paths with times
``verify``      proofs and counterexamples; ``gaps``: all of them
``simulate``    traces played; ``traces``: traces read
``graph``       a policy as nodes and edges; ``kinds``: the packets it tells apart;
                ``drawing``: as a picture; ``layout``, ``measure``: where its parts stand
``lint``        scanners, honest clients and forgers, played
==============  ==================================================================
"""
