#!/usr/bin/env bash
# PP-HumanSeg14K into data/pp_humanseg14k of this project; prepare.py --help tells what may be added.
set -e
here="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="${PYTHON:-$(ls "${here%/*}/.venv/bin/python" 2>/dev/null || command -v python || command -v python3)}"
exec "$python" "$here/prepare.py" pp_humanseg14k --root "${here%/*}/data" "$@"
