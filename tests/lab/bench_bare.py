"""Runs in a chamber: the least that looking at a host can take. The kernel's lists, nmcli's and libvirt's with all
documents, one after the other, and nothing made of them."""

import subprocess

import libvirt
from pyroute2 import IPRoute

with IPRoute() as ipr:
    read = [list(ipr.get_links()), list(ipr.get_addr()), list(ipr.get_routes())]
subprocess.run(["nmcli", "-t", "connection", "show"], check=True, capture_output=True)
connection = libvirt.openReadOnly("qemu:///system")
documents = [domain.XMLDesc(0) for domain in connection.listAllDomains(0)]
