# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client of a source of truth does, and the values that it takes and gives. Cold: C(read). Warm: C(since), and C(devices) where the
ledger finds that others must be looked at anew because of what changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Protocol

from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import Change
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping as SourceMapping
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Records


@dataclasses.dataclass(frozen=True)
class Options:
    """Where a source is and how it is read: the options of the action C(source).

    C(site) is the slug (or name) of the site. C(mapping) is the mapping file with its defaults. C(timeout) is in seconds, of one request.
    """

    path: str | None = None
    url: str | None = None
    token: str | None = dataclasses.field(default=None, repr=False)
    site: str | None = None
    mapping: SourceMapping = dataclasses.field(default_factory=SourceMapping)
    validate_certs: bool = True
    ca_path: str | None = None
    timeout: int = 60


@dataclasses.dataclass(frozen=True)
class Reading:
    """All that a source says of its site, at one moment.

    C(cursor) is from where C(since) goes on: JSON-able, of the source's own making, taken before the first thing was read, so that what changes meanwhile is
    read again the next time. C(way) says how it was read (C(template), C(graphql), C(rest), C(file)); C(advice), what would make it faster and is not there.
    Either C(records), or (a source that speaks our own schema) C(datacenter).
    """

    cursor: dict
    way: str
    records: Records | None = None
    datacenter: Datacenter | None = None
    advice: str | None = None


@dataclasses.dataclass(frozen=True)
class Delta:
    """What changed since a cursor.

    C(records.devices) are the devices that were made or changed, or any of whose interfaces, cables, addresses did, each with all that is theirs; of a changed
    cable, the devices at both ends of its path, before and after. C(records.wide) is all that is site-wide, if any of it changed, else None. C(gone)
    are the ids of
    devices that were deleted or are no longer of the site.
    """

    cursor: dict
    records: Records = Records()
    gone: frozenset[str] = frozenset()
    way: str | None = None
    advice: str | None = None

    @property
    def empty(self) -> bool:
        return not self.records and not self.gone


@dataclasses.dataclass(frozen=True)
class Gap:
    """The source cannot say what changed since a cursor, or it is more than is worth asking for singly: a cold read has to follow.

    C(reason) is a half sentence for people: C(its change log begins after the last sync).
    """

    reason: str


@dataclasses.dataclass(frozen=True)
class Publication:
    """One object of the source as the ledger would have it. C(fields) has what it is allowed to say and nothing else.

    ======================  ====================================  ===========================================================
    C(kind)                 which object                          C(fields), any of
    ======================  ====================================  ===========================================================
    C(device)               C(id)                                 tenant, cluster (None: held by nobody), status
    C(interface)            C(id) of its device, C(name)          vlan (untagged, a number), vlans (tagged, added), vlan_group (its slug, or None)
    C(vlan)                 C(name); made where there is none     vid, group (slug), tenant, status (C(active); None: to be removed)
    C(prefix)               C(name), the prefix; likewise         tenant, vlan (number), status (None: to be removed)
    C(journal)              C(id) of a device                     comment (Markdown), once: C(name) is the entry's key
    ======================  ====================================  ===========================================================
    """

    kind: str
    name: str
    fields: Mapping = dataclasses.field(hash=False)
    id: str | None = None


class Source(Protocol):
    """A source of truth. Every method raises C(Unreachable), C(InvalidInput) (the token, or what it may not do), C(InvalidSource) (naming the object),
    C(DeviceFailed) (an answer that is none); never with the token in it. None of them yields half of what is there."""

    identity: str  # whose mirror it is: "netbox https://nb.example.com site fra1"

    @property
    def cost(self) -> dict:
        """What was spent on it until now: C({requests, bytes, seconds})."""

    def read(self) -> Reading:
        """All that there is (cold)."""

    def since(self, cursor: dict) -> Delta | Gap:
        """What changed since a cursor that :meth:`read` or this gave (warm)."""

    def devices(self, ids: Collection[str]) -> Records:
        """These devices with all that is theirs; those that are not there, or not of the site, are left out."""


class Publisher(Source, Protocol):
    """A source that can be written to."""

    def publish(self, wanted: list[Publication], check_mode: bool) -> list[Change]:
        """Make objects say what is wanted; returns what differed. In check mode, nothing is written.

        :raises SourceConflict: somebody changed the object at the same time; nothing of that object was written.
        """

    def setup(self, state: str, check_mode: bool) -> list[Change]:
        """Make (C(present)) or remove (C(absent)) what the collection needs in the source: custom fields, tags, template."""
