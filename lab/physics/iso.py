"""The discovery image: a tiny ISO 9660 file that holds what an InfraEnv's real one holds for us (ECMA-119)."""

from __future__ import annotations

import json
import struct

SECTOR = 2048
SYSTEM_AREA = 16  # sectors
MAGIC = b"LEASEHOLD-LAB-DISCOVERY-IMAGE\n"


class NotAnImage(ValueError):
    """These bytes are no discovery image of the lab."""


def build(content: dict) -> bytes:
    """An ISO whose only data is ``content``."""
    data = MAGIC + json.dumps(content).encode()
    sectors = -(-len(data) // SECTOR)
    total = SYSTEM_AREA + 2 + sectors
    return b"".join((
        bytes(SYSTEM_AREA * SECTOR),
        _descriptor(1, b"\0" + b"LINUX".ljust(32) + b"DISCOVERY".ljust(32) + bytes(8)
                    + struct.pack("<I", total) + struct.pack(">I", total)),
        _descriptor(255, b""),
        data.ljust(sectors * SECTOR, b"\0"),
    ))


def read(image: bytes) -> dict:
    """What `build` put in.

    :raises NotAnImage: this is something else.
    """
    descriptor = image[SYSTEM_AREA * SECTOR:][:SECTOR]
    data = image[(SYSTEM_AREA + 2) * SECTOR:]
    if descriptor[1:6] != b"CD001" or not data.startswith(MAGIC):
        raise NotAnImage("no discovery image")
    return json.loads(data[len(MAGIC):].rstrip(b"\0"))


def _descriptor(kind: int, rest: bytes) -> bytes:
    return (bytes([kind]) + b"CD001" + b"\1" + rest).ljust(SECTOR, b"\0")
