"""Runs in a chamber: defines as many domains as it is told, each with two interfaces on `default`."""

import sys

import libvirt

DOMAIN = """\
<domain type='qemu'>
  <name>d{number:05d}</name>
  <title>Domain {number}</title>
  <metadata><f:owner xmlns:f='https://fleet.example/ns/1' team='web'/></metadata>
  <memory unit='MiB'>64</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <interface type='network'>
      <mac address='52:54:00:{tail}'/><source network='default'/><model type='virtio'/>
    </interface>
    <interface type='network'>
      <mac address='52:54:01:{tail}'/><source network='default'/><model type='virtio'/>
    </interface>
    <graphics type='vnc' port='-1' autoport='yes' passwd='hunter2'/>
  </devices>
</domain>"""

connection = libvirt.open("qemu:///system")
for number in range(int(sys.argv[1])):
    tail = number.to_bytes(3).hex(":")
    connection.defineXML(DOMAIN.format(number=number, tail=tail))
