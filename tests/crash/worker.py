"""A worker process that is sabotaged: what a sabotaged parent starts in the place of an honest one."""

from __future__ import annotations

import os
import sys

from postroom.app.crew_member import main
from tests.crash.sabotage import IN_WORKERS, arm

if __name__ == "__main__":
    arm(sabotages=[os.environ[IN_WORKERS]])
    main(int(sys.argv[1]), int(sys.argv[2]))
