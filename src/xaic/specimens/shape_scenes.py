"""Specimen ``shape-scenes``: drawn pictures of one or two shapes with exact masks, under a multi-label CNN.

The pictures come from ``scene_drawing`` at every load; only weights and the list of usable scenes are shipped.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from xaic.families.base import Material
from xaic.families.model import build, make_model
from xaic.specimens.base import Specimen, register_specimen
from xaic.specimens.scene_drawing import CLASSES, Scenes, draw_scenes
from xaic.specimens.training import interleave, logits, save, train

if TYPE_CHECKING:
    from pathlib import Path

    from xaic.families.model import Model

BLOCKS = [[16], [32], [64]]
BUILDER = "xaic.specimens.networks:convolutional"
CONFIG: dict[str, Any] = {"channels": 3, "blocks": BLOCKS, "classes": len(CLASSES), "norm": False}
STREAMS = {"training": 20, "background": 21, "single": 22, "pairs": 23}
_TRAINING, _BACKGROUND, _TRIED, _UNITS, _EPOCHS, _RATE = 24000, 256, 1000, 400, 24, 4e-3


@register_specimen
class ShapeScenes(Specimen):
    """Shapes on cluttered grounds; units are scenes whose objects the network names exactly."""

    id = "shape-scenes"

    def model(self) -> Model:
        """Return the network: sigmoid scores of five classes."""
        weights = self.file("cnn.safetensors")
        return make_model(BUILDER, CONFIG, weights, "sigmoid", representation="pool", classes=CLASSES)

    def _load(self, variant: str) -> Material:
        chosen = json.loads(self.file("units.json").read_text("utf-8"))[variant]
        scenes = draw_scenes(STREAMS[variant], chosen, 1 if variant == "single" else 2)
        background = draw_scenes(STREAMS["background"], range(_BACKGROUND))
        target = torch.from_numpy(scenes.classes[:, 0].copy())
        return Material(
            kind="image",
            inputs=torch.from_numpy(scenes.images),
            labels=torch.from_numpy(scenes.labels),
            targets=target,
            units=tuple(f"{variant}-{index:04d}" for index in chosen),
            background=torch.from_numpy(background.images),
            background_labels=torch.from_numpy(background.labels),
            model=self.model(),
            truths=_truths(scenes),
        )

    def build(self, out: Path, **options: Any) -> dict[str, float]:
        """Draw training scenes, train with BatchNorm, fold it away, list usable scenes. Option: ``epochs``."""
        scenes = draw_scenes(STREAMS["training"], range(_TRAINING))
        images, labels = torch.from_numpy(scenes.images), torch.from_numpy(scenes.labels)
        epochs = int(options.get("epochs", _EPOCHS))
        trained = train(BUILDER, {**CONFIG, "norm": True}, images, labels, epochs=epochs, seed=24, rate=_RATE)
        module = fold(trained)
        save(module, out / "cnn.safetensors")
        performance, chosen = {}, {}
        for variant, objects in (("single", 1), ("pairs", 2)):
            tried = draw_scenes(STREAMS[variant], range(_TRIED), objects)
            right = exact(module, tried)
            performance[f"{variant}/exact_match"] = float(right.float().mean())
            rows = right.nonzero().flatten()
            chosen[variant] = interleave(torch.from_numpy(tried.classes[:, 0])[rows], rows)[:_UNITS]
        (out / "units.json").write_text(json.dumps(chosen) + "\n", "utf-8")
        return performance


def exact(module: nn.Module, scenes: Scenes) -> torch.Tensor:
    """Return [N] whether the classes with a score above 1/2 are exactly those of the scene."""
    said = logits(module, torch.from_numpy(scenes.images)) > 0
    return (said == torch.from_numpy(scenes.labels > 0)).all(1)


def fold(trained: nn.Module) -> nn.Module:
    """Return the same function without BatchNorm: w' = w g / s, b' = b - m g / s, where s = √(v + ε)."""
    plain = build(BUILDER, CONFIG)
    state = trained.state_dict()
    for name, module in trained.named_modules():
        if not isinstance(module, nn.BatchNorm2d):
            continue
        scale = module.weight / (state[f"{name}.running_var"] + module.eps).sqrt()
        conv = name.replace("norm", "conv")
        state[f"{conv}.weight"] = state[f"{conv}.weight"] * scale[:, None, None, None]
        state[f"{conv}.bias"] = module.bias - state[f"{name}.running_mean"] * scale
    plain.load_state_dict({name: state[name].detach() for name in plain.state_dict()})
    return plain.eval()


def _truths(scenes: Scenes) -> dict[str, torch.Tensor]:
    """Return masks [N, 1, H, W] of the explained object, the other one and the decoys; ``masks`` [N, K, H, W]."""
    masks = torch.from_numpy(scenes.masks)
    rows = np.arange(len(masks))
    own, decoys = masks[rows, scenes.classes[:, 0]], torch.from_numpy(scenes.decoys)
    truths = {"mask": own.unsqueeze(1), "decoys": decoys.unsqueeze(1), "masks": masks}
    if (scenes.classes[:, 1] >= 0).all():
        truths["other_mask"] = masks[rows, scenes.classes[:, 1]].unsqueeze(1)
        truths["other_target"] = torch.from_numpy(scenes.classes[:, 1].copy())
    return truths
