# Copyright: (c) 2026, leasehold.cloud contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The export templates that render a site compactly: the whole model in two requests, instead of one for each page of each kind of object.

They are NetBox's own Jinja templates, stored there by C(source_setup), and get one variable, C(queryset): the devices or sites that the request selects
and its token may see. All else is reached from there by the models' relations, in a dozen queries. What they say, M(rows) reads; the number in their names
changes whenever that does.

A template shows what belongs to the devices and the site selected, whatever permissions the token has on interfaces, addresses and VLANs alone.
"""

from __future__ import annotations

VERSION = 1
DEVICES = f"leasehold-devices-{VERSION}"
SITE = f"leasehold-site-{VERSION}"
PREFIX = "leasehold-"

# Far ends: the last nodes of complete and active cable paths ("<content type>:<id>"), so that patch panels have been followed by NetBox itself.
DEVICES_CODE = """\
{#- leasehold.cloud: devices with all that is theirs. Stored by source_setup; a change here is found there. -#}
{%- set model = queryset.model -%}
{%- set devices = queryset.order_by('id') -%}
{%- set interface = model.interfaces.rel.related_model -%}
{%- set interfaces = interface.objects.filter(device__in=queryset).order_by('id') -%}
{%- set mac = 'primary_mac_address__mac_address' if interface.primary_mac_address is defined else 'mac_address' -%}
{%- set complete = interfaces.filter(_path__is_complete=true, _path__is_active=true) -%}
{%- set origin = complete.values_list('_path__path__0', flat=true).first() -%}
{%- set kind = origin[0].split(':')[0] ~ ':' if origin else '' -%}
{%- set ends = complete.values_list('id', '_path__path__-1') | list -%}
{%- set own = dict(interfaces.values_list('id', 'device_id')) -%}
{%- set far = [] -%}
{%- for _id, nodes in ends -%}
{%- for node in nodes -%}
{%- if node.startswith(kind) and not own.get(node.split(':')[1] | int) -%}{%- set _ = far.append(node.split(':')[1] | int) -%}{%- endif -%}
{%- endfor -%}
{%- endfor -%}
{"leasehold": "devices-1",
"devices": {{ devices.values_list('id', 'name', 'role__slug', 'device_type__slug', 'rack_id', 'status', 'serial', 'platform__slug', 'tenant__slug',
  'custom_field_data') | list | tojson }},
"positions": { {%- for id, at in devices.filter(position__isnull=false).values_list('id', 'position') -%}
"{{ id }}": {{ at }}{{ '' if loop.last else ',' }}
{%- endfor -%} },
"hosts": { {%- for id, oob, four, six in devices.values_list('id', 'oob_ip__address', 'primary_ip4__address', 'primary_ip6__address') -%}
"{{ id }}": ["{{ oob or '' }}", "{{ four or '' }}", "{{ six or '' }}"]{{ '' if loop.last else ',' }}
{%- endfor -%} },
"objects": { {%- for field in queryset.first().custom_fields if field.type in ('object', 'multiobject') -%}
{%- set numbers = [] -%}
{%- for value in queryset.order_by().values_list('custom_field_data__' ~ field.name, flat=true).distinct() if value is not none -%}
{%- set _ = numbers.extend(value if value is iterable else [value]) -%}
{%- endfor -%}
"{{ field.name }}": { {%- for one in field.related_object_type.model_class().objects.filter(id__in=numbers) -%}
"{{ one.id }}": {{ one | string | tojson }}{{ '' if loop.last else ',' }}
{%- endfor -%} }{{ '' if loop.last else ',' }}
{%- endfor -%} },
"tags": {{ devices.filter(tags__isnull=false).values_list('id', 'tags__slug') | list | tojson }},
"racks": {{ model.rack.field.related_model.objects.filter(site__in=queryset.values('site')).order_by('id')
  .values_list('id', 'name', 'location__name') | list | tojson }},
"interfaces": {{ interfaces.values_list('id', 'device_id', 'name', 'type', 'enabled', 'mgmt_only', 'lag_id', 'untagged_vlan__vid', 'custom_field_data')
  | list | tojson }},
"macs": { {%- for id, address in interfaces.filter(**{mac ~ '__isnull': false}).values_list('id', mac) -%}
"{{ id }}": "{{ address }}"{{ '' if loop.last else ',' }}
{%- endfor -%} },
"tagged": {{ interfaces.filter(tagged_vlans__isnull=false).values_list('id', 'tagged_vlans__vid') | list | tojson }},
"interface_tags": {{ interfaces.filter(tags__isnull=false).values_list('id', 'tags__slug') | list | tojson }},
"kind": {{ kind | tojson }},
"ends": {{ ends | tojson }},
"far": {{ interface.objects.filter(id__in=far).order_by('id').values_list('id', 'device_id', 'device__name', 'name', 'lag__name', 'device__role__slug')
  | list | tojson }},
"far_tags": {{ model.objects.filter(interfaces__id__in=far, tags__isnull=false).order_by('id').values_list('id', 'tags__slug').distinct()
  | list | tojson }},
"addresses": {{ interfaces.filter(ip_addresses__isnull=false).values_list('ip_addresses__id', 'id', 'ip_addresses__dns_name', 'ip_addresses__status')
  | list | tojson }},
"inets": { {%- for id, inet in interfaces.filter(ip_addresses__isnull=false).values_list('ip_addresses__id', 'ip_addresses__address') -%}
"{{ id }}": "{{ inet }}"{{ '' if loop.last else ',' }}
{%- endfor -%} },
"address_tags": {{ interfaces.filter(ip_addresses__tags__isnull=false).values_list('ip_addresses__id', 'ip_addresses__tags__slug') | list | tojson }},
"end": true}
"""

# Of prefixes without a scope, only those that somebody gave a role or tag: a large NetBox has very many.
SITE_CODE = """\
{#- leasehold.cloud: what is of a site and not of one device. Stored by source_setup; a change here is found there. -#}
{%- set site = queryset.first() -%}
{%- set model = queryset.model -%}
{%- set vlan = model.vlans.rel.related_model -%}
{%- set group = vlan.group.field.related_model -%}
{%- set prefix = vlan.prefixes.rel.related_model -%}
{%- set prefixes = prefix.objects.order_by('id') -%}
{%- set regions = (site.region.get_ancestors(include_self=true) if site.region else []) | map(attribute='id') | list -%}
{%- set around = (site.group.get_ancestors(include_self=true) if site.group else []) | map(attribute='id') | list -%}
{%- set groups = [] -%}
{%- for terms in [
  {'scope_type__model': 'site', 'scope_id': site.id}, {'scope_type__model': 'location', 'scope_id__in': site.locations.values('id')},
  {'scope_type__model': 'region', 'scope_id__in': regions}, {'scope_type__model': 'sitegroup', 'scope_id__in': around}, {'scope_id__isnull': true},
] -%}
{%- set _ = groups.extend(group.objects.filter(**terms).order_by('id')) -%}
{%- endfor -%}
{%- set grouped = groups | map(attribute='id') | list -%}
{%- set vlans = [vlan.objects.get_for_site(site).order_by('id'), vlan.objects.filter(group__in=grouped).order_by('id')] -%}
{%- set where = [
  {'_site': site}, {'_site__isnull': true, '_region__in': regions}, {'_site__isnull': true, '_site_group__in': around},
  {'scope_id__isnull': true, 'role__isnull': false}, {'scope_id__isnull': true, 'role__isnull': true, 'tags__isnull': false},
] if prefix.scope_id is defined else [
  {'site': site}, {'site__isnull': true, 'role__isnull': false}, {'site__isnull': true, 'role__isnull': true, 'tags__isnull': false},
] -%}
{"leasehold": "site-1",
"site": {{ queryset.values_list('id', 'name', 'slug', 'custom_field_data') | list | tojson }},
"site_tags": {{ queryset.filter(tags__isnull=false).values_list('id', 'tags__slug') | list | tojson }},
"racks": {{ queryset.filter(racks__isnull=false).order_by('racks__id').values_list('racks__id', 'racks__name', 'racks__location__name') | list | tojson }},
"tenants": {{ model.tenant.field.related_model.objects.order_by('id').values_list('id', 'name', 'slug') | list | tojson }},
"groups": [{%- for one in groups -%}
[{{ one.id }}, {{ one.name | tojson }}, {{ one.slug | tojson }}, {{ one.custom_field_data | tojson }},
"{{ one.vid_ranges_list if one.vid_ranges_list is defined else (one.min_vid ~ '-' ~ one.max_vid) }}"]{{ '' if loop.last else ',' }}
{%- endfor -%}],
"group_tags": {{ group.objects.filter(id__in=grouped, tags__isnull=false).values_list('id', 'tags__slug') | list | tojson }},
"vlans": [{%- for some in vlans -%}
{{ some.values_list('id', 'vid', 'name', 'group_id', 'status', 'role__slug', 'tenant__slug', 'custom_field_data') | list | tojson
}}{{ '' if loop.last else ',' }}
{%- endfor -%}],
"vlan_tags": [{%- for some in vlans -%}
{{ some.filter(tags__isnull=false).values_list('id', 'tags__slug') | list | tojson }}{{ '' if loop.last else ',' }}
{%- endfor -%}],
"prefixes": [{%- for terms in where -%}{%- set outer = loop -%}
[{%- for row in prefixes.filter(**terms).values_list('id', 'prefix', 'status', 'role__slug', 'tenant__slug', 'vlan__vid', 'custom_field_data').distinct() -%}
[{{ row[0] }}, "{{ row[1] }}", {{ row[2:] | tojson }}]{{ '' if loop.last else ',' }}
{%- endfor -%}]{{ '' if outer.last else ',' }}
{%- endfor -%}],
"prefix_tags": [{%- for terms in where -%}
{{ prefixes.filter(**terms).filter(tags__isnull=false).values_list('id', 'tags__slug').distinct() | list | tojson }}{{ '' if loop.last else ',' }}
{%- endfor -%}],
"end": true}
"""

CODE = {DEVICES: ("dcim.device", DEVICES_CODE), SITE: ("dcim.site", SITE_CODE)}
