"""The kernel: links, addresses, routes, bridges' insides, its log, mounts and sockets."""
