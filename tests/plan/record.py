"""Print the facts of this host as JSON, for a golden case: `python3 -m tests.plan.record > cases/NAME/facts.json`."""

from __future__ import annotations

import json
import sys

import vmnet
from vmnet import fields

if __name__ == "__main__":
    json.dump(fields.encode(vmnet.read_facts()), sys.stdout, indent=1)
