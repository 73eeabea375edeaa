# SPDX-License-Identifier: GPL-3.0-or-later
"""What users have for Nautobot today, run in an environment with pynautobot: the same tables of one site, as its documentation shows it.

C(python sources_peers.py rest|graphql URL SITE); the token is in C(NAUTOBOT_TOKEN). Prints one JSON line.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time

import pynautobot

PAGE = 200  # devices of a page of the nested query; larger ones run into servers' time limits
NESTED = """query ($offset: Int!, $limit: Int!, $site: [String]) {
  devices(location: $site, offset: $offset, limit: $limit) {
    id name serial position role {name} device_type {model} rack {name} status {name} platform {name} tenant {name} primary_ip4 {host} tags {name}
    interfaces {
      id name type mac_address enabled mgmt_only lag {name} untagged_vlan {vid} tagged_vlans {vid} ip_addresses {host}
      connected_interface {name device {name}}
    }
  }
}"""


def rest(nautobot, site: str) -> int:
    """Every table, in pages of the largest size, pages at once."""
    tables = [nautobot.dcim.devices, nautobot.dcim.interfaces, nautobot.dcim.cables, nautobot.dcim.racks, nautobot.ipam.vlans, nautobot.ipam.prefixes]
    rows = [list(table.filter(location=site, limit=1000)) for table in tables]
    rows += [list(table.all(limit=1000)) for table in (nautobot.ipam.ip_addresses, nautobot.ipam.ip_address_to_interface, nautobot.tenancy.tenants)]
    return sum(map(len, rows))


def graphql(nautobot, site: str) -> int:
    """One nested query, in pages of devices."""
    count, offset = 0, 0
    while True:
        answer = nautobot.graphql.query(NESTED, variables={"offset": offset, "limit": PAGE, "site": [site]}).json
        if "errors" in answer:
            raise SystemExit(str(answer["errors"])[:500])
        page = answer["data"]["devices"]
        count += sum(1 + len(device["interfaces"]) for device in page)
        if len(page) < PAGE:
            return count
        offset += PAGE


def main() -> None:
    way, url, site = sys.argv[1:]
    nautobot = pynautobot.api(url, token=os.environ["NAUTOBOT_TOKEN"], threading=way == "rest")
    requests, size = [], []
    nautobot.http_session.hooks["response"].append(lambda answer, *_args, **_options: (requests.append(1), size.append(len(answer.content))) and None)
    began = time.monotonic()
    count = {"rest": rest, "graphql": graphql}[way](nautobot, site)
    print(json.dumps({
        "seconds": time.monotonic() - began, "processor": resource.getrusage(resource.RUSAGE_SELF).ru_utime, "requests": len(requests),
        "bytes": sum(size), "rows": count}))


if __name__ == "__main__":
    main()
