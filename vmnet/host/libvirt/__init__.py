"""libvirt: the calls, what it holds, the changes to it, and what works beside it."""
