# SPDX-License-Identifier: GPL-3.0-or-later
"""The last net under ``no_log``: the values of secrets that a run was given are struck from whatever it tells.

Ansible's core 2.19 prints the message of a failed task even when the task says ``no_log`` (measured), and a library's
exception may quote the URL that it was called with.
"""

from __future__ import annotations

import re

SECRET_NAME = re.compile(r"PASS(WORD|WD|PHRASE)?$|_PASS_|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY", re.IGNORECASE)
URL_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:([^/\s@]+)@", re.IGNORECASE)
MASK = "********"
SHORTEST = 4  # characters: shorter ones would strike out ordinary words


class Redactor:
    """Strikes secrets from text and JSON-able values. Knows them by the names of their variables, and passwords in URLs."""

    def __init__(self, environment: dict[str, str]):
        secrets = {value for name, value in environment.items() if SECRET_NAME.search(name)}
        secrets.update(match.group(1) for value in environment.values() for match in URL_PASSWORD.finditer(value))
        lines = {line.strip() for secret in secrets for line in secret.splitlines()}
        longest_first = sorted((line for line in lines if len(line) >= SHORTEST), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, value):
        """C(value) without secrets; containers are copied."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self._pattern.sub(MASK, value)
        if isinstance(value, dict):
            return {key: self(item) for key, item in value.items()}
        return [self(item) for item in value] if isinstance(value, list) else value
