"""Files: what others have written on this host, and what vmnet writes itself."""
