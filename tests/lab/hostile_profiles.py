"""Runs in a chamber: prints, as JSON, what vmnet's own readers make of all profiles, and which files they copy."""

import base64
import json

from vmnet.host.networkmanager import nmcli, profile_files

written: dict[str, bytes] = {}
profiles = nmcli.read_profiles()
profile_files.copy_profiles(profiles, written.__setitem__)
copies = {name: base64.b64encode(content).decode() for name, content in written.items() if "nmconnection" in name}
print(json.dumps({"profiles": {p.uuid: dict(p.settings) for p in profiles}, "copies": copies}))
