"""The picture of a policy.

================  ================================================================
module            subject
================  ================================================================
``graph``         a policy as nodes and edges; ``packet_kinds``: the packets it tells apart
``layout``        where its parts stand; ``measure``: how wide words are
``drawing``       all of it as a picture
================  ================================================================
"""
