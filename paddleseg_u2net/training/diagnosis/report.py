"""What was found, as a verdict in words, as Markdown and as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Dict, List, Tuple

from paddleseg_u2net.metrics import json_ready
from paddleseg_u2net.training.diagnosis.examination import Examination, Result
from paddleseg_u2net.training.diagnosis.finding import ERROR, SEVERITIES, WARNING, Finding

_MARKS = {"error": "ERROR", "warning": "WARNING", "note": "note"}


@dataclass
class Diagnosis:
    """The results of all examinations.

    Attributes:
        made: each examination with its result, in their order.
        configuration: what was examined, as YAML.
        seconds: how long it took.
    """

    made: List[Tuple[Examination, Result]]
    configuration: str
    seconds: float

    @property
    def findings(self) -> List[Finding]:
        """All findings, the gravest first."""
        every = [finding for _, result in self.made for finding in result.findings]
        return sorted(every, key=lambda finding: SEVERITIES.index(finding.severity))

    @property
    def can_train(self) -> bool:
        """Whether nothing was found with which training cannot work."""
        return all(finding.severity != ERROR for finding in self.findings)

    @property
    def verdict(self) -> str:
        """One or two sentences."""
        findings = self.findings
        names = ", ".join(finding.name for finding in findings if finding.severity == ERROR)
        if names:
            return f"Training cannot work as it is set up: {names}. Mend that first."
        names = ", ".join(finding.name for finding in findings if finding.severity == WARNING)
        if names:
            return f"Training can work, but something is wrong or will hold it back: {names}."
        return "Nothing stands in the way of training."

    def lines(self) -> List[str]:
        """Findings, lines to change and the verdict, for a terminal."""
        found: List[str] = []
        for finding in self.findings:
            found.append(f"{_MARKS[finding.severity]} ({finding.certainty}) {finding.name}:")
            found.append(f"    {finding.message}")
            found += [f"        {line}" for line in finding.yaml.splitlines()]
        return [*found, f"Verdict: {self.verdict}"]

    def files(self) -> Dict[str, bytes]:
        """The report as Markdown and as JSON, by their names."""
        texts = {"report.md": self._markdown(), "diagnosis.json": self._json()}
        return {name: text.encode("utf-8") for name, text in texts.items()}

    def _markdown(self) -> str:
        lines = ["# Diagnosis", "", f"**{self.verdict}**", ""]
        for finding in self.findings:
            lines += [
                f"## {_MARKS[finding.severity]}: {finding.name} ({finding.certainty})",
                "",
                finding.message,
                "",
            ]
            if finding.yaml:
                lines += ["```yaml", finding.yaml, "```", ""]
        lines += ["## What was looked at", ""]
        for examination, result in self.made:
            mark = "" if not result.findings else " *See above.*"
            lines.append(f"- {examination.looks_at}: {result.seen}{mark}")
            lines += [f"  ![{name}]({name})" for name in result.pictures]
        lines += ["", f"It took {self.seconds:.0f} s.", ""]
        return "\n".join(lines)

    def _json(self) -> str:
        told: Dict[str, Any] = {
            "verdict": self.verdict,
            "can_train": self.can_train,
            "seconds": round(self.seconds, 1),
            "examinations": {
                examination.name: {
                    "looks_at": examination.looks_at,
                    "seen": result.seen,
                    "measured": result.measured,
                    "findings": [finding.as_json() for finding in result.findings],
                    "pictures": list(result.pictures),
                }
                for examination, result in self.made
            },
            "configuration": self.configuration,
        }
        return json.dumps(json_ready(told), indent=2) + "\n"
