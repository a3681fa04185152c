"""The environment of a command as a test runs it: nothing of ours in it."""

from __future__ import annotations

import os

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("POSTROOM_")}
