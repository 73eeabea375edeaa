# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open vSwitch's database, spoken natively (RFC 7047) through the C(ovs) library.

A session replicates the few columns that we read and waits for nothing without a bound. A change is one transaction: it
first waits (with no patience) for the columns that the decision rests on to be as they were read, so that a change by
another makes it fail as a whole, then writes, then, for trunks, waits for the list of VLANs not to be empty. Trunks are
changed by inserting and deleting VLANs, so that orders that change the same trunk at the same moment do not collide.
"""

from __future__ import annotations

import dataclasses
import socket
import ssl
import time
from collections.abc import Callable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import DeviceFailed, InvalidInput, NotFound, Unreachable
from ansible_collections.leasehold.cloud.plugins.module_utils.core.ports import ATTEMPTED, Columns, Decision, Place
from ansible_collections.leasehold.cloud.plugins.module_utils.lazy import lazy

idl = lazy("ovs.db.idl")
poller = lazy("ovs.poller")
stream = lazy("ovs.stream")

ATTEMPTS = 5  # of one change: each but the first after somebody else's change, or a lost connection
RETRY_PATIENCE = 1.0  # seconds to wait for news after a transaction that was refused
DIAGNOSIS_PATIENCE = 2.0  # seconds to find out why a switch does not answer
NOTHING = ["set", []]  # an empty optional column or set, in RFC 7047's notation

# The columns we use, as in vswitch.ovsschema; they have been there since Open vSwitch 1.0.
_VLANS = {"type": "integer", "minInteger": 0, "maxInteger": 4095}
SCHEMA = {
    "name": "Open_vSwitch", "version": "8.0.0",
    "tables": {
        "Open_vSwitch": {"isRoot": True, "maxRows": 1, "columns": {"cur_cfg": {"type": "integer"}, "next_cfg": {"type": "integer"}}},
        "Bridge": {"isRoot": True, "columns": {
            "name": {"type": "string"},
            "ports": {"type": {"key": {"type": "uuid", "refTable": "Port"}, "min": 0, "max": "unlimited"}},
        }},
        "Port": {"isRoot": True, "columns": {
            "name": {"type": "string"},
            "vlan_mode": {"type": {"key": {"type": "string"}, "min": 0, "max": 1}},
            "tag": {"type": {"key": _VLANS, "min": 0, "max": 1}},
            "trunks": {"type": {"key": _VLANS, "min": 0, "max": 4096}},
        }},
    },
}


@dataclasses.dataclass(frozen=True)
class Remote:
    """Where a switch's database answers. With C(ca_cert) (and ours) it is spoken to over TLS, both sides proven."""

    host: str  # a name, an address, or C(unix:<path>)
    port: int = 6640
    private_key: str | None = None
    certificate: str | None = None
    ca_cert: str | None = None

    @classmethod
    def from_options(cls, options: Mapping) -> Remote:
        """From the options of an action (fragment leasehold.cloud.ovsdb).

        :raises InvalidInput: some but not all of the TLS files are given, or one cannot be used.
        """
        remote = cls(options["host"], options["port"], options["private_key"], options["certificate"], options["ca_cert"])
        if any(remote.tls_files):
            remote.tls_context()
        return remote

    @property
    def tls_files(self) -> tuple[str | None, str | None, str | None]:
        return (self.private_key, self.certificate, self.ca_cert)

    @property
    def name(self) -> str:
        """As Open vSwitch writes a remote."""
        if self.host.startswith("unix:"):
            return self.host
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'ssl' if self.ca_cert else 'tcp'}:{host}:{self.port}"

    def tls_context(self) -> ssl.SSLContext:
        """A context as the C(ovs) library makes it, to find out what is wrong with the files or the peer.

        :raises InvalidInput: the files cannot be used.
        """
        attempted, remedy = "reading the TLS key and certificates", "give private_key, certificate and ca_cert, as PEM files that Ansible may read"
        if not all(self.tls_files):
            raise InvalidInput("TLS needs all three files", object=f"ovsdb {self.host}", attempted=attempted, remedy=remedy)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False  # as Open vSwitch does: switches are known by the CA that signed them
        for path, load in (
            (self.ca_cert, lambda: context.load_verify_locations(self.ca_cert)),
            (f"{self.certificate}, {self.private_key}", lambda: context.load_cert_chain(self.certificate, self.private_key)),
        ):
            try:
                load()
            except OSError as error:  # ssl.SSLError is one
                raise InvalidInput(f"it cannot be used: {error}", object=str(path), attempted=attempted, remedy=remedy) from error
        return context

    def diagnosis(self) -> str:
        """Why nothing answers there, found by one plain connection."""
        try:
            self._try_to_connect()
        except OSError as error:
            return error.strerror or str(error) or type(error).__name__
        return "it takes connections but does not speak OVSDB in time"

    def _try_to_connect(self) -> None:
        if self.host.startswith("unix:"):
            with socket.socket(socket.AF_UNIX) as plain:
                plain.settimeout(DIAGNOSIS_PATIENCE)
                plain.connect(self.host.removeprefix("unix:"))
            return
        with socket.create_connection((self.host, self.port), timeout=DIAGNOSIS_PATIENCE) as plain:
            if self.ca_cert:
                self.tls_context().wrap_socket(plain).close()


class Session:
    """A connection to one switch's database. A context manager.

    :param timeout: seconds that any single wait (connecting, a reply, the switch applying) may take.
    """

    def __init__(self, remote: Remote, place: Place, timeout: float):
        self.remote = remote
        self.place = place
        self.timeout = timeout
        if remote.ca_cert:
            stream.Stream.ssl_set_private_key_file(remote.private_key)
            stream.Stream.ssl_set_certificate_file(remote.certificate)
            stream.Stream.ssl_set_ca_cert_file(remote.ca_cert)
        schema = idl.SchemaHelper(schema_json=SCHEMA)
        schema.register_all()
        self._idl = idl.Idl(remote.name, schema, leader_only=False)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_exception) -> None:
        self._idl.close()

    def ports(self) -> dict[str, Columns]:
        """Every port of the bridge with what it carries, without the bridge's own (the switch itself).

        :raises Unreachable: the switch did not answer in time.
        :raises NotFound: the switch has no such bridge.
        """
        return {name: _columns(row) for name, row in self._rows().items()}

    def change(self, decide: Callable[[Mapping[str, Columns]], Decision]) -> None:
        """Make what ``decide`` wants of the ports so, in one transaction; read back and compare.

        ``decide`` is asked again whenever the ports have moved meanwhile, and after each lost connection.

        :raises Unreachable: the switch did not answer in time.
        :raises DeviceFailed: it refused, others kept changing the same ports, or the result is not what was asked for.
        """
        for _attempt in range(ATTEMPTS):
            rows = self._rows()
            seen = self._idl.change_seqno
            decision = decide({name: _columns(row) for name, row in rows.items()})
            if not decision.changes or self._commit(_operations(decision, rows)):
                break
            self._pause(lambda seen=seen: self._idl.change_seqno != seen, RETRY_PATIENCE)
        else:
            raise self._failed(f"its ports kept changing or its connection kept dropping: gave up after {ATTEMPTS} attempts",
                               "see who else changes these ports, then run again")
        left = decide(self.ports()).changes
        if left:
            shown = "; ".join(f"{change.name} is {change.before}, not {change.after}" for change in left)
            raise self._failed(f"it took the change, yet reads back differently: {shown}", "look at the switch's log, then run again")

    def await_applied(self) -> None:
        """Wait until ovs-vswitchd has put the database's present content into effect, as ovs-vsctl does.

        :raises DeviceFailed: it did not in time.
        """
        self._await_content()
        wanted = self._configuration().next_cfg
        if not self._pause(lambda: self._loaded and self._configuration().cur_cfg >= wanted, self.timeout):
            raise self._failed(f"its database took the change, but ovs-vswitchd did not apply it within {self.timeout:g} s",
                               "see whether ovs-vswitchd runs on the switch, then run again")

    def _rows(self) -> dict:
        self._await_content()
        bridges = {row.name: row for row in self._idl.tables["Bridge"].rows.values()}
        if self.place.bridge not in bridges:
            raise NotFound(
                f"there is no bridge {self.place.bridge}; there are: {', '.join(sorted(bridges)) or 'none'}",
                object=f"switch {self.place.switch}", attempted="reading its ports",
                remedy="correct the switch's bridge in the source of truth",
            )
        return {row.name: row for row in bridges[self.place.bridge].ports if row.name != self.place.bridge}

    def _commit(self, operations: list[dict]) -> bool:
        """Send one transaction. False: it is to be decided again.

        :raises DeviceFailed: the database refused it for good.
        """
        configuration = self._configuration()
        transaction = idl.Transaction(self._idl)
        transaction.add_comment("leasehold.cloud: set VLANs of ports")
        configuration.increment("next_cfg")
        for operation in operations:
            transaction.add_op(operation)
        status = transaction.commit()
        if not self._pause(lambda: transaction.commit() != transaction.INCOMPLETE, self.timeout):
            transaction.abort()
            raise self._unreachable()
        status = transaction.commit()
        if status == transaction.ERROR:
            raise self._failed(f"its database refused the change: {transaction.get_error()}", "look at the message and the switch's log")
        return status == transaction.SUCCESS

    def _configuration(self):
        rows = list(self._idl.tables["Open_vSwitch"].rows.values())
        if not rows:
            raise self._failed("its database was never initialised", "start Open vSwitch on the switch, or run ovs-vsctl init there")
        return rows[0]

    @property
    def _loaded(self) -> bool:
        return self._idl.has_ever_connected() and self._idl.state == self._idl.IDL_S_MONITORING

    def _await_content(self) -> None:
        if not self._pause(lambda: self._loaded, self.timeout):
            raise self._unreachable()

    def _pause(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Process what the switch sends until ``condition`` holds; False when it does not within ``seconds``."""
        deadline = time.monotonic() + seconds
        self._idl.run()
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            waiter = poller.Poller()
            self._idl.wait(waiter)
            waiter.timer_wait(max(1, int(left * 1000)))
            waiter.block()
            self._idl.run()
        return True

    def _unreachable(self) -> Unreachable:
        return Unreachable(
            f"no answer from {self.remote.name} within {self.timeout:g} s: {self.remote.diagnosis()}",
            object=f"switch {self.place.switch}", attempted="talking to its database (OVSDB)",
            remedy="see that the switch is up and listens there, then run again",
        )

    def _failed(self, message: str, remedy: str) -> DeviceFailed:
        return DeviceFailed(message, object=f"switch {self.place.switch}", attempted=ATTEMPTED, remedy=remedy)


def _columns(row) -> Columns:
    mode, tag = list(row.vlan_mode), list(row.tag)
    return Columns(mode[0] if mode else None, tag[0] if tag else None, frozenset(row.trunks))


def _operations(decision: Decision, rows: Mapping) -> list[dict]:
    """The decision as the operations of one transaction (RFC 7047, 5.2), in the order in which they are carried out."""
    before, writes, after = [], [], []
    for step in decision.steps:
        record = {"table": "Port", "where": [["_uuid", "==", ["uuid", str(rows[step.name].uuid)]]]}
        is_trunk = step.after.mode == "trunk"
        read = {"vlan_mode": _optional(step.before.vlan_mode), "tag": _optional(step.before.tag)}
        if not is_trunk:
            read["trunks"] = _set(step.before.trunks)
        before.append(_wait(record, "==", read))
        if is_trunk:
            before.append(_wait(record, "!=", {"trunks": NOTHING}))
        if step.is_change:
            wanted = {"vlan_mode": _optional(step.after.vlan_mode), "tag": _optional(step.after.tag)}
            writes.append({"op": "update", **record, "row": wanted if is_trunk else wanted | {"trunks": _set(step.after.trunks)}})
        if step.is_change and is_trunk:
            writes.append({"op": "mutate", **record, "mutations": [
                ["trunks", "delete", _set(step.before.trunks - step.after.trunks)],
                ["trunks", "insert", _set(step.after.trunks - step.before.trunks)],
            ]})
            after.append(_wait(record, "!=", {"trunks": NOTHING}))
    return before + writes + after


def _wait(record: dict, until: str, row: dict) -> dict:
    return {"op": "wait", "timeout": 0, **record, "columns": list(row), "until": until, "rows": [row]}


def _optional(value: str | int | None) -> object:
    return NOTHING if value is None else value


def _set(vlans: frozenset[int]) -> list:
    return ["set", sorted(vlans)]
