"""The only door outside: processes, netlink, sysfs, D-Bus, libvirt. Readers return records of `vmnet.facts`."""
