"""Multi-scale deformable attention (Zhu et al. 2021, "Deformable DETR", eq. 3) in Paddle's own
operators; PaddleSeg's needs a compiled one, ms_deform_attn, and ends the process without it.
"""

from __future__ import annotations

from typing import Any, Optional

import paddle.nn.functional as F
from paddle import Tensor
from paddleseg.models.layers.ms_deformable_attention import MSDeformAttn


class DeformableAttention(MSDeformAttn):
    """Of ViTAdapter; ``MSDeformAttn`` with the same weights, for reference points (x, y)."""

    def forward(
        self,
        query: Tensor,
        reference_points: Tensor,
        input_flatten: Tensor,
        input_spatial_shapes: Tensor,
        input_level_start_index: Tensor,
        input_padding_mask: Optional[Tensor] = None,
    ) -> Tensor:
        """Attend from each query (N, Q, C) to points around its reference (N, Q, levels, 2), in
        [0, 1], of the levels' features (N, sum of H * W, C); ``input_spatial_shapes`` (levels, 2)
        has H and W of each. The result is (N, Q, C).
        """
        assert input_padding_mask is None, "ViTAdapter gives no mask"
        batch, queries, heads = query.shape[0], query.shape[1], self.n_heads
        levels, points = self.n_levels, self.n_points
        value = self.value_proj(input_flatten)
        channels = value.shape[2] // heads
        value = value.reshape([batch, -1, heads, channels]).transpose([0, 2, 3, 1])
        offsets = self.sampling_offsets(query)
        offsets = offsets.reshape([batch, queries, heads, levels, points, 2])
        weights = F.softmax(
            self.attention_weights(query).reshape([batch, queries, heads, levels * points])
        ).reshape([batch, queries, heads, levels, points])
        sizes = input_spatial_shapes.flip(1).astype(query.dtype)  # W, H
        places = reference_points.unsqueeze([2, 4]) + offsets / sizes.reshape([levels, 1, 2])
        total: Any = 0
        for level in range(levels):
            height, width = input_spatial_shapes[level, 0], input_spatial_shapes[level, 1]
            start = input_level_start_index[level]
            here = value[:, :, :, start : start + height * width]
            here = here.reshape([batch * heads, channels, height, width])
            grid = 2 * places[:, :, :, level].transpose([0, 2, 1, 3, 4]) - 1
            grid = grid.reshape([batch * heads, queries, points, 2])
            found = F.grid_sample(here, grid, align_corners=False)  # (N * heads, c, Q, points)
            share = weights[:, :, :, level].transpose([0, 2, 1, 3])
            total = total + found * share.reshape([batch * heads, 1, queries, points])
        mixed = total.sum(-1).reshape([batch, heads * channels, queries])
        return self.output_proj(mixed.transpose([0, 2, 1]))
