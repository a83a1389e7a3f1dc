"""HDR and BT.2020 colours to those of BT.709, as one table for FFmpeg's filter `lut3d`.

Sources: SMPTE ST 2084 (PQ) and ARIB STD-B67 (HLG) as in ITU-R BT.2100-2; BT.2390-10, 5.4.1 (the
tone curve); BT.2408 (203 cd/m2 is white); BT.2087 (BT.2020 to BT.709); BT.1886 (gamma 2.4).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

# ITU-T H.273.
PQ, HLG = 16, 18
BT2020 = 9  # primaries
NAMES = {PQ: "PQ (SMPTE ST 2084, HDR10)", HLG: "HLG (ARIB STD-B67)"}

_WHITE = 203.0  # cd/m2
_PEAK = 1000.0  # of HLG's display, and of most that is mastered in PQ; what is brighter is white
_GAMMA = 2.4
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
_LUMA = np.array([0.2627, 0.6780, 0.0593])
_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
)
_SIDE = 33  # of the table


def write_table(path: Path, transfer: int) -> None:
    """Write the table for a transfer of ITU-T H.273, of BT.2020's primaries, as a .cube file."""
    steps = np.linspace(0, 1, _SIDE)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")  # red is the fastest
    codes = np.stack([red, green, blue], axis=-1).reshape(-1, 3)
    lines = "\n".join(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in to_bt709(codes, transfer))
    path.write_text(f"LUT_3D_SIZE {_SIDE}\n{lines}\n", encoding="ascii")


def to_bt709(codes: np.ndarray, transfer: int) -> np.ndarray:
    """R'G'B' of BT.709 of such of BT.2020, (N, 3) from 0 to 1.

    What BT.709 lacks is below 0 or above 1, which is cut off after it was interpolated.
    """
    if transfer == PQ:
        light = _toned(pq_light(codes)) / _WHITE
    elif transfer == HLG:
        light = _toned(hlg_light(codes)) / _WHITE
    else:
        light = codes**_GAMMA
    made = light @ _TO_BT709.T
    return np.sign(made) * np.abs(made) ** (1 / _GAMMA)


def pq_light(codes: np.ndarray) -> np.ndarray:
    """Light in cd/m2 of PQ's codes."""
    power = codes ** (1 / _M2)
    return 10000 * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1)


def pq_codes(light: np.ndarray) -> np.ndarray:
    """The inverse of `pq_light`."""
    power = (light / 10000) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2


def hlg_light(codes: np.ndarray) -> np.ndarray:
    """Light in cd/m2 of HLG's codes on its display of 1000 cd/m2."""
    scene = np.where(codes <= 0.5, codes**2 / 3, (np.exp((codes - _C) / _A) + _B) / 12)
    return _PEAK * (scene @ _LUMA)[:, None] ** 0.2 * scene


def _toned(light: np.ndarray) -> np.ndarray:
    """Light of at most white: all of a pixel by the factor of its largest part, so hues stay."""
    largest = light.max(axis=1, keepdims=True)
    peak, most = pq_codes(np.array(_PEAK)), pq_codes(np.array(_WHITE))
    code, most = np.minimum(pq_codes(largest) / peak, 1), most / peak
    knee = 1.5 * most - 0.5
    t = np.clip((code - knee) / (1 - knee), 0, 1)
    curve = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee)
    curve += (-2 * t**3 + 3 * t**2) * most
    mapped = pq_light(np.where(code > knee, curve, code) * peak)
    return light * np.where(largest > 0, mapped / np.maximum(largest, 1e-9), 1)
