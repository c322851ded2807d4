"""Runs in a chamber: the least that moving all domains can take, one after the other: no journal, no look before or
after, no way back."""

import sys

import libvirt
from lxml import etree

connection = libvirt.open("qemu:///system")
for domain in connection.listAllDomains(0):
    document = etree.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    for interface in document.iterfind("devices/interface"):
        for source in interface.iterfind("source"):
            source.set("network", sys.argv[1])
        domain.updateDeviceFlags(etree.tostring(interface, encoding="unicode"), libvirt.VIR_DOMAIN_AFFECT_CONFIG)
