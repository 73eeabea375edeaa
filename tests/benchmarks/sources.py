# SPDX-License-Identifier: GPL-3.0-or-later
"""What reading a source of truth costs, beside what users have today, against the same live server in one run (make bench-sources).

Nautobot is the tests' own (see sources_nautobot.py). A NetBox is measured where there is one (see sources_netbox.py). The inventory is measured over a file
source: by then, nobody asks the source any more. C(python sources.py PART …) measures some parts only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.benchmarks.harness import Report  # noqa: E402
from tests.benchmarks.sources_inventory import inventory  # noqa: E402
from tests.benchmarks.sources_nautobot import nautobot, nautobot_large  # noqa: E402
from tests.benchmarks.sources_netbox import netbox, netbox_large, netbox_others  # noqa: E402

PARTS: dict[str, Callable[[Report], None]] = {
    "nautobot": nautobot, "nautobot_large": nautobot_large, "inventory": inventory, "netbox": netbox,
    "netbox_others": netbox_others, "netbox_large": netbox_large}
NEEDED = {  # what leads to a NetBox that is not the tests' own
    "netbox": "LEASEHOLD_BENCH_NETBOX_SITE", "netbox_others": "LEASEHOLD_BENCH_NETBOX_SITE", "netbox_large": "LEASEHOLD_BENCH_NETBOX_LARGE"}


def main() -> None:
    wanted = sys.argv[1:] or [part for part in PARTS if NEEDED.get(part, "PATH") in os.environ]
    with Report("Sources of truth") as report:
        for part in wanted:
            PARTS[part](report)


if __name__ == "__main__":
    main()
