"""A training doctor: what is wrong with a set-up, found before it is trained."""

from paddleseg_u2net.training.diagnosis.examination import (
    EXAMINATIONS,
    Examination,
    Result,
    register,
)
from paddleseg_u2net.training.diagnosis.finding import Finding
from paddleseg_u2net.training.diagnosis.report import Diagnosis
from paddleseg_u2net.training.diagnosis.run import diagnose

__all__ = [
    "EXAMINATIONS",
    "Diagnosis",
    "Examination",
    "Finding",
    "Result",
    "diagnose",
    "register",
]
