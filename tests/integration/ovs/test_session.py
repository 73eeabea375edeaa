# SPDX-License-Identifier: GPL-3.0-or-later
"""The session with a switch's database, against the real ovsdb-server."""

from __future__ import annotations

import dataclasses
import threading
import time

import pytest

from ansible_collections.leasehold.cloud.plugins.module_utils import ovsdb
from ansible_collections.leasehold.cloud.plugins.module_utils.core import ports
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import DeviceFailed, InvalidInput, NotFound, PortInUse, Refused, Unreachable

PLACE = ports.Place("leaf-r1a", "br0")
INTO_101 = [
    {"name": "s01", "mode": "access", "vlan": 101, "expect": [999, 101]},
    {"name": "s02", "mode": "access", "vlan": 101, "expect": [999, 101]},
    {"name": "up1", "mode": "trunk", "add": [101]},
]


def session(database, timeout=3.0, place=PLACE):
    return ovsdb.Session(ovsdb.Remote("127.0.0.1", database.tcp_port), place, timeout)


def deciding(wanted):
    return lambda current: ports.decide(PLACE, current, wanted)


def change(database, wanted, timeout=3.0):
    with session(database, timeout) as switch:
        switch.change(deciding(wanted))


def test_all_ports_of_a_switch_change_in_one_transaction(database):
    change(database, INTO_101)
    assert database.port("s01") == ("access", "101", "[]")
    assert database.port("s02") == ("access", "101", "[]")
    assert database.port("up1") == ("trunk", "[]", "[101, 999]")
    assert database.transactions() == 1


def test_nothing_to_do_is_no_transaction(database):
    change(database, INTO_101)
    change(database, INTO_101)
    assert database.transactions() == 1


def test_the_bridges_own_port_is_not_listed(database):
    with session(database) as switch:
        assert sorted(switch.ports()) == ["blank", "s01", "s02", "s03", "up1"]


def test_a_unix_socket_is_a_remote_too(database):
    with ovsdb.Session(ovsdb.Remote(f"unix:{database.socket}"), PLACE, 3.0) as switch:
        assert switch.ports()["s01"] == ports.Columns("access", 999)


def test_over_tls_both_sides_are_proven(empty_database, certificates):
    empty_database.start(f"--private-key={certificates.switch_key}", f"--certificate={certificates.switch}",
                         f"--ca-cert={certificates.authority}", f"--remote=pssl:{empty_database.tls_port}:127.0.0.1")
    empty_database.fill()
    remote = ovsdb.Remote("127.0.0.1", empty_database.tls_port, str(certificates.client_key), str(certificates.client), str(certificates.authority))
    with ovsdb.Session(remote, PLACE, 3.0) as switch:
        switch.change(deciding(INTO_101))
    assert empty_database.port("s01")[1] == "101"
    stranger = dataclasses.replace(remote, ca_cert=str(certificates.other_authority))
    with ovsdb.Session(stranger, PLACE, 0.5) as switch, pytest.raises(Unreachable, match="certificate verify failed"):
        switch.ports()


def test_tls_files_that_cannot_be_used_are_named(certificates, tmp_path):
    options = {"host": "192.0.2.1", "port": 6640, "private_key": str(certificates.client_key), "certificate": str(certificates.client)}
    with pytest.raises(InvalidInput, match="absent.pem"):
        ovsdb.Remote.from_options(options | {"ca_cert": str(tmp_path / "absent.pem")})
    with pytest.raises(InvalidInput, match="switch"):  # a key that is not the certificate's
        ovsdb.Remote.from_options(options | {"private_key": str(certificates.switch_key), "ca_cert": str(certificates.authority)})


def test_a_refused_port_leaves_all_as_they_were(database):
    with pytest.raises(PortInUse, match="port s03.*VLAN 190"):
        change(database, [*INTO_101, {"name": "s03", "mode": "access", "vlan": 101, "expect": [999]}])
    assert database.port("s01") == ("access", "999", "[]")


def test_an_unknown_bridge_is_named(database):
    with session(database, place=ports.Place("leaf-r1a", "br7")) as switch, pytest.raises(NotFound, match="br7; there are: br0"):
        switch.ports()


def test_a_change_by_another_between_read_and_commit_is_seen(database):
    """The port is taken by somebody else at the worst moment: the decision is made anew, and refuses."""
    asked = []

    def decide(current):
        asked.append(dict(current))
        decision = ports.decide(PLACE, current, INTO_101)
        if len(asked) == 1:
            database.vsctl("set", "Port", "s02", "tag=190")
        return decision

    with session(database) as switch, pytest.raises(PortInUse, match="s02"):
        switch.change(decide)
    assert len(asked) == 2
    assert database.port("s01") == ("access", "999", "[]")
    assert database.port("up1") == ("trunk", "[]", "[999]")


def test_a_trunk_emptied_by_another_meanwhile_is_never_narrowed(database):
    asked = []

    def decide(current):
        asked.append(current["up1"])
        decision = ports.decide(PLACE, current, INTO_101)
        if len(asked) == 1:
            database.vsctl("clear", "Port", "up1", "trunks")
        return decision

    with session(database) as switch, pytest.raises(PortInUse, match="all VLANs"):
        switch.change(decide)
    assert database.port("up1") == ("trunk", "[]", "[]")


def test_two_removals_at_once_never_leave_a_trunk_empty(database):
    """Each alone would leave one VLAN; the second must find out that it is the last."""
    database.vsctl("set", "Port", "up1", "trunks=101,999")
    raced = []

    def decide(current):
        decision = ports.decide(PLACE, current, [{"name": "up1", "mode": "trunk", "remove": [101]}])
        if not raced:
            raced.append(True)
            database.vsctl("remove", "Port", "up1", "trunks", "999")
        return decision

    with session(database) as switch, pytest.raises(Refused):
        switch.change(decide)
    assert database.port("up1") == ("trunk", "[]", "[101]")


def test_many_orders_change_one_trunk_at_once(database):
    """Relative changes do not collide: none undoes another's, none needs more than one transaction."""
    vlans = range(100, 116)
    ready = threading.Barrier(len(vlans))

    def order(vlan):
        with session(database, timeout=10) as switch:
            switch.ports()
            ready.wait()
            switch.change(deciding([{"name": "up1", "mode": "trunk", "add": [vlan]}]))

    threads = [threading.Thread(target=order, args=(vlan,)) for vlan in vlans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert database.port("up1")[2] == str([*vlans, 999])
    assert database.transactions() == len(vlans)


def test_others_who_never_stop_are_given_up_on(database):
    def decide(current):
        other = 998 if current["s01"].tag == 999 else 999
        decision = ports.decide(PLACE, current, [{"name": "s01", "mode": "access", "vlan": 101}])
        database.vsctl("set", "Port", "s01", f"tag={other}")
        return decision

    with session(database) as switch, pytest.raises(DeviceFailed, match="gave up after"):
        switch.change(decide)
    assert database.transactions() == 0


def test_a_result_that_is_not_what_was_asked_for_is_an_error(database):
    """Somebody changes the port right after our transaction: the read back sees it."""
    asked = []

    def decide(current):
        asked.append(current["s01"])
        if len(asked) == 2:  # the read back
            current = dict(current) | {"s01": ports.Columns("access", 999)}
        return ports.decide(PLACE, current, INTO_101)

    with session(database) as switch, pytest.raises(DeviceFailed, match="leaf-r1a/s01 is access 999, not access 101"):
        switch.change(decide)


def test_a_switch_that_refuses_connections_is_unreachable_in_time(empty_database):
    started = time.monotonic()
    with session(empty_database, timeout=0.5) as switch, pytest.raises(Unreachable, match="refused"):
        switch.ports()
    assert time.monotonic() - started < 3


def test_a_switch_that_takes_connections_and_says_nothing_is_unreachable_in_time(database):
    database.freeze()
    started = time.monotonic()
    with session(database, timeout=0.5) as switch, pytest.raises(Unreachable, match="does not speak OVSDB in time"):
        switch.ports()
    assert time.monotonic() - started < 4


def test_a_switch_that_falls_silent_mid_change_is_unreachable_in_time(database):
    def decide(current):
        decision = ports.decide(PLACE, current, INTO_101)
        database.freeze()
        return decision

    started = time.monotonic()
    with session(database, timeout=0.5) as switch, pytest.raises(Unreachable):
        switch.change(decide)
    assert time.monotonic() - started < 4


def test_a_restart_of_the_database_mid_change_is_survived(database):
    asked = []

    def decide(current):
        asked.append(True)
        if len(asked) == 1:
            database.stop()
            database.start()
        return ports.decide(PLACE, current, INTO_101)

    with session(database, timeout=8) as switch:
        switch.change(decide)
    assert database.port("s01") == ("access", "101", "[]")
    assert database.transactions() == 1


def test_a_switch_that_does_not_apply_is_an_error(database):
    """Its database took the change, but no ovs-vswitchd is there to act on it."""
    with session(database, timeout=0.5) as switch:
        switch.change(deciding(INTO_101))
        with pytest.raises(DeviceFailed, match="did not apply"):
            switch.await_applied()
    database.vsctl("set", "Open_vSwitch", ".", "cur_cfg=1")
    with session(database, timeout=0.5) as switch:
        switch.await_applied()


def test_an_uninitialised_database_is_named(empty_database):
    empty_database.start()
    with session(empty_database) as switch, pytest.raises(NotFound, match="there are: none"):
        switch.ports()
