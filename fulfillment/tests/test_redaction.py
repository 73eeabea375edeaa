# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from leasehold_fulfillment.redaction import Redactor


@pytest.mark.parametrize("name", ["LEASEHOLD_BMC_PASSWORD", "PGPASSWORD", "ANSIBLE_BECOME_PASS", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "netbox_api_key"])
def test_values_of_secret_variables_are_struck_wherever_they_are(name):
    redact = Redactor({name: "s3cr3t-value"})
    assert redact({"a": ["x s3cr3t-value y", {"b": "s3cr3t-value"}], "n": 1}) == {"a": ["x ******** y", {"b": "********"}], "n": 1}


def test_passwords_in_urls_are_struck_and_the_rest_stays():
    redact = Redactor({"LEASEHOLD_LEDGER": "postgresql+psycopg://ledger:hunter22@db:5432/ledger"})
    assert redact("connect postgresql+psycopg://ledger:hunter22@db:5432/ledger") == "connect postgresql+psycopg://ledger:********@db:5432/ledger"


def test_a_longer_secret_is_struck_as_a_whole_when_a_shorter_one_begins_it():
    assert Redactor({"A_TOKEN": "abcd", "B_TOKEN": "abcdefgh"})("abcdefgh") == "********"


def test_ordinary_variables_and_short_values_are_left_alone():
    redact = Redactor({"HOME": "/root", "LEASEHOLD_STATE_DIR": "/var/lib/leasehold", "X_PASSWORD": "no", "EMPTY_TOKEN": ""})
    assert redact("no home at /root or /var/lib/leasehold") == "no home at /root or /var/lib/leasehold"
