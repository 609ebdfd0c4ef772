"""The service rehearsed: real parts under a simulated clock, in a world whose truth is known.

The only package that imports both what serves and what trains, and so it stands on the top floor: see
docs/adr/0017-the-loop-is-rehearsed-on-the-top-floor.md.
"""
