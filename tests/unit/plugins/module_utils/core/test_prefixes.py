# SPDX-License-Identifier: GPL-3.0-or-later
"""Which prefix: against the same choice made piece by piece, and where there are too many pieces for that."""

from __future__ import annotations

import collections
import ipaddress

import pytest
from hypothesis import event, given, strategies as st

from ansible_collections.leasehold.cloud.plugins.module_utils.core import allocate
from ansible_collections.leasehold.cloud.plugins.module_utils.core.claims import Claims
from ansible_collections.leasehold.cloud.plugins.module_utils.core.errors import NoCapacity, OutsideEnvelope
from ansible_collections.leasehold.cloud.plugins.module_utils.core.models import Envelope, PrefixPool

from .sites import site


def the_slow_way(pools, envelope: Envelope, held):
    """The first prefix that may be taken, piece by piece; else how many are held, how many outside, and the first of these."""
    reasons, outside = collections.Counter(), []
    for pool in pools:
        for piece in ipaddress.ip_network(pool.prefix).subnets(new_prefix=pool.length):
            if any(other.version == piece.version and other.overlaps(piece) for other in map(ipaddress.ip_network, held)):
                reasons["held by a cluster"] += 1
            elif envelope.allows_prefix(str(piece)):
                return piece
            else:
                reasons["outside the envelope"] += 1
                outside.append(piece)
    return dict(reasons), outside[:1]


@st.composite
def networks(draw, shortest: int, longest: int) -> str:
    """A prefix of 10.0.0.0/16 or of 2001:db8::/32."""
    space = ipaddress.ip_network(draw(st.sampled_from(["10.0.0.0/16", "2001:db8::/32"])))
    length = space.prefixlen + draw(st.integers(shortest, longest))
    place = draw(st.integers(0, 2 ** (length - space.prefixlen) - 1))
    return str(type(space)((int(space.network_address) + (place << space.max_prefixlen - length), length)))


@given(st.lists(networks(0, 2), min_size=1, max_size=2), st.lists(networks(0, 6), max_size=5), st.sets(networks(1, 7), max_size=12), st.integers(4, 6))
def test_a_prefix_is_the_one_that_is_found_piece_by_piece(prefixes, envelope, held, bits):
    pools = [PrefixPool("pool", prefix, (16 if "." in prefix else 32) + bits) for prefix in prefixes]
    allowed = Envelope(("100-103",), tuple(envelope), ("*",))
    expected = the_slow_way(pools, allowed, held)
    try:
        found = allocate.choose_segment("blue", site(prefix_pools=tuple(pools), envelope=allowed), Claims(prefixes=dict.fromkeys(held, "red")), 3)
    except (NoCapacity, OutsideEnvelope) as error:
        event(error.error_code)
        assert (error.details["reasons"], [error.object]) == (expected[0], [f"prefix {piece}" for piece in expected[1]] or ["prefix pools"])
    else:
        assert found.prefix == str(expected)


def test_a_pool_of_more_prefixes_than_can_be_looked_at():
    """Those of a /32 are four thousand million."""
    pools = (PrefixPool("six", "2001:db8::/32", 64),)
    elsewhere = site(prefix_pools=pools, envelope=Envelope(("100-103",), ("2001:db9::/48", "2001:db8:8000::/80"), ("*",)))
    held = {"2001:db8::/64": "red", "2001:db8:0:1::/96": "red", "2001:db8:4000::/34": "red"}
    with pytest.raises(OutsideEnvelope) as caught:
        allocate.choose_segment("blue", elsewhere, Claims(prefixes=held), 3)
    assert caught.value.object == "prefix 2001:db8:0:2::/64"
    assert caught.value.details["reasons"] == {"held by a cluster": 2 + 2**30, "outside the envelope": 2**32 - 2 - 2**30}
    inside = site(prefix_pools=pools, envelope=Envelope(("100-103",), ("2001:db8:4000::/34", "2001:db8:8000::/33"), ("*",)))
    assert allocate.choose_segment("blue", inside, Claims(prefixes=held), 3).prefix == "2001:db8:8000::/64", "what is held is passed over at once"
    with pytest.raises(NoCapacity):
        allocate.choose_segment("blue", inside, Claims(prefixes={"2001:db8::/32": "red"}), 3)


def test_the_prefixes_of_an_envelope_are_taken_in_their_own_order():
    envelope = Envelope(("100-103",), ("10.64.3.0/24", "10.64.1.128/25", "10.64.2.0/24", "10.64.2.0/23", "2001:db8::/32"), ("*",))
    assert allocate.choose_segment("blue", site(envelope=envelope), Claims(), 3).prefix == "10.64.2.0/24"
