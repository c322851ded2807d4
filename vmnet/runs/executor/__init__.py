"""How each step is carried out on the host and in libvirt."""
