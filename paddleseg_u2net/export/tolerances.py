"""How far exported files may be from the model that they were made of."""

from __future__ import annotations

from pathlib import Path

from paddleseg_u2net.export.quantization.guard import Measured
from paddleseg_u2net.export.quantization.search import Found
from paddleseg_u2net.export.verify import Compared
from paddleseg_u2net.inference.description import Description, ExportError
from paddleseg_u2net.log import logger

# Differences of probabilities, the largest and the mean one. In float32 they come from sums in
# another order: 7e-5 and 3e-7 on the published U2NetP. Weights rounded to float16 make 0.17 and
# 1.2e-3 (26 pictures; its weights with the bits drawn that the published file has lost).
TOLERANCES = {"fp32": (1e-3, 1e-4), "fp16": (0.5, 5e-3)}


_AGAIN = {
    "fp32": "this is a defect of the program or of the disk: try again, and report it",
    "fp16": "take --precision fp32",
}


def refuse_unmeasured(made: Description, note: str, target: Path) -> None:
    """Raise ExportError if nobody saw that layers which must stay in float32 do."""
    kept = len(made.guard.get("kept", ()))
    if made.precision == "bf16" and kept and note:
        raise ExportError(
            f"{target}: not written: {kept} layers have to stay in float32, and whether the engine "
            "keeps them there shows only where OpenVINO computes in bfloat16, which it does not "
            "here; export on a processor with AVX512-BF16 or AMX, allow a larger "
            "--max_mae_increase, or take --precision int8"
        )


def refuse_increase(
    found: Found, measured: Measured, tolerance: float, backend: str, target: Path
) -> None:
    """Raise ExportError if the written files are off by more than was allowed in the search."""
    logger.info(
        f"Run by {backend} on the {measured.images} images that the search was checked by: "
        f"MAE {measured.increase:+.5f} against {found.against}, allowed is {tolerance:g}; "
        f"difference from fp32 {measured.difference:.5f}"
    )
    if not found.guard.inside(measured, tolerance):
        raise ExportError(
            f"{target}: not written: run by {backend}, maps are off by {measured.increase:+.5f} "
            f"and differ from fp32 by {measured.difference:.5f}, more than --max_mae_increase "
            f"{tolerance:g} allows, though the search measured {found.increase:+.5f} and "
            f"{found.difference:.5f}; allow more, or take --precision fp32"
        )


def refuse_differences(found: Compared, precision: str, target: Path) -> None:
    """Raise ExportError unless the differences are those of the precision."""
    limits = TOLERANCES.get(precision)
    # NaN is no agreement
    if limits and not (found.largest <= limits[0] and found.mean <= limits[1]):
        raise ExportError(
            f"{target}: not written: its probabilities differ from the model's by "
            f"{found.largest:.3g} at most and {found.mean:.3g} on average, {precision} accounts "
            f"for {limits[0]:g} and {limits[1]:g}; {_AGAIN[precision]}"
        )
