#!/usr/bin/env bash
# Make this checkout runnable: Debian packages, a virtual environment by uv, and the working tree as the installed
# collection. Quick when there is nothing to do. Usage: scripts/setup.sh [VENV [PYTHON]]
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}
python=${2:-${PYTHON:-python3}}

say() { printf '\033[1m==>\033[0m %s\n' "$*"; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

packages=(openvswitch-switch iproute2 iputils-ping iputils-arping ethtool openssh-server openssh-client shellcheck python3-venv)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
done
# Only the server's binaries are wanted: the tests start a PostgreSQL of their own.
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
# Likewise of Redis, for the tests' own Nautobot: redis-tools has it (redis-check-rdb is redis-server by another name), and starts no service.
command -v redis-server >/dev/null || command -v redis-check-rdb >/dev/null || missing+=(redis-tools)
if [ "${#missing[@]}" -gt 0 ]; then
  say "Debian packages: ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then # the tests start servers of their own
    as_root mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if [ ! -x .cache/uv/bin/uv ]; then
  say "uv"
  "$python" -m venv .cache/uv
  .cache/uv/bin/pip install --quiet --disable-pip-version-check uv
fi

wanted=$(cat scripts/setup.sh requirements.txt lab/requirements.txt tests/requirements.txt fulfillment/pyproject.toml | sha256sum)
if [ "$(cat "$venv/.wanted" 2>/dev/null)" != "$wanted" ]; then
  say "Python environment $venv"
  [ -x "$venv/bin/python" ] || .cache/uv/bin/uv venv --quiet --python "$python" "$venv"
  .cache/uv/bin/uv pip install --quiet --python "$venv/bin/python" \
    -r requirements.txt -r lab/requirements.txt -r tests/requirements.txt -e fulfillment
  site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  mkdir -p "$site/ansible_collections/leasehold"
  ln -sfn "$PWD" "$site/ansible_collections/leasehold/cloud"
  printf '%s\n' "$wanted" >"$venv/.wanted"
fi
