"""NetworkManager: nmcli, what it prints, its profile files, and its checkpoints over D-Bus."""
