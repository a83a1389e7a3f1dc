"""The backbones of U²-Net's paper that PaddleSeg has not, with torchvision's names of weights."""

from __future__ import annotations

from typing import List

from paddle import Tensor, nn
from paddle.vision.models.resnet import BottleneckBlock, ResNet

_VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class VGG16(nn.Layer):
    """The 13 convolutions of VGG-16 (Simonyan and Zisserman 2015, table 1, column D): five features
    at strides 1, 2, 4, 8, 16, each before the pooling that ends its stage.

    Args:
        in_channels: channels of the input image.
        batch_norm: a BatchNorm behind each convolution (torchvision's vgg16_bn).

    Attributes:
        feat_channels: channels of each feature.
    """

    def __init__(self, in_channels: int = 3, batch_norm: bool = False) -> None:
        super().__init__()
        layers: List[nn.Layer] = []
        self.ends, self.feat_channels = [], [stage[-1] for stage in _VGG16]
        for stage in _VGG16:
            for channels in stage:
                layers.append(nn.Conv2D(in_channels, channels, 3, padding=1))
                layers += [nn.BatchNorm2D(channels)] if batch_norm else []
                layers.append(nn.ReLU())
                in_channels = channels
            self.ends.append(len(layers) - 1)
            layers.append(nn.MaxPool2D(2, 2))
        self.features = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> List[Tensor]:
        """(N, in_channels, H, W), both 16 or more -> five features, fine to coarse."""
        found = []
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in self.ends:
                found.append(x)
        return found


class ResNet50(ResNet):
    """ResNet-50 (He et al. 2016, table 1): five features at strides 2, 4, 8, 16, 32, the first one
    before the pooling.

    Args:
        in_channels: channels of the input image.

    Attributes:
        feat_channels: channels of each feature.
    """

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__(BottleneckBlock, 50, num_classes=0, with_pool=False)
        if in_channels != 3:
            self.conv1 = nn.Conv2D(in_channels, 64, 7, stride=2, padding=3, bias_attr=False)
        self.feat_channels = [64, 256, 512, 1024, 2048]

    def forward(self, x: Tensor) -> List[Tensor]:
        """(N, in_channels, H, W) -> five features, fine to coarse."""
        x = self.relu(self.bn1(self.conv1(x)))
        found = [x]
        x = self.maxpool(x)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            found.append(x)
        return found
