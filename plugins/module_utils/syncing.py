# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing the ledger's mirror of a site up to date with its source: only what changed, where the source can tell that; else all of it.

Whatever fails on the way leaves the mirror as it was, and the error says how old that is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterator, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core import widening
from ansible_collections.leasehold.cloud.plugins.module_utils.core.changes import fingerprint
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidSource, LeaseholdError, Refused
from ansible_collections.leasehold.cloud.plugins.module_utils.core.mapping_file import Mapping
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Datacenter
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Records
from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_mapping import Known, Mapped, Problem, far_devices, links, map_devices
from ansible_collections.leasehold.cloud.plugins.module_utils.core.source_site import (
    delegated_switches, documents, known_switches, map_site, racks_of, site_document, site_problems,
)
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import collecting_later
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger import mirror, source_rows, syncs
from ansible_collections.leasehold.cloud.plugins.module_utils.ledger.database import Ledger, Transaction, moment
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.protocol import Delta, Gap, Reading, Source

ATTEMPTS = 3  # when others sync the same site at the same time
ROUNDS = 8  # of looking at further devices because of those that were read
WORTH_IT = 3  # a warm sync reads at most one in so many devices; more are faster read as a whole
SMALL = 200  # devices that are read one by one in any case


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a sync did. C(kind) is C(cold), C(warm) or C(unchanged); C(reason), why it was cold. C(read) is how many devices were read."""

    sync: syncs.Sync
    site: str
    kind: str
    way: str | None
    advice: str | None
    problems: list[dict]
    age: int | None = 0  # seconds since it was last certain that the mirror says what the source does
    reason: str | None = None
    read: int | None = None


def sync(ledger: Ledger, source: Source, mapping: Mapping, *, site: str | None = None, full: bool = False, keep: bool = True) -> Outcome:
    """Make the mirror say what the source says, in one transaction.

    :param site: what the source's site must be called; None: anything.
    :param full: read all, even where the source could tell what changed.
    :param keep: False writes nothing that stays (check mode).
    :raises LeaseholdError: with C(details.mirror), the site, time and age in seconds of the mirror that stays.
    """
    with _age_told(ledger, source), collecting_later():
        for _attempt in range(ATTEMPTS):
            with ledger.reading() as tx:
                row = _row_of(tx, source)
            reason = "all was asked for" if full else _cold(row, mapping)
            outcome = None if reason else _warm(ledger, source, mapping, row, keep)
            if isinstance(outcome, Gap) or reason:
                outcome = _read_all(ledger, source, mapping, site, keep, reason or outcome.reason)
            if outcome:
                return outcome if keep else dataclasses.replace(outcome, age=_age_now(ledger, row))
        raise Refused("others sync it all the time", object=source.identity, attempted="syncing", remedy="run this again when they are done")


def is_fresh(ledger: Ledger, source: Source, max_age: int) -> bool:
    """Whether it was certain within so many seconds that the mirror says what the source does."""
    with ledger.reading() as tx:
        row = _row_of(tx, source)
        return row is not None and age_of(tx, row) <= max_age


def age_of(tx: Transaction, row: dict) -> int:
    """How many seconds ago it was certain that the mirror of a site says what its source does."""
    return round((tx.now - moment(row["checked_at"] or row["synced_at"])).total_seconds())


def _age_now(ledger: Ledger, row: dict | None) -> int | None:
    with ledger.reading() as tx:
        return age_of(tx, row) if row else None


def _row_of(tx: Transaction, source: Source) -> dict | None:
    sites = syncs.tables().sites
    return tx.row(sites.select().where(sites.c.source == source.identity))


def _cold(row: dict | None, mapping: Mapping) -> str | None:
    """Why the source has to be read as a whole, before it is asked; None when it has not."""
    if row is None:
        return "it was not read before"
    if not row["cursor"] or "source" not in row["cursor"]:
        return "it is not known how far it was read"
    return None if row["cursor"].get("mapping") == mapping.fingerprint else "the mapping is another"


def _read_all(ledger: Ledger, source: Source, mapping: Mapping, site: str | None, keep: bool, reason: str) -> Outcome:
    reading = source.read()
    mapped = map_site(reading.records, mapping) if reading.records is not None else None
    if mapped and mapped.fatal:
        raise _unfit(source, mapped.fatal)
    datacenter = mapped.datacenter if mapped else reading.datacenter
    _refuse_other_site(source, datacenter.site, site)
    devices = tuple(mapped.devices.values()) if mapped else ()
    origin = _origin(source, mapping, reading, devices)
    with ledger.transaction() as tx:
        done = syncs.sync(tx, datacenter, _mark(origin), origin)
        found = source_rows.problems(tx, datacenter.site)
        if keep:
            tx.keep()
    return Outcome(done, datacenter.site, "cold", reading.way, reading.advice, found, reason=reason, read=len(devices) if mapped else None)


def _warm(ledger: Ledger, source: Source, mapping: Mapping, row: dict, keep: bool) -> Outcome | Gap | None:
    """Follow what changed; a Gap when the source cannot tell it, None when somebody else synced meanwhile."""
    delta = source.since(row["cursor"]["source"])
    if isinstance(delta, Gap):
        return delta
    with ledger.reading() as tx:
        loose = syncs.loose(tx, row["name"])
        refused = syncs.refused(tx, row["name"]) if loose or not delta.empty else set()
    if None in loose:
        return Gap("a server that vanished is held no longer")
    if delta.empty and not loose:
        return _nothing_new(ledger, source, mapping, row, delta, keep)
    found = Widened(ledger, source, mapping, row["name"], row["document"], delta)
    gap = found.widen(loose | refused)
    if gap:
        return gap
    part, devices = found.part()
    origin = _origin(source, mapping, delta, devices, row)
    with ledger.transaction() as tx:
        now = _row_of(tx, source)
        if now is None or (now["cursor"], now["synced_at"]) != (row["cursor"], row["synced_at"]):
            return None
        done = syncs.patch(tx, row["name"], part, _mark(origin), origin)
        wrong = source_rows.problems(tx, row["name"])
        if keep:
            tx.keep()
    return Outcome(done, row["name"], "warm", origin.way, origin.advice, wrong, read=len(devices))


def _nothing_new(ledger: Ledger, source: Source, mapping: Mapping, row: dict, delta: Delta, keep: bool) -> Outcome:
    with ledger.transaction() if keep else ledger.reading() as tx:
        done, wrong = syncs.unchanged(tx, row["name"]), source_rows.problems(tx, row["name"])
        if keep and (_row_of(tx, source) or {}).get("cursor") == row["cursor"]:
            syncs.note_checked(tx, row["name"], {"mapping": mapping.fingerprint, "source": delta.cursor})
            tx.keep()
    return Outcome(done, row["name"], "unchanged", row["way"], row["advice"], wrong, read=0)


class Widened:
    """A delta, and the further devices that have to be read because of it."""

    def __init__(self, ledger: Ledger, source: Source, mapping: Mapping, site: str, document: dict, delta: Delta):
        self.ledger, self.source, self.mapping, self.site, self.delta = ledger, source, mapping, site, delta
        self.document = document
        self.records: Records = delta.records
        self.gone = set(delta.gone) - {device.id for device in delta.records.devices}
        self.racks = racks_of(delta.records.wide) if delta.records.wide else document["racks"]
        self.known: dict[str, Known] = {}
        self.mapped: dict[str, Mapped] = {}

    def widen(self, further: set[str]) -> Gap | None:
        """Read until nothing else depends on what was read; a Gap when it is too much of the site."""
        with self.ledger.reading() as tx:
            known, most = source_rows.known_switches(tx, self.site), source_rows.count(tx, self.site)
            further |= self._without_rack(tx)
        for _round in range(ROUNDS):
            further -= self._looked_at()
            if len(self._looked_at()) + len(further) > max(SMALL, most // WORTH_IT):
                return Gap(f"more than one in {WORTH_IT} devices has changed")
            if further:
                found = self.source.devices(sorted(further))
                self.records = self.records.merged(found)
                self.gone |= further - {device.id for device in found.devices}
            looked_at = self._looked_at()
            outside = {id: switch for id, switch in known.items() if id not in looked_at}
            self.mapped = map_devices(self.records, self.mapping, outside, self.racks)
            self.known = outside | known_switches(self.mapped.values())
            with self.ledger.reading() as tx:
                further = widening.others(self.mapped, looked_at, far_devices(self.records), _before(tx, self.site, known))
            if not further:
                return None
        return Gap("what changed leads on and on")

    def part(self) -> tuple[syncs.Part, tuple[Mapped, ...]]:
        """What the mirror has to be patched with.

        :raises InvalidSource: what is site-wide no longer fits together.
        """
        devices = tuple(self.mapped.values())
        gone = frozenset(self._looked_at() - self.mapped.keys())
        found = links(devices, self.known)
        with self.ledger.reading() as tx:
            stored = mirror.datacenter_of(tx, {"name": self.site, "document": self.document}, (), ())
            there = self._canaries(tx)
            border = any("device" in end for link in found for end in link.values()) or self._borders_elsewhere(tx)
        document, problems = self._document(stored)
        canaries = [*self.mapping["canaries"], *documents(devices, "canary"), *there]
        site = Datacenter.from_dict(document | {"switches": [], "links": [], "servers": [], "canaries": canaries})
        problems = [*problems, *site_problems(site, self.mapping, border)]
        if problems:
            raise _unfit(self.source, problems)
        return syncs.Part(devices, gone, found, site), devices

    def _document(self, stored: Datacenter) -> tuple[dict, list[Problem]]:
        """What is site-wide: as the delta has it, else as it was, but for the switches that are delegated."""
        if self.delta.records.wide:
            return site_document(self.delta.records.wide, self.mapping, self.known)
        document = stored.as_dict()
        return document | {"envelope": document["envelope"] | {"switches": delegated_switches(self.mapping, self.known)}}, []

    def _canaries(self, tx: Transaction) -> list[dict]:
        """The canaries that are devices, but for those that were looked at."""
        return syncs.canaries_besides(tx, self.site, self._looked_at())

    def _borders_elsewhere(self, tx: Transaction) -> bool:
        """Whether a usable switch that was not looked at is linked to the border."""
        usable = {switch.name for id, switch in self.known.items() if switch.usable and id not in self._looked_at()}
        return bool(usable & syncs.border_switches(tx, self.site))

    def _looked_at(self) -> set[str]:
        return {device.id for device in self.records.devices} | self.gone

    def _without_rack(self, tx: Transaction) -> set[str]:
        """The devices that are in a rack that the site no longer has."""
        return syncs.in_racks(tx, self.site, set(self.document["racks"]) - set(self.racks))


def _before(tx: Transaction, site: str, known: dict[str, Known]) -> widening.Before:
    ids = {switch.name: id for id, switch in known.items()}
    return widening.Before(
        known, functools.partial(source_rows.of, tx, site), functools.partial(source_rows.keys_of, tx, site),
        functools.partial(source_rows.on_ports, tx, site), lambda keys: source_rows.owners(tx, site, {source_rows.short(key) for key in keys}),
        lambda border: {ids[name] for name in syncs.border_switches(tx, site, border) if name in ids},
    )


def _origin(source: Source, mapping: Mapping, read: Reading | Delta, devices: tuple[Mapped, ...], row: dict | None = None) -> syncs.Origin:
    """Where a mirror is from; of a delta that says no way, the way that it was read before holds."""
    way, advice = (read.way, read.advice) if read.way or row is None else (row["way"], row["advice"])
    return syncs.Origin(source.identity, {"mapping": mapping.fingerprint, "source": read.cursor}, way, advice, devices)


def _mark(origin: syncs.Origin) -> str:
    return f"{origin.identity.partition(' ')[0]}/{fingerprint(origin.cursor)}"


def _unfit(source: Source, problems: Sequence[Problem]) -> InvalidSource:
    first, others = problems[0], len(problems) - 1
    more = f" (and {others} more problem{'s' if others > 1 else ''})" if others else ""
    return InvalidSource(f"{first.problem}{more}", object=f"{source.identity}: {first.object}", attempted="reading the source", remedy=first.remedy,
                         details={"problems": [problem.as_dict() for problem in problems]})


def _refuse_other_site(source: Source, found: str, wanted: str | None) -> None:
    if wanted and wanted != found:
        raise InvalidSource(
            f"it describes the site {found}, not {wanted}", object=f"{source.identity}: site", attempted="syncing",
            remedy="give the path of the right source, or correct the option site",
        )


@contextlib.contextmanager
def _age_told(ledger: Ledger, source: Source) -> Iterator[None]:
    """Errors say which mirror stays, and how old it is."""
    try:
        yield
    except LeaseholdError as error:
        with ledger.reading() as tx:
            row = _row_of(tx, source)
            error.details["mirror"] = {"site": row["name"], "synced_at": row["synced_at"], "age": age_of(tx, row)} if row else None
        raise
