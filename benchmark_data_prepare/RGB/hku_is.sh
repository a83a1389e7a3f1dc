#!/usr/bin/env bash
# HKU-IS into data/hku_is of this project; prepare.py --help tells what may be added.
set -e
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="${PYTHON:-$(ls "${here%/*}/.venv/bin/python" 2>/dev/null || command -v python || command -v python3)}"
exec "$python" "$here/prepare.py" hku_is --root "${here%/*}/data" "$@"
