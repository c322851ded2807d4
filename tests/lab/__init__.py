"""The lab: a virtual lab host with a switch, a LAN peer and guests, that anyone can break and put back in seconds.

``scripts/lab`` is its command line, ``tests.lab.machine.Lab`` its Python door; docs/lab.md says how it is made.
"""
