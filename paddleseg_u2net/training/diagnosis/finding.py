"""What an examination finds: how grave it is, how sure, in words, and what to change."""

from __future__ import annotations

from typing import Any, Dict, NamedTuple

# Training cannot give a usable network; it works, but worse or for something else than is meant;
# worth knowing.
ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (ERROR, WARNING, NOTE)

# It follows from what was read; nothing else is probable; only a look at the pictures can tell.
CERTAIN, LIKELY, LOOK = "certain", "likely", "worth a look"


class Finding(NamedTuple):
    """One thing that is wrong or strange."""

    name: str  # such as "masks_ignored": docs/diagnosis.md has a paragraph of each
    severity: str  # of `SEVERITIES`
    certainty: str  # CERTAIN, LIKELY or LOOK
    message: str
    yaml: str = ""  # the lines to change, if it is a matter of lines

    def as_json(self) -> Dict[str, Any]:
        """For a report."""
        return dict(self._asdict())
