#!/usr/bin/env bash
# paddlepaddle 2.6.2 cannot be imported in a new virtual environment of Python 3.12.
#
# Versions: paddlepaddle 2.6.2 (wheel for CPython 3.12), Python 3.12.
# Behaviour: the wheel is published for Python 3.12, whose venv has no setuptools any more. `import
# paddle` imports setuptools (paddle/utils/cpp_extension), which the wheel's metadata does not ask
# for, so `pip install` and `pip check` are content and the import stops.
# Seen on 2026-11-29:
#   No broken requirements found.
#   ModuleNotFoundError: No module named 'setuptools'
#   with setuptools: 2.6.2
set -euo pipefail
python=${PYTHON312:-python3.12}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$python" -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "paddlepaddle==2.6.2" "numpy<2" 2>/dev/null
"$folder/env/bin/pip" check
imported() {
    "$folder/env/bin/python" -W ignore -c "import paddle; print(paddle.__version__)" 2>&1 | tail -1 || true
}
without=$(imported)
echo "$without"
"$folder/env/bin/pip" install --quiet setuptools 2>/dev/null
echo "with setuptools: $(imported)"
[ "$without" = "ModuleNotFoundError: No module named 'setuptools'" ] && [ "$(imported)" = "2.6.2" ]
