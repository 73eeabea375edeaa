# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quotas: what a tenant may use, what it uses, and what is wanted. A hard limit refuses, a soft one warns.

Whatever was promised counts, from when it was promised: claims, holds and reservations alike. Only what takes more than
before is judged: who is over a limit that was lowered can still scale down, run an order again, or start a reserved lease.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, QuotaExceeded
from ansible_collections.leasehold.cloud.plugins.module_utils.core.orders import LABEL

RESOURCES = ("servers", "clusters", "segments", "server_hours")
BY_CLASS = ("servers", "server_hours")
ANY_TENANT = "*"  # its limits are those of each tenant that has none of its own for the same thing
HOUR = 3_600_000  # milliseconds

Use = Mapping[str, int]  # by cluster: how many; of server_hours, milliseconds
Spent = Mapping[tuple[str, str], int]  # by cluster and class: milliseconds used of a month, up to now
Month = tuple[datetime.datetime, datetime.datetime]  # its first moment and the next one's


@dataclasses.dataclass(frozen=True)
class Limit:
    """How much of a resource a tenant may use; ``server_class`` is empty where all classes count."""

    tenant: str
    resource: str
    server_class: str = ""
    soft: int | None = None
    hard: int | None = None

    @classmethod
    def from_dict(cls, data: Mapping) -> Limit:
        return cls(data["tenant"], data["resource"], data.get("class") or "", data.get("soft"), data.get("hard"))

    def as_dict(self) -> dict:
        return {"tenant": self.tenant, "resource": self.resource, "class": self.server_class, "soft": self.soft, "hard": self.hard}

    @property
    def key(self) -> tuple[str, str]:
        return self.resource, self.server_class

    @property
    def unit(self) -> int:
        return HOUR if self.resource == "server_hours" else 1

    @property
    def what(self) -> str:
        """What is limited, in words."""
        words = self.resource.replace("_", " ") + (f" of class {self.server_class}" if self.server_class else "")
        return words + (" a month" if self.resource == "server_hours" else "")


@dataclasses.dataclass(frozen=True)
class Holding:
    """So many servers of a class, or segments, that a cluster has or was promised. Without ``end`` it has them for good."""

    cluster: str
    kind: str  # server | segment
    server_class: str
    count: int
    start: datetime.datetime
    end: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class Finding:
    """A limit that would be exceeded. Numbers are in the limit's unit, see M(Limit.unit)."""

    limit: Limit
    month: str | None  # 2026-12, of server_hours
    by: Use
    wanted: int

    @property
    def used(self) -> int:
        return sum(self.by.values())

    @property
    def hard(self) -> bool:
        return self.limit.hard is not None and self.used + self.wanted > self.limit.hard * self.limit.unit

    def as_dict(self) -> dict:
        limit = self.limit
        return {
            "tenant": limit.tenant, "resource": limit.resource, "class": limit.server_class, "soft": limit.soft, "hard": limit.hard,
            "used": self._shown(self.used), "wanted": self._shown(self.wanted), "month": self.month,
            "by": {cluster: self._shown(used) for cluster, used in sorted(self.by.items())},
        }

    def text(self) -> str:
        """The finding about the tenant as a sentence without a full stop."""
        limit = self.limit
        allowed = f"it may use {limit.hard} {limit.what}" if self.hard else f"it goes over its soft limit of {limit.soft} {limit.what}"
        clusters = ", ".join(f"{cluster} {self._shown(used)}" for cluster, used in sorted(self.by.items()))
        uses = f"by the end of {self.month} it will have used" if self.month else "it uses"
        return f"{allowed}; {uses} {self._shown(self.used)}{f' ({clusters})' if clusters else ''}, and wants {self._shown(self.wanted)} more"

    def _shown(self, amount: int) -> int | float:
        return amount if self.limit.unit == 1 else hours(amount)


def hours(milliseconds: int) -> float:
    """Milliseconds as hours, to a tenth."""
    return round(milliseconds / HOUR, 1)


def effective(limits: Iterable[Limit], tenant: str) -> list[Limit]:
    """The limits that hold for a tenant: its own, and those of any tenant where it has none for the same thing."""
    chosen: dict[tuple[str, str], Limit] = {}
    for limit in limits:
        if limit.tenant == tenant or (limit.tenant == ANY_TENANT and limit.key not in chosen):
            chosen[limit.key] = dataclasses.replace(limit, tenant=tenant)
    return [chosen[key] for key in sorted(chosen)]


def standing(limits: Iterable[Limit], tenant: str, holdings: Sequence[Holding], spent: Mapping[Month, Spent]) -> list[dict]:
    """What a tenant uses of everything that can be limited, and of what is limited for it, by resource, class and month.

    :param limits: as they were set, of the tenant and of any.
    :param spent: of each month that is wanted.
    :returns: C([{resource, class, month, soft, hard, inherited, used, left, by}]): C(left) to the hard limit, below zero where
        it is exceeded; C(month) of server_hours alone.
    """
    limits = list(limits)
    own = {limit.key for limit in limits if limit.tenant == tenant}
    known = {limit.key: limit for limit in effective(limits, tenant)}
    shown = {(resource, ""): Limit(tenant, resource) for resource in RESOURCES} | known
    rows = []
    for key in sorted(shown, key=lambda key: (RESOURCES.index(key[0]), key[1])):
        limit = shown[key]
        for month in spent if limit.resource == "server_hours" else (None,):
            by = use(limit, holdings, spent[month] if month else {}, month)
            found = Finding(limit, month and month_name(month), by, 0).as_dict()
            left = None if limit.hard is None else round(limit.hard - found["used"], 1)
            rows.append({key: found[key] for key in ("resource", "class", "month", "soft", "hard")} | {
                "inherited": key in known and key not in own, "used": found["used"], "left": left, "by": found["by"],
            })
    return rows


def check_limits(limits: Sequence[Limit]) -> None:
    """Refuse limits that cannot be meant.

    :raises InvalidInput: naming the limit.
    """
    seen = set()
    for limit in limits:
        problem = _problem(limit) or ("it is given twice" if limit.key in seen else None)
        seen.add(limit.key)
        if problem:
            raise InvalidInput(
                problem, object=f"quota {limit.what} of tenant {limit.tenant}", attempted="setting quotas",
                remedy="give each limit once, with soft or hard or both as whole numbers, soft not above hard",
            )


def _problem(limit: Limit) -> str | None:
    numbers = [number for number in (limit.soft, limit.hard) if number is not None]
    if limit.tenant != ANY_TENANT and not LABEL.fullmatch(limit.tenant):
        return f"{limit.tenant!r} cannot be a tenant: it is no DNS label, nor {ANY_TENANT} for any"
    if limit.resource not in RESOURCES:
        return f"{limit.resource} is not one of {', '.join(RESOURCES)}"
    if limit.server_class and limit.resource not in BY_CLASS:
        return f"{limit.resource} have no class; only {' and '.join(BY_CLASS)} have"
    if not numbers:
        return "neither soft nor hard is given"
    if min(numbers) < 0:
        return f"{min(numbers)} is below zero"
    return f"soft ({limit.soft}) is above hard ({limit.hard})" if numbers != sorted(numbers) else None


def use(limit: Limit, holdings: Iterable[Holding], spent: Spent, month: Month | None) -> dict[str, int]:
    """How much of what is limited each cluster uses; of server_hours, in a month, by its end.

    :param spent: of that month.
    """
    found: collections.Counter[str] = collections.Counter()
    if limit.resource == "clusters":
        return dict.fromkeys((holding.cluster for holding in holdings), 1)
    kind = "segment" if limit.resource == "segments" else "server"
    for holding in holdings:
        if holding.kind == kind and limit.server_class in ("", holding.server_class):
            found[holding.cluster] += holding.count * (_overlap(holding, month) if month else 1)
    for (cluster, server_class), milliseconds in spent.items() if month else ():
        if limit.server_class in ("", server_class):
            found[cluster] += milliseconds
    return {cluster: amount for cluster, amount in found.items() if amount}


def judge(limits: Iterable[Limit], others: Sequence[Holding], before: Sequence[Holding], after: Sequence[Holding],
          spent: Spent, now: datetime.datetime) -> list[Finding]:
    """The limits that would be exceeded, each once: of server_hours, the first month that is hard, or else the first.

    :param others: what the tenant's other clusters have or were promised; of server_hours it counts from its start on.
    :param before: the same of the cluster at hand, ``after`` what it would be. Starts are not in the past.
    :param spent: of this month, of all clusters of the tenant.
    """
    found = []
    for limit in limits:
        first = None
        for month in _months(limit, others, after, now):
            finding = _exceeded(limit, month, others, before, after, spent if month and month[0] <= now else {})
            if finding and (first is None or finding.hard):
                first = finding
            if first and first.hard:
                break
        if first:
            found.append(first)
    return found


def _exceeded(limit: Limit, month: Month | None, others: Sequence[Holding], before: Sequence[Holding], after: Sequence[Holding],
              spent: Spent) -> Finding | None:
    by = use(limit, [*others, *before], spent, month)
    wanted = sum(use(limit, [*others, *after], spent, month).values()) - sum(by.values())
    least = min(number for number in (limit.soft, limit.hard) if number is not None)
    exceeded = wanted > 0 and sum(by.values()) + wanted > least * limit.unit
    return Finding(limit, month and month_name(month), by, wanted) if exceeded else None


def warnings(findings: Sequence[Finding], attempted: str) -> list[str]:
    """What there is to warn of.

    :raises QuotaExceeded: when a hard limit is among the findings; it tells all hard ones.
    """
    hard = [finding for finding in findings if finding.hard]
    if not hard:
        return [f"quota of tenant {finding.limit.tenant}: {finding.text()}" for finding in findings]
    first = hard[0].as_dict()
    remedy = "order a shorter lease or fewer servers" if first["resource"] == "server_hours" else "order less, or delete or scale down a cluster"
    raise QuotaExceeded(
        "; ".join(finding.text() for finding in hard), object=f"tenant {first['tenant']}", attempted=attempted,
        remedy=f"{remedy}; or raise the limit with leasehold.cloud.quota",
        details=first | {"exceeded": [finding.as_dict() for finding in hard]},
    )


def month_of(moment: datetime.datetime) -> Month:
    """The calendar month (UTC) of a moment."""
    first = moment.astimezone(datetime.timezone.utc).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first, (first + datetime.timedelta(days=32)).replace(day=1)


def month_name(month: Month) -> str:
    """Such as 2026-12."""
    return f"{month[0]:%Y-%m}"


def month_called(name: str) -> Month:
    """The month of a name such as 2026-12.

    :raises InvalidInput: it is none.
    """
    try:
        return month_of(datetime.datetime.strptime(name, "%Y-%m").replace(tzinfo=datetime.timezone.utc))
    except ValueError as error:
        raise InvalidInput(
            f"{name!r} is not a month", object="option months", attempted="reading its options", remedy="write year and month: 2026-12",
        ) from error


def _months(limit: Limit, others: Sequence[Holding], own: Sequence[Holding], now: datetime.datetime) -> Iterator[Month | None]:
    """The months to look at: of server_hours, those that the cluster's holdings touch; else one that is none."""
    if limit.resource != "server_hours":
        yield None
        return
    spans = [(holding.start, holding.end) for holding in own if holding.kind == "server"]
    if not spans:
        return
    # What has no end has every month alike once all that has an end is over; of two months running, one has 31 days.
    known = [now, *(moment for holding in (*others, *own) for moment in (holding.start, holding.end) if moment)]
    horizon = max(known) + datetime.timedelta(days=92)
    end = horizon if any(end is None for _start, end in spans) else max(end for _start, end in spans)
    month = month_of(max(now, min(start for start, _end in spans)))
    while month[0] < end:
        yield month
        month = month_of(month[1])


def _overlap(holding: Holding, month: Month) -> int:
    start, end = max(holding.start, month[0]), min(holding.end or month[1], month[1])
    return max(0, (end - start) // datetime.timedelta(milliseconds=1))
