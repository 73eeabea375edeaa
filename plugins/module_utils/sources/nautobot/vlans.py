# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VLANs that publications mean by number and group, looked up all at once."""

from __future__ import annotations

import collections
from collections.abc import Callable, Collection, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.nautobot.api import Api

PATH, MODEL = "ipam/vlans", "ipam.vlan"
LINE = 200  # numbers in one request's line


class Vlans:
    """VLANs by where they are: in a group, in the site, or in no location.

    :param group_id: the id of the group of a slug.
    """

    def __init__(self, api: Api, group_id: Callable[[str], str]):
        self.api, self._group_id = api, group_id
        self._found: dict[tuple[int, str | None], list[dict]] = collections.defaultdict(list)
        self._numbers: dict[str, int] = {}

    def look_up(self, numbers: Collection[int], groups: Collection[str]) -> None:
        """Read those of these numbers that are in these groups, in the site, or in no location: the latter only where the site has none."""
        ordered = sorted(numbers)
        asked = [({"vlan_group": self._group_id(group)}, group) for group in sorted(groups)]
        asked += [({"locations": self.api.site["id"]}, None), ({"locations": "null"}, None)]
        parts = [({"vid": ordered[start:start + LINE], **where}, group) for where, group in asked for start in range(0, len(ordered), LINE)]
        here: set[int] = set()
        for (params, group), rows in zip(parts, self.api.client.map(lambda part: self.api.rows(PATH, part[0], MODEL, lean=False), parts), strict=True):
            for row in rows:
                self._numbers[row["id"]] = row["vid"]
                if params.get("locations") != "null" or row["vid"] not in here:
                    self._found[row["vid"], group].append(row)
            here |= {row["vid"] for row in rows} if params.get("locations") == self.api.site["id"] else set()

    def of(self, number: int, group: str | None) -> list[dict]:
        """Those of a number: in a group, or that can be used in the site."""
        return self._found[number, group]

    def one(self, number: int | None, group: str | None) -> dict | None:
        """The VLAN of a number, as C(of).

        :raises InvalidSource: there is none, or several.
        """
        if number is None:
            return None
        found = self.of(number, group)
        if len(found) != 1:
            what = f"VLAN {number}{f' of group {group}' if group else ''}"
            raise InvalidSource(f"it has {what} {len(found)} times" if found else f"it has no {what}", object=self.api.about, attempted="publishing",
                                remedy="say which by its group" if found else "let the mapping publish vlan, or make it there")
        return found[0]

    def add(self, number: int, group: str | None, row: Mapping) -> None:
        """A VLAN that was just made (or, without id, would be): it is the one that is meant from now on."""
        self._found[number, group] = self._found[number, None] = [row]
        if row["id"]:
            self._numbers[row["id"]] = number

    def number(self, id: str | None) -> int | None:
        """The number of a VLAN by its id."""
        if id is None:
            return None
        if id not in self._numbers:
            self._numbers[id] = self.api.get(f"{PATH}/{id}", needs=f"view on {MODEL}").json()["vid"]
        return self._numbers[id]
