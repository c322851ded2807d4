"""The LAN: what answers on it, what the switches say, and what passes the taps."""
