# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fastest way: the export templates of M(templates), rendered by NetBox."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import DeviceFailed
from ansible_collections.leasehold.cloud.plugins.module_utils.core.records import Records, Wide
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox import rows
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.api import Api, chunks, view
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.templates import DEVICES, SITE
from ansible_collections.leasehold.cloud.plugins.module_utils.sources.netbox.ways import NoWay

SETUP = f"run leasehold.cloud.source_setup once, and give the token's user the permission {view('extras.exporttemplate')}"


class Template:
    """Two requests for a whole site."""

    name = "template"

    def __init__(self, api: Api):
        self.api = api

    def whole(self) -> Records:
        """:raises NoWay: the templates are not there, not to be seen, or fail."""
        wide, found = self.api.client.map(lambda ask: ask(), [self.wide, lambda: self._devices({})])
        return Records(wide, found.devices, found.interfaces, found.ends, found.addresses)

    def wide(self) -> Wide:
        """What is site-wide."""
        return rows.wide(self._render("dcim/sites", SITE, {"id": self.api.site_id}, "dcim.site"))

    def some(self, filters: Mapping[str, Iterable]) -> Records:
        """The site's devices that match any of the filters, each once."""
        asked = [(name, piece) for name, values in filters.items() for piece in chunks(name, values)]
        found = Records()
        for part in self.api.client.map(lambda one: self._devices({one[0]: one[1]}), asked):
            found = found.merged(part)
        return found

    def _devices(self, chosen: Mapping) -> Records:
        # config_context: contexts merged for each device take most of the time, and are not asked for
        params = {**chosen, "site_id": self.api.site_id, "exclude": "config_context"}
        return rows.devices(self._render("dcim/devices", DEVICES, params, "dcim.device"))

    def _render(self, path: str, template: str, params: Mapping, needs: str) -> dict:
        try:
            answer = self.api.get(path, {**params, "export": template}, view(needs), accept=(404,))
        except DeviceFailed as error:
            if error.details.get("status") != 500:
                raise
            raise NoWay(f"the export template {template} fails there ({error.details.get('answer')}); {SETUP}") from error
        if answer.status == 404:
            raise NoWay(f"there is no export template {template}, or the token may not see it; {SETUP}")
        document = self._document(answer, template)
        if document.get("leasehold") != template.removeprefix("leasehold-") or not document.get("end"):
            raise NoWay(f"the export template {template} is not the one that source_setup stores; {SETUP}")
        return document

    def _document(self, answer, template: str) -> dict:
        try:
            document = answer.json()
        except DeviceFailed as error:
            raise NoWay(f"the export template {template} renders no JSON; {SETUP}") from error
        return document if isinstance(document, dict) else {}
