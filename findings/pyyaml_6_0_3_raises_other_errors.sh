#!/usr/bin/env bash
# PyYAML 6.0.3: safe_load of well-formed YAML raises errors that are no YAMLError.
#
# Versions: PyYAML 6.0.3.
# Behaviour: texts that the core schema's constructors do not expect end in whatever Python raised
# there. A reader of users' configurations that catches yaml.YAMLError, as its documentation shows,
# lets these through as tracebacks without a line number.
# Seen on 2026-11-29:
#   !!int ''           IndexError
#   !!bool maybe       KeyError
#   !!timestamp soon   AttributeError
#   day: 2026-02-30    ValueError
#   !!binary é         ConstructorError (a YAMLError)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet "pyyaml==6.0.3" 2>/dev/null
cat > "$folder/look.py" <<'PY'
import yaml

for text in ("!!int ''", "!!bool maybe", "!!timestamp soon", "day: 2026-02-30", "!!binary é"):
    try:
        yaml.safe_load(text)
    except Exception as error:
        note = " (a YAMLError)" if isinstance(error, yaml.YAMLError) else ""
        print(f"{text:<19}{type(error).__name__}{note}")
PY
"$folder/env/bin/python" "$folder/look.py" | tee "$folder/seen"
diff "$folder/seen" - <<'SEEN'
!!int ''           IndexError
!!bool maybe       KeyError
!!timestamp soon   AttributeError
day: 2026-02-30    ValueError
!!binary é         ConstructorError (a YAMLError)
SEEN
