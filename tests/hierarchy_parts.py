"""The parts of FineGAN and MixNMatch in plain Python, for their golden tests.

Axes: B batch, C channels, H W positions, n labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from golden_files import Golden
from torch import Tensor, nn

from modgan.component import Component
from modgan.components import FeatureDiscriminator
from modgan.convert import finegan, mixnmatch
from modgan.convert.checkpoint import Checkpoint
from modgan.convert.hierarchy import Network
from modgan.layers import Noise, resized
from modgan.spec import FeatureSpec

Parts = dict[str, Component]
SEEN = 126  # the pixels that critics of backgrounds see
DD = {f"trunk.{i}.0.weight": f"encode_img.{2 * i}.weight" for i in range(3)} | {
    f"real.{leaf}": f"rf_logits.0.{leaf}" for leaf in ("weight", "bias")
}


def finegan_parts(golden: Golden, prefix: str = "sd.", file: str = "netG") -> Parts:
    return finegan.parts_of(Checkpoint(Path(file), golden.state(prefix)))


def mixnmatch_parts(*networks: str) -> Parts:
    """The parts of official networks, G before EX."""
    parts: Parts = {}
    for network in networks:
        state = Golden(f"mixnmatch_{network}").state()
        parts |= mixnmatch.parts_of(Checkpoint(Path(network), state), parts)
    return parts


def exact(parts: Mapping[str, Component], training: bool = True) -> Parts:
    """The parts in float64."""
    return {name: part.double().train(training) for name, part in parts.items()}


def painted(
    parts: Parts,
    feature: Tensor | None = None,
    **codes: Tensor,
) -> dict[str, Tensor]:
    """Everything that the hierarchy makes of z b p c, under the golden names of the outputs.

    A `feature` takes the place of z and p in the parent stage; `z_background` is z elsewhere.
    """
    z = codes.get("z_background", codes.get("z"))
    canvas = parts["R_background"](parts["G_background"](z, codes["b"]))
    inner = parts["G_parent"](codes["z"], codes["p"]) if feature is None else feature
    parent, mask_parent, cut_parent = parts["R_parent"](inner, canvas)
    dressed = parts["T_child"](inner, codes["c"])
    child, mask_child, cut_child = parts["R_child"](dressed, parent)
    return {
        "bg128": canvas,
        "fake_img.bg126": resized(canvas, SEEN),
        "fake_img.parent": parent,
        "fake_img.child": child,
        "fake_img.child.full0": child[:1],
        "fg.parent": torch.tanh(parts["R_parent"].foreground(inner)),  # type: ignore[operator]
        "fg.child": torch.tanh(parts["R_child"].foreground(dressed)),  # type: ignore[operator]
        "mask.parent": mask_parent,
        "mask.child": mask_child,
        "fgmk.parent": cut_parent,
        "fgmk.child": cut_child,
        "p_temp": inner,
        "dressed": dressed,
    }


def official_tensors(
    parts: Mapping[str, Component], networks: Mapping[str, Network], statistics: bool = False
) -> dict[str, Tensor]:
    """Parameters (or running statistics) under official keys; each network gives its prefix."""
    found: dict[str, Tensor] = {}
    for prefix, network in networks.items():
        for name, piece in network.items():
            part = parts[name]
            mine = dict(part.named_buffers() if statistics else part.named_parameters())
            found |= {
                f"{prefix}{theirs}": mine[ours]
                for ours, theirs in piece.names(part).items()
                if ours in mine and not ours.endswith("num_batches_tracked")
            }
    return found


def without_gradients(*parts: nn.Module) -> None:
    for part in parts:
        part.zero_grad(set_to_none=True)


def feature_critic() -> FeatureDiscriminator:
    """The official program never saves its own, so no converter reads one."""
    state = Golden("mixnmatch_DD").state()
    critic = FeatureDiscriminator(FeatureSpec(2, 128, 128), (4, 8, 16))
    critic.load_state_dict({ours: state[theirs] for ours, theirs in DD.items()})
    return critic


def silence(parts: Mapping[str, Component]) -> None:
    """No noise in any layer."""
    for part in parts.values():
        for layer in part.modules():
            if isinstance(layer, Noise):
                layer.std = 0.0
