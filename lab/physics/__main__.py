"""``python -m lab.physics <lab directory>``: be the physics of a lab."""

from __future__ import annotations

import sys
from pathlib import Path

from lab.physics.daemon import run

if __name__ == "__main__":
    run(Path(sys.argv[1]))
