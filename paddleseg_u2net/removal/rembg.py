"""The arguments of rembg 2.0.86, in the words of this project."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence


def rembg_words(
    only_mask: bool = False,
    post_process_mask: bool = False,
    bgcolor: Optional[Sequence[int]] = None,
    vitmatte: bool = False,
    vitmatte_model: Optional[str] = None,
    alpha_matting: bool = False,
) -> Dict[str, Any]:
    """Give what rembg's arguments say as arguments of `options_of`; what is not said is left out.

    Args:
        only_mask: the opacity alone.
        post_process_mask: hard edges; see `alpha.hardened`.
        bgcolor: red, green, blue and perhaps opacity, 0 to 255. A mask has no background.
        alpha_matting: the opacity of edges is solved anew.

    Raises:
        ValueError: there is nothing like it here: ``vitmatte``, another network.
    """
    if vitmatte or vitmatte_model is not None:
        raise ValueError(
            "vitmatte: there is no such network here; leave it and vitmatte_model out, and take "
            "matting='band', which needs none"
        )
    words: Dict[str, Any] = {}
    if only_mask:
        words["only"] = "mask"
    if post_process_mask:
        words["hard"] = True
    if alpha_matting:
        words["matting"] = "band"
    if bgcolor is not None:
        if isinstance(bgcolor, str) or len(bgcolor) not in (3, 4):
            raise ValueError(
                "bgcolor: expected red, green, blue and perhaps opacity of 0 to 255, got "
                f"{bgcolor!r}; background takes colours by name"
            )
        if not only_mask:
            words["background"] = bgcolor
    return words
