# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Receipts as files."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.leasehold.cloud.plugins.module_utils import signing
from ansible_collections.leasehold.cloud.plugins.module_utils.core import receipt as core
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import InvalidInput, NotFound

SHAPE = {"kind": str, "order": dict, "servers": list, "segment": dict, "gates": list, "wipes": list, "times": dict}


def read(path: str) -> dict:
    """The JSON object in a file.

    :raises NotFound: there is no such file.
    :raises InvalidInput: it is not a JSON object.
    """
    about = {"object": f"receipt {path}", "attempted": "reading it", "remedy": "give the path of a receipt"}
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound("there is no such file", **about) from error
    except ValueError as error:
        raise InvalidInput(f"it is not JSON: {error}", **about) from error
    if not isinstance(document, dict):
        raise InvalidInput("it is not a JSON object", **about)
    return document


def read_all(directory: str) -> list[dict]:
    """The receipts of all clusters: the signed documents in the directories in ``directory``, which need not be there.

    :raises InvalidInput: one of them is no receipt.
    """
    found = []
    for file in sorted([*Path(directory).glob("*/receipt.json"), *Path(directory).glob("*/release-*.json")]):
        document = read(str(file))
        wrong = shape_fault(document) or (None if isinstance(document.get("signature"), dict) else "it is not signed")
        if wrong:
            raise InvalidInput(wrong, object=f"receipt {file}", attempted="reading it", remedy="restore it from a backup, or move it away")
        found.append(document)
    return found


def shape_fault(document: dict) -> str | None:
    """Why a document is no receipt; None when it is one."""
    wrong = [key for key, kind in SHAPE.items() if not isinstance(document.get(key), kind)]
    if wrong:
        return f"it is no receipt: {', '.join(wrong)} missing or of the wrong kind"
    if document.get("version") != core.VERSION:
        return f"it is of version {document.get('version')}, this collection reads {core.VERSION}"
    return None


def verify(document: dict, public_key_path: str) -> list[str]:
    """Everything that is wrong with a receipt: shape, signature, or content that does not prove what it certifies."""
    wrong = shape_fault(document)
    if wrong:
        return [wrong]
    forged = signing.fault(signing.public_key(public_key_path), core.signed_text(document), document.get("signature"))
    return ([forged] if forged else []) + core.problems(document)
