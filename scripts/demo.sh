#!/usr/bin/env bash
# The demo: a data centre in a box, and one order carried out in it. Quick when run again.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }

# The hub's binaries take longest, and need only Python's standard library and Go: they are built beside the set-up.
if go version 2>/dev/null | grep -qE 'go1\.(2[1-9]|[3-9][0-9])'; then
  say "Looking for the hub's kube-apiserver and etcd (built once, in a few minutes, where there are none)"
  "${PYTHON:-python3}" -m lab.hub.binaries &
  hub=$!
fi
scripts/setup.sh .venv
if [ -n "${hub:-}" ]; then wait "$hub"; else .venv/bin/python -m lab.hub.binaries; fi
export PATH=$PWD/.venv/bin:$PATH

say "A data centre: two racks of eight servers, five switches, a hub"
python -m lab up

say "Its source of truth, mirrored in the ledger"
ansible-playbook leasehold.cloud.source_sync -i inventory/lab >"$LEASEHOLD_LAB_DIR/log/source_sync.log" 2>&1 ||
  { cat "$LEASEHOLD_LAB_DIR/log/source_sync.log"; exit 1; }

say "An order: a cluster of four servers for tenant initech"
exec leasehold order create -f inventory/demo-order.yml -i inventory/lab --state-dir "$LEASEHOLD_LAB_DIR/runs" \
  --hint 'make lab-shell SERVER={server}' --hint 'make demo-down'
