#!/usr/bin/env bash
# ansible-test sanity and the unit tests, on this environment's ansible-core and on the newest that an interpreter of
# this machine can run. ansible-test wants a path that ends in ansible_collections/leasehold/cloud, so
# what git tracks is laid out there.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
work=$root/.cache/sanity
tree=$work/ansible_collections/leasehold/cloud

newest_python() { # prints an interpreter of 3.12 or newer, the newest first; fails when there is none
  local candidate
  for candidate in python3.14 python3.13 python3.12 "$HOME"/.pyenv/versions/3.1[2-9]*/bin/python3; do
    if "$candidate" -c 'import sys, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

lay_out() {
  rm -rf "$tree"
  mkdir -p "$tree"
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$tree" --
  git -C "$tree" init -q
  git -C "$tree" add -A
}

sanity() { # VENV
  local venv=$root/$1 home=$work/home version
  version=$(grep -ohP "pip='\K[0-9.]+" "$venv"/lib/python3.*/site-packages/ansible_test/_internal/python_requirements.py | head -1)
  mkdir -p "$home/.ansible/test/cache"
  # ansible-test fetches get-pip.py for its environments; Python's own ensurepip serves as well, without a network.
  echo 'import ensurepip; ensurepip.bootstrap(default_pip=True)' >"$home/.ansible/test/cache/get_pip_${version//./_}.py"
  (cd "$tree" && HOME=$home PATH=$venv/bin:$PATH "$venv/bin/ansible-test" sanity --local --color no \
    --python "$("$venv/bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')")
}

unit() { # VENV; without the ledger's and the sources', which take long and know of Ansible nothing but what the others show
  PATH=$root/$1/bin:$PATH "$root/$1/bin/python" -m pytest -q -n 3 --dist worksteal tests/unit --ignore tests/unit/plugins/module_utils/ledger --ignore tests/unit/plugins/module_utils/sources
}

lay_out
sanity .venv
if python=$(newest_python); then
  [ "$(.venv/bin/python -c 'import sys; print(sys.version_info >= (3, 12))')" = True ] || {
    scripts/setup.sh .venv-newest "$python"
    sanity .venv-newest
    unit .venv-newest
  }
else
  echo "skipped: the newest ansible-core needs Python 3.12 or newer, and this machine has none"
fi
