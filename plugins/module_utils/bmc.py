# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from and done to servers through their BMCs; one `Bmc` is one server's, `each` works on many at once."""

from __future__ import annotations

import concurrent.futures
import datetime
import time
from collections.abc import Callable
from urllib.parse import urlparse

from ansible_collections.leasehold.cloud.plugins.module_utils.core import bmc as planning
from ansible_collections.leasehold.cloud.plugins.module_utils.core import wipe
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import (
    DeviceFailed,
    InvalidInput,
    LeaseholdError,
    WaitTimeout,
    WipeUnproven,
)
from ansible_collections.leasehold.cloud.plugins.module_utils.redfish import (
    Connection,
    Login,
    drive_facts,
    entry_facts,
    sushy,
    sushy_exceptions,
    task_facts,
    value,
)

POLL_FIRST, POLL_LAST, POLL_GROWTH = 0.2, 5.0, 1.5  # seconds between looks at something awaited
SAY_EVERY = 5.0  # seconds between lines of progress
LOG_GRACE = 3.0  # seconds after its task in which an erase's log entry may still appear
NO_DRIVES = {"drive": "(none)", "serial": None, "task": None, "started": None, "ended": None, "log_entry": None,
             "proven": False, "reason": "its BMC reports no drives, so nothing about them is proven"}


class Bmc(Connection):
    """The BMC of one server."""

    def __init__(self, server: dict, login: Login, *, strangers: bool = False):
        super().__init__(server, login, strangers=strangers)
        self.waiting = "its BMC's answer"
        self._clock_offset = datetime.timedelta(0)
        self._asked: dict[str, str] = {}  # path of a task: the drive's erase target that made it

    # What is

    def read(self, erase_since: datetime.datetime | None = None) -> dict:
        """What M(core.bmc) plans from: power, boot, media and, with ``erase_since``, ``drives`` and ``wipes``.

        An erase before now proves nothing of a server that is on: since then it may have written anything. So
        ``erase_since`` of the answer is now for such a server, and what was given for one that is off.

        :raises LeaseholdError: the BMC does not answer, or is another server's.
        """
        with self.attempt("reading power, boot device and virtual media"):
            boot, media = self.system.boot, self.media
            observed = {
                "power": value(self.system.power_state),
                "boot": {"target": value(boot.target) or "None", "enabled": value(boot.enabled) or "Disabled"},
                "media": {"inserted": bool(media and media.inserted), "image": (media and media.image) or None},
            }
        if erase_since is not None:
            observed["erase_since"] = erase_since if observed["power"] == "Off" else _now()
            observed["drives"] = self.drives()
            observed["wipes"] = self.evidence(observed["drives"], observed["erase_since"])
        return observed

    def drives(self) -> list[dict]:
        """The drives of all storage of the system (see M(redfish))."""
        with self.attempt("reading its drives"):
            return [drive_facts(drive) for storage in self.system.storage.get_members() for drive in storage.drives]

    def tasks(self) -> list[dict]:
        """The tasks that the BMC remembers; also learns how far its clock is from ours."""
        with self.attempt("reading its tasks"):
            root = self.document("/redfish/v1/")
            service = self.document(root["Tasks"]["@odata.id"]) if "Tasks" in root else {}
            if service.get("DateTime"):
                self._clock_offset = wipe.moment(service["DateTime"]) - _now()
            found = self.members(service["Tasks"]["@odata.id"]) if "Tasks" in service else []
            tasks = [task_facts(task) for task in found]
        return [{**task, "target": task["target"] or self._asked.get(task["path"])} for task in tasks]

    def log_entries(self) -> list[dict]:
        """The entries of the system's logs, or of its manager's where the system has none."""
        with self.attempt("reading its logs"):
            owners = [self.system.json, *(manager.json for manager in self.managers)]
            logs = next((owner["LogServices"] for owner in owners if "LogServices" in owner), None)
            services = self.members(logs["@odata.id"]) if logs else []
            return [entry_facts(entry) for service in services if "Entries" in service
                    for entry in self.members(service["Entries"]["@odata.id"])]

    def evidence(self, drives: list[dict], since: datetime.datetime) -> list[dict]:
        """What is proven of each drive since a time by our clock (see M(core.wipe))."""
        tasks = self.tasks()
        entries = self.log_entries() if any(task["target"] for task in tasks) else []
        return [wipe.judge(drive, tasks, entries, since + self._clock_offset) for drive in drives] or [dict(NO_DRIVES)]

    # What is done

    def carry_out(self, steps: list[str], observed: dict, wanted: planning.Wanted) -> dict:
        """Do the steps that M(core.bmc) planned, in their order; return what is newly known: ``{"wipes"}`` or nothing.

        :raises LeaseholdError: one failed; those after it were not tried.
        """
        learned = {}
        for step in steps:
            if step == planning.ERASE:
                learned["wipes"] = self.erase(observed)
            elif step == planning.INSERT:
                self._insert(wanted.image)
            else:
                {planning.POWER_OFF: lambda: self.power("Off"), planning.POWER_ON: lambda: self.power("On"),
                 planning.RESTART: self._restart, planning.SET_BOOT: self._boot_from_media_once,
                 planning.EJECT: self._eject}[step]()
        return learned

    def power(self, wanted: str) -> None:
        """Turn the server ``On`` or ``Off`` (at once, not by asking its operating system) and wait until it is."""
        with self.attempt(f"turning its power {wanted.lower()}"):
            self.system.reset_system(sushy.ResetType.ON if wanted == "On" else sushy.ResetType.FORCE_OFF)
        self._await(lambda: self._reread_power() == wanted, f"power {wanted}")

    def erase(self, observed: dict) -> list[dict]:
        """Erase every drive whose erase ``observed`` does not prove; wait for the ends; return all the evidence.

        An erase that already runs is waited for and not asked for again.

        :raises WaitTimeout: one did not end in time.
        """
        known, running, refused, since = self.tasks(), {}, {}, observed["erase_since"]
        unproven = {proof["drive"] for proof in observed["wipes"] if not proof["proven"]}
        for drive in observed["drives"]:
            if drive["id"] not in unproven or not drive["erase_target"]:
                continue
            last = wipe.newest_task(drive, known, since + self._clock_offset)
            try:
                running[drive["id"]] = last["path"] if wipe.is_running(last) else self._ask_erase(drive)
            except LeaseholdError as error:
                refused[drive["id"]] = error.message  # the server's other drives are erased all the same
        for drive, task in running.items():
            self._await(lambda path=task: self._task_ended(path), f"the erase of drive {drive}")
        return [{**proof, "reason": refused.get(proof["drive"], proof["reason"])}
                for proof in self._settled_evidence(observed["drives"], since)]

    def _settled_evidence(self, drives: list[dict], since: datetime.datetime) -> list[dict]:
        deadline = time.monotonic() + LOG_GRACE
        found = self.evidence(drives, since)
        while time.monotonic() < deadline and any(wipe.lacks_entry_only(proof) for proof in found):
            time.sleep(POLL_FIRST * 2)
            found = self.evidence(drives, since)
        return found

    def _ask_erase(self, drive: dict) -> str | None:
        """Ask for a drive's erase; return the path of its task, None when the BMC shows none."""
        with self.attempt(f"erasing drive {drive['id']}"):
            answer = self.connector.post(drive["erase_target"], data={})
            body = answer.json() if answer.content else {}
            location = urlparse(answer.headers.get("Location", "")).path
        if "#Task." in body.get("@odata.type", ""):
            path = body["@odata.id"]
        else:
            own = [task for task in self.tasks() if location and location in (task["path"], task["monitor"])]
            path = own[0]["path"] if own else None
        if path:
            self._asked[path] = drive["erase_target"]
        return path

    def _task_ended(self, path: str | None) -> bool:
        try:
            return path is None or not wipe.is_running(task_facts(self.document(path)))
        except sushy_exceptions.ResourceNotFoundError:
            return True  # the BMC forgets tasks that ended; the evidence will tell

    def _restart(self) -> None:
        """Power off and on: unlike ForceRestart, it can be seen to have happened."""
        self.power("Off")
        self.power("On")

    def _reread_power(self) -> str | None:
        self.system.refresh(force=True)
        return value(self.system.power_state)

    def _boot_from_media_once(self) -> None:
        with self.attempt("setting its next boot to virtual media"):
            self.system.set_system_boot_options(
                target=sushy.BootSource.CD, enabled=sushy.BootSourceOverrideEnabled.ONCE)

    def _insert(self, image: str) -> None:
        with self.attempt(f"inserting {image}"):
            self.needed_media().insert_media(image)

    def _eject(self) -> None:
        with self.attempt("ejecting virtual media"):
            self.needed_media().eject_media()

    def _await(self, reached: Callable[[], bool], what: str) -> None:
        self.waiting, pause = what, POLL_FIRST
        deadline = time.monotonic() + self.login.timeout
        with self.attempt(f"waiting for {what}"):
            while not reached():
                if time.monotonic() + pause > deadline:
                    raise WaitTimeout(
                        f"{what} was not reached within {self.login.timeout:g} s", object=f"server {self.name}",
                        attempted=f"waiting for {what}",
                        remedy=f"look at its BMC at {self.address}; then run this again, or quarantine the server")
                time.sleep(pause)
                pause = min(pause * POLL_GROWTH, POLL_LAST)


def each(bmcs: list[Bmc], work: Callable[[Bmc], object], concurrency: int,
         say: Callable[[str], None]) -> tuple[dict[str, object], dict[str, LeaseholdError]]:
    """Do ``work`` with many BMCs at once. A broken one hides no other.

    :param say: gets a line of progress every few seconds, with what is being waited for.
    :returns: what came of each server, and the errors of those that failed.
    """
    results: dict[str, object] = {}
    failures: dict[str, LeaseholdError] = {}
    with concurrent.futures.ThreadPoolExecutor(max(1, min(concurrency, len(bmcs)))) as pool:
        running = {pool.submit(work, bmc): bmc for bmc in bmcs}
        while running:
            done = concurrent.futures.wait(running, SAY_EVERY, concurrent.futures.FIRST_COMPLETED).done
            for future in done:
                bmc = running.pop(future)
                try:
                    results[bmc.name] = future.result()
                except LeaseholdError as error:
                    failures[bmc.name] = error
            if running and not done:
                say(_progress(list(running.values())))
    return results, failures


def together(failures: dict[str, LeaseholdError], servers: dict, total: int, attempted: str) -> LeaseholdError:
    """One error that names every server that failed; in its details, C(failed) and what came of the others.

    An unproven wipe gives it its class, before any other failure: nothing must overlook it.
    """
    kinds = {type(error) for error in failures.values()}
    kind = WipeUnproven if WipeUnproven in kinds else kinds.pop() if len(kinds) == 1 else DeviceFailed
    said = {name: f"{error.message} (while {error.attempted})" for name, error in sorted(failures.items())}
    told = "; ".join(f"{name}: {text}" if len(said) > 1 else text for name, text in said.items())
    return kind(
        f"{told}. {len(failures)} of {total} failed", object=f"servers {', '.join(sorted(failures))}",
        attempted=attempted, remedy="; ".join(sorted({error.remedy for error in failures.values()})),
        details={"failed": {name: error.as_result() for name, error in failures.items()}, "servers": servers})


def unproven_wipes(servers: dict[str, dict]) -> dict[str, WipeUnproven]:
    """The errors of those servers whose ``wipes`` leave a drive unproven."""
    errors = {}
    for name, outcome in servers.items():
        unproven = [proof for proof in outcome["wipes"] if not proof["proven"]]
        if unproven:
            told = "; ".join(f"drive {proof['drive']} ({proof['serial']}): {proof['reason']}" for proof in unproven)
            errors[name] = WipeUnproven(
                told, object=f"server {name}", attempted="proving that its drives are erased",
                remedy="run this again to erase once more, or quarantine the server", details={"wipes": outcome["wipes"]})
    return errors


def check_servers(servers: list[dict]) -> None:
    """:raises InvalidInput: one has no name or no BMC address, or two have the same name."""
    about = {"attempted": "reading the option servers", "remedy": "pass servers as a plan or a claim has them, each once"}
    for server in servers:
        if not server.get("name") or not (server.get("bmc") or {}).get("address"):
            raise InvalidInput("it needs a name and a bmc.address", object=f"server {server.get('name', server)}", **about)
    names = [server["name"] for server in servers]
    doubles = sorted({name for name in names if names.count(name) > 1})
    if doubles:
        raise InvalidInput("it is listed twice", object=f"server {', '.join(doubles)}", **about)


def _progress(waiting: list[Bmc]) -> str:
    first = ", ".join(f"{bmc.name} ({bmc.waiting})" for bmc in waiting[:4])
    more = f" and {len(waiting) - 4} more" if len(waiting) > 4 else ""
    return f"waiting for {first}{more}"


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
