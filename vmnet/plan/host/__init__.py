"""The plan of host-setup: which NICs, which layer 3, which profiles, and in which order."""
