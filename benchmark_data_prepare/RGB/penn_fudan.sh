#!/usr/bin/env bash
# Penn-Fudan into data/penn_fudan of this project; prepare.py --help tells what may be added.
set -e
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="${PYTHON:-$(ls "${here%/*}/.venv/bin/python" 2>/dev/null || command -v python || command -v python3)}"
exec "$python" "$here/prepare.py" penn_fudan --root "${here%/*}/data" "$@"
