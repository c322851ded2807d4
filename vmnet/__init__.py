"""Move a host and its domains from libvirt's NAT network to a bonded bridge on the LAN."""

__version__ = "0.1.0"
