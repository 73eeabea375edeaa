# SPDX-License-Identifier: GPL-3.0-or-later
"""A receipt certifies what was proven, and nothing else."""

from __future__ import annotations

import json

import pytest
from ansible_collections.leasehold.cloud.plugins.module_utils.core import receipt
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import GateFailed, InvalidInput, WipeUnproven

SERVER = {"name": "r1-s01", "serial": "S1", "class": "cpu", "bmc": {"address": "https://192.0.2.1"}, "state": "claimed"}
GATE = {"gate": "wire", "ok": True, "problems": [], "evidence": {"rtt_ms": 0.4}}
WIPES = {"r1-s01": {"wipes": [{"drive": "disk0", "serial": "D1", "task": "/t/1", "proven": True, "reason": "",
                               "started": "2026-11-20T08:00:00Z"}]}}


def made(kind="handover", **changed):
    given = {"order": {"cluster": "demo", "tenant": "acme"}, "servers": [SERVER], "segment": {"vlan": 101}, "gates": [GATE],
             "wipes": WIPES if kind == "release" else {}, "times": {"issued": "2026-11-20T09:00:00Z"}}
    return receipt.compose(kind, **{**given, **changed})


def test_it_names_servers_by_what_identifies_them():
    assert made()["servers"] == [{"name": "r1-s01", "serial": "S1", "class": "cpu"}]


def test_a_gate_that_did_not_pass_is_not_certified():
    with pytest.raises(GateFailed, match="gate cluster did not pass"):
        made(gates=[GATE, {"gate": "cluster", "ok": False}])


@pytest.mark.parametrize("wipes", [
    {},
    {"r1-s02": WIPES["r1-s01"]},
    {"r1-s01": {"wipes": []}},
    {"r1-s01": {"wipes": [WIPES["r1-s01"]["wipes"][0], {"drive": "disk1", "proven": False, "reason": "no log entry"}]}},
])
def test_a_release_without_all_evidence_is_not_certified(wipes):
    with pytest.raises(WipeUnproven):
        made("release", wipes=wipes)


@pytest.mark.parametrize("missing", [{"servers": []}, {"gates": []}])
def test_a_receipt_of_nothing_is_refused(missing):
    with pytest.raises(InvalidInput):
        made(**missing)


@pytest.mark.parametrize("same", [
    {"times": {"issued": "2027-01-01T00:00:00Z"}},
    {"gates": [GATE | {"evidence": {"rtt_ms": 9.1}}]},
])
def test_times_and_measurements_say_nothing_new(same):
    assert receipt.statement(made(**same)) == receipt.statement(made())


@pytest.mark.parametrize("other", [
    {"order": {"cluster": "demo", "tenant": "globex"}},
    {"servers": [SERVER | {"serial": "S2"}]},
    {"segment": {"vlan": 102}},
    {"gates": [GATE, GATE | {"gate": "cluster"}]},
])
def test_anything_else_does(other):
    assert receipt.statement(made(**other)) != receipt.statement(made())


def test_another_erase_is_another_statement():
    again = {"r1-s01": {"wipes": [WIPES["r1-s01"]["wipes"][0] | {"task": "/t/2"}]}}
    assert receipt.statement(made("release", wipes=again)) != receipt.statement(made("release"))


def test_the_signed_text_survives_a_round_trip_through_a_file():
    document = made()
    assert receipt.signed_text(json.loads(json.dumps(document, indent=2))) == receipt.signed_text(document)
    assert receipt.signed_text(document | {"signature": {"value": "x"}}) == receipt.signed_text(document)
