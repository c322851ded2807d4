"""Generated domain documents: interfaces with every element that a move must not lose, namespaces, odd text."""

from __future__ import annotations

from hypothesis import strategies as st
from lxml import etree

from vmnet.facts import Source

OLD = Source(type="network", network="default")
OLD_BRIDGE = Source(type="bridge", bridge="virbr0")
GROUP = Source(type="network", network="default", portgroup="büro & <lab>")
OTHER = Source(type="network", network="other")
DIRECT = Source(type="direct", attributes=(("dev", "em1"), ("mode", "bridge")))
USER = Source(type="user")
WANTED = Source(type="network", network="host-bridge")

macs = st.integers(0, 0xFF).map(lambda number: f"00:00:5e:00:53:{number:02x}")
texts = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn", "Zs", "Zl", "Zp")), min_size=1, max_size=12)
EXTRAS = (
    "<model type='virtio'/>",
    "<driver name='vhost' queues='4' txmode='iothread'/>",
    "<filterref filter='clean-traffic'><parameter name='IP' value='192.0.2.9'/></filterref>",
    "<link state='down'/>",
    "<link state='up'/>",
    "<mtu size='9000'/>",
    "<port isolated='yes'/>",
    "<coalesce><rx><frames max='7'/></rx></coalesce>",
    "<teaming type='persistent'/>",
    "<bandwidth><inbound average='1000'/><outbound average='128' peak='256'/></bandwidth>",
    "<boot order='2'/>",
    "<rom bar='off'/>",
    "<acpi index='3'/>",
    "<alias name='ua-büro'/>",
    "<target dev='vnet3'/>",
    "<vlan><tag id='42'/></vlan>",
)
sources = st.sampled_from((OLD, OLD_BRIDGE, GROUP, OTHER, DIRECT, USER))


def source_element(source: Source) -> str:
    named = {"network": source.network, "portgroup": source.portgroup, "bridge": source.bridge}
    attributes = {key: value for key, value in named.items() if value is not None} | dict(source.attributes)
    return etree.tostring(etree.Element("source", attributes), encoding="unicode") if attributes else ""


@st.composite
def interfaces(draw: st.DrawFn, slot: int = 0) -> str:
    source = draw(sources)
    extras = draw(st.lists(st.sampled_from(EXTRAS), unique_by=lambda extra: extra.split()[0]))
    address = f"<address type='pci' domain='0x0000' bus='0x00' slot='0x{slot:02x}' function='0x0'/>"
    indent = draw(st.sampled_from(("", "\n      ", "\n\t")))
    parts = [f"<mac address='{draw(macs)}'/>", source_element(source), *extras, address]
    body = "".join(f"{indent}{part}" for part in parts if part)
    return f"<interface type='{source.type}'>{body}{indent}</interface>"


@st.composite
def domains(draw: st.DrawFn, tag: str = "domain") -> str:
    title = etree.Element("title")
    title.text = draw(texts)
    nics = [draw(interfaces(slot=number)) for number in range(draw(st.integers(0, 3)))]
    qemu = "<qemu:commandline><qemu:env name='A' value='B'/></qemu:commandline>" if draw(st.booleans()) else ""
    foreign = "<fleet:interface xmlns:fleet='https://fleet.example/1' type='network'/>"
    return (
        f"<{tag} type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n  <name>-1 a</name>"
        f"{etree.tostring(title, encoding='unicode')}<metadata>{foreign}</metadata><!-- kept -->"
        f"<devices>\n    {''.join(nics)}\n    <graphics type='vnc' passwd='a&amp;&lt;b'/></devices>{qemu}</{tag}>"
    )


@st.composite
def snapshots(draw: st.DrawFn) -> str:
    inactive = draw(domains(tag="inactiveDomain")) if draw(st.booleans()) else ""
    return f"<domainsnapshot><name>s 1</name>{draw(domains())}{inactive}</domainsnapshot>"


documents = st.one_of(domains(), snapshots())
