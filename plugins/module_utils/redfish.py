# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redfish, by sushy: the connection to a server's BMC, and its resources as plain dicts.

Works with any service that follows the DMTF's schemas; knows no vendor. Every failure is one of core's errors.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
import ssl
import time
from collections.abc import Iterator

from ansible_collections.leasehold.cloud.plugins.module_utils.core import bmc as identity
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import DeviceFailed, Refused, Unreachable
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy

sushy = lazy("sushy")
sushy_exceptions = lazy("sushy.exceptions")
sushy_connector = lazy("sushy.connector")
sushy_auth = lazy("sushy.auth")
requests_exceptions = lazy("requests.exceptions")

CONNECT_TIMEOUT = 10  # seconds for the TCP connection, whatever an answer may take
RETRY_PAUSE = 0.5  # seconds before a look is tried again
PAGES = 40  # of a collection that comes in pages
SINGLES = 200  # members fetched one by one from a BMC that does not expand its collections

logging.getLogger("sushy").addHandler(logging.NullHandler())  # what it would print, our errors say


@dataclasses.dataclass(frozen=True)
class Login:
    """How BMCs are spoken to. ``ca_path``: file or directory of trusted CAs (None: the system's). Times in seconds."""

    username: str
    password: str = dataclasses.field(repr=False)
    ca_path: str | None = None
    validate_certs: bool = True
    request_timeout: float = 30.0
    timeout: float = 900.0  # for one awaited thing: a power change, an erase

    @classmethod
    def from_options(cls, args: dict) -> Login:
        """From the options of fragment leasehold.cloud.bmc."""
        return cls(args["username"] or "", args["password"] or "", args["ca_path"], args["validate_certs"],
                   args["request_timeout"], args.get("timeout") or cls.timeout)

    @property
    def verify(self) -> bool | str:
        """As requests takes it; requests would trust its own bundle rather than the system's."""
        if not self.validate_certs or self.ca_path:
            return self.validate_certs and self.ca_path
        system = ssl.get_default_verify_paths()
        return next((path for path in (system.cafile, system.capath) if path and os.path.exists(path)), True)


class Connection:
    """The Redfish service of one server's BMC; connects on first use.

    :param server: at least ``name`` and ``bmc.address``; its ``serial``, when given, must be the one the BMC reports.
    :param strangers: a BMC with a single system is read whatever serial it reports, by those who only compare.
    """

    def __init__(self, server: dict, login: Login, *, strangers: bool = False):
        self.name = server["name"]
        self.address = server["bmc"]["address"].rstrip("/")
        self.login = login
        self._serial = server.get("serial")
        self._strangers = strangers
        self._connector = None
        self._system = None
        self._media = None

    @property
    def connector(self):
        """sushy's connector, for requests that sushy has no method for."""
        return self.system and self._connector

    @property
    def system(self):
        """The ComputerSystem of this server.

        :raises Refused: the BMC reports another serial number.
        """
        if self._system is None:
            self._connector = _connector_class()(
                self.address, verify=self.login.verify, server_side_retries=1, server_side_retries_delay=1,
                default_request_timeout=self.login.request_timeout,
                connect_timeout=min(CONNECT_TIMEOUT, self.login.request_timeout))
            auth = sushy_auth.BasicAuth(self.login.username, self.login.password)
            root = sushy.Sushy(self.address, auth=auth, connector=self._connector)
            self._system = self._choose(root.get_system_collection().get_members())
        return self._system

    @property
    def managers(self) -> list:
        return self.system.managers if self.system.json.get("Links", {}).get("ManagedBy") else []

    @property
    def media(self):
        """The virtual CD drive: the system's or, where older services have it, its manager's; None without one."""
        if self._media is None:
            owners = [self.system] if "VirtualMedia" in self.system.json else self.managers
            devices = [device for owner in owners if "VirtualMedia" in owner.json
                       for device in owner.virtual_media.get_members()]
            kinds = {sushy.VirtualMediaType.CD, sushy.VirtualMediaType.DVD}
            self._media = next((device for device in devices if kinds & set(device.media_types)), None)
        return self._media

    def needed_media(self):
        """:raises DeviceFailed: there is no virtual CD drive."""
        if self.media is None:
            raise DeviceFailed("its BMC has no virtual CD drive", object=f"server {self.name}",
                               attempted="looking for one", remedy="license or enable virtual media on the BMC")
        return self.media

    def document(self, path: str) -> dict:
        """The resource at a path, as JSON."""
        return self.connector.get(path).json()

    def members(self, path: str) -> list[dict]:
        """All members of a collection, page by page; those given as links only are fetched, the last SINGLES of them."""
        found: list[dict] = []
        for _page in range(PAGES):
            page = self.document(path)
            found += page["Members"]
            path = page.get("Members@odata.nextLink")
            if not path:
                break
        links = [member for member in found if len(member) == 1]
        return [member for member in found if len(member) > 1] + [
            self.document(link["@odata.id"]) for link in links[-SINGLES:]]

    @contextlib.contextmanager
    def attempt(self, doing: str) -> Iterator[None]:
        """Turn what sushy raises into our errors, with the server, what was attempted and the remedy."""
        about = {"object": f"server {self.name}", "attempted": f"{doing}, through its BMC at {self.address}"}
        again = "look at the BMC's own log; then run this again"
        try:
            yield
        except sushy_exceptions.AccessError as error:
            raise DeviceFailed("its BMC refuses the user or password", remedy="correct the BMC's credentials",
                               **about) from error
        except sushy_exceptions.ConnectionError as error:
            message, remedy = _cause(error)
            raise Unreachable(message, remedy=remedy, **about) from error
        except sushy_exceptions.SushyError as error:
            raise DeviceFailed(f"its BMC answered: {error}", remedy=again, **about) from error
        except (KeyError, ValueError) as error:
            raise DeviceFailed(f"its BMC's answer is not to the schema: {error!r}", remedy=again, **about) from error

    def _choose(self, systems: list):
        """The system that is the server, by its serial."""
        reported = [(system.serial_number or "").strip() for system in systems]
        chosen = identity.choose(self._serial, reported, strangers=self._strangers)
        if chosen is None:
            raise Refused(
                f"its BMC reports serial {', '.join(reported) or 'of no system'}, its source says {(self._serial or '').strip() or 'none'}",
                object=f"server {self.name}", attempted=f"finding it behind the BMC at {self.address}",
                remedy="correct the server's BMC address or serial in its source of truth",
                details={"serials": reported})
        return systems[chosen]


def value(member) -> str | None:
    """A sushy enumeration's member as the text that Redfish has for it."""
    return getattr(member, "value", member)


def drive_facts(drive) -> dict:
    """``{id, name, serial, path, capacity_bytes, health, erase_target}`` of a sushy Drive."""
    action = drive.json.get("Actions", {}).get("#Drive.SecureErase", {})
    return {
        "id": drive.identity, "name": drive.name, "serial": drive.serial_number, "path": drive.path,
        "capacity_bytes": drive.capacity_bytes, "health": value(drive.status.health) if drive.status else None,
        "erase_target": action.get("target"),
    }


def task_facts(task: dict) -> dict:
    """A Task as M(core.wipe) takes it, and its ``monitor``."""
    messages = task.get("Messages") or [{}]
    return {
        "path": task["@odata.id"], "id": task["Id"], "target": (task.get("Payload") or {}).get("TargetUri"),
        "state": task.get("TaskState"), "status": task.get("TaskStatus"), "started": task.get("StartTime"),
        "ended": task.get("EndTime"), "message": messages[-1].get("Message"), "monitor": task.get("TaskMonitor"),
    }


def entry_facts(entry: dict) -> dict:
    """A LogEntry as M(core.wipe) takes it."""
    origin = (entry.get("Links") or {}).get("OriginOfCondition") or {}
    return {
        "path": entry["@odata.id"], "created": entry.get("Created") or entry.get("EventTimestamp"),
        "severity": entry.get("Severity"), "message_id": entry.get("MessageId"), "message": entry.get("Message"),
        "args": [str(arg) for arg in entry.get("MessageArgs") or []], "origin": origin.get("@odata.id"),
    }


@functools.cache
def _connector_class():
    class Connector(sushy_connector.Connector):
        """sushy's, but a look whose connection broke is tried again once (not one that timed out: it had its time)."""

        def get(self, *args, **kwargs):
            try:
                return super().get(*args, **kwargs)
            except sushy_exceptions.ConnectionError as error:
                if isinstance(error.__context__, (requests_exceptions.Timeout, requests_exceptions.SSLError)):
                    raise
                time.sleep(RETRY_PAUSE)
                return super().get(*args, **kwargs)
    return Connector


def _cause(error: Exception) -> tuple[str, str]:
    """What went wrong with a connection, and the remedy."""
    context = error.__context__
    if isinstance(context, requests_exceptions.SSLError):
        return f"its BMC's certificate is not trusted: {context}", "give the CA of the BMCs' certificates as ca_path"
    remedy = "check the BMC's address, power and network; then run this again"
    if isinstance(context, requests_exceptions.Timeout):
        return "its BMC did not answer in time", remedy
    return f"its BMC cannot be reached: {context or error}", remedy
