"""U²-Net in PyTorch, from the figure and the table of the paper, with the official layer names.

Written without a look at ``paddleseg_u2net``: its tests compare the two.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

HEIGHTS = [7, 6, 5, 4, "4F", "4F", "4F", 4, 5, 6, 7]  # stages 1 .. 6, then 5d .. 1d
U2NETP = [(height, 16, 64) for height in HEIGHTS]
# The same heights with few channels, no two stages alike.
NARROW = [(height, 2 + row % 3, 4 + row % 4) for row, height in enumerate(HEIGHTS)]


class Unit(nn.Module):
    """Convolution, BatchNorm, ReLU."""

    def __init__(self, inside, outside, dilation=1):
        super().__init__()
        self.conv_s1 = nn.Conv2d(inside, outside, 3, padding=dilation, dilation=dilation)
        self.bn_s1 = nn.BatchNorm2d(outside)
        self.relu_s1 = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu_s1(self.bn_s1(self.conv_s1(x)))


class Block(nn.Module):
    """The RSU of figure 2c: residual plus U."""

    def __init__(self, height, inside, mid, outside):
        super().__init__()
        self.flat = str(height).endswith("F")
        self.depth = depth = int(str(height)[0])
        self.rebnconvin = Unit(inside, outside)
        for i in range(1, depth + 1):
            dilation = 2 ** (i - 1) if self.flat else (2 if i == depth else 1)
            setattr(self, f"rebnconv{i}", Unit(outside if i == 1 else mid, mid, dilation))
        for i in range(depth - 1, 0, -1):
            dilation = 2 ** (i - 1) if self.flat else 1
            setattr(self, f"rebnconv{i}d", Unit(2 * mid, outside if i == 1 else mid, dilation))

    def forward(self, x):
        residual = self.rebnconvin(x)
        return residual + self.inner(residual, 1)

    def inner(self, x, level):
        here = getattr(self, f"rebnconv{level}")(x)
        if level == self.depth:
            return here
        if self.flat or level == self.depth - 1:
            below = self.inner(here, level + 1)
        else:
            below = enlarge(self.inner(F.max_pool2d(here, 2, 2, ceil_mode=True), level + 1), here)
        return getattr(self, f"rebnconv{level}d")(torch.cat([below, here], 1))


def enlarge(x, like):
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


class TorchU2Net(nn.Module):
    """Seven maps through a sigmoid: the fused one, then side outputs 1 .. 6."""

    def __init__(self, rows=U2NETP, num_classes=1, in_channels=3, sigmoid=True):
        super().__init__()
        down, up = rows[:6], rows[6:]
        channels = in_channels
        for i, (height, mid, outside) in enumerate(down, 1):
            setattr(self, f"stage{i}", Block(height, channels, mid, outside))
            channels = outside
        for i, (height, mid, outside) in zip((5, 4, 3, 2, 1), up):
            setattr(self, f"stage{i}d", Block(height, channels + down[i - 1][2], mid, outside))
            channels = outside
        for i in range(1, 6):
            setattr(self, f"side{i}", nn.Conv2d(up[5 - i][2], num_classes, 3, padding=1))
        self.side6 = nn.Conv2d(down[5][2], num_classes, 3, padding=1)
        self.outconv = nn.Conv2d(6 * num_classes, num_classes, 1)
        self.sigmoid = sigmoid

    def forward(self, x):
        skips = [self.stage1(x)]
        for i in range(2, 7):
            pooled = F.max_pool2d(skips[-1], 2, 2, ceil_mode=True)
            skips.append(getattr(self, f"stage{i}")(pooled))
        x = skips.pop()
        maps = [self.side6(x)]
        for i in range(5, 0, -1):
            skip = skips.pop()
            x = getattr(self, f"stage{i}d")(torch.cat([enlarge(x, skip), skip], 1))
            maps.insert(0, getattr(self, f"side{i}")(x))
        maps = [maps[0], *(enlarge(side, maps[0]) for side in maps[1:])]
        maps = [self.outconv(torch.cat(maps, 1)), *maps]
        return tuple(torch.sigmoid(one) for one in maps) if self.sigmoid else tuple(maps)


def drawn_model(rows, seed=0, **arguments):
    """A model for evaluation with random weights and BatchNorm statistics."""
    torch.manual_seed(seed)
    model = TorchU2Net(rows, **arguments).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.1, 0.5)
    return model


def published_state(model):
    """Its weights by the names that they have in Paddle."""
    renamed = {"running_mean": "_mean", "running_var": "_variance"}
    state = {}
    for name, value in model.state_dict().items():
        prefix, _, last = name.rpartition(".")
        if last != "num_batches_tracked":
            state[f"{prefix}.{renamed.get(last, last)}"] = np.array(value)
    return state
