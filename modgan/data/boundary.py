"""Between what people have (paths, pictures, labels, seeds) and the tensors of a graph's ports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from modgan.component import UnknownName
from modgan.data.images import fit, mask_image, normalise, open_image, to_image, to_tensor
from modgan.spec import FeatureSpec, InterfaceError

MANY = (list, tuple, Tensor)  # what makes a batch


def from_people(
    values: Mapping[str, Any], specs: Mapping[str, FeatureSpec], like: Tensor | None
) -> tuple[dict[str, Tensor], bool]:
    """Tensors of one batch size for the ports `specs`, and whether a single sample was meant.

    They are moved to the device and type of `like`.
    """
    for name, value in values.items():
        if isinstance(value, Tensor):
            specs[name].check(value, f"input {name!r}")
    batched = {name: value for name, value in values.items() if isinstance(value, MANY)}
    sizes = {name: len(value) for name, value in batched.items() if len(value) != 1}
    if len(set(sizes.values())) > 1 or 0 in sizes.values():
        given = ", ".join(f"{size} of {name!r}" for name, size in sizes.items())
        raise InterfaceError(f"lists of one length are needed, got {given}")
    count = next(iter(sizes.values()), 1)
    tensors = {}
    for name, value in values.items():
        tensor = _batch(name, value, specs[name], count)
        specs[name].check(tensor, f"input {name!r}")
        tensors[name] = tensor if like is None else tensor.to(like)
    return tensors, not batched


def to_people(
    tensors: Mapping[str, Tensor], specs: Mapping[str, FeatureSpec], single: bool
) -> dict[str, Any]:
    """Pictures and masks as PIL images, everything else as the tensor it is."""
    makers = {"image[-1,1]": to_image, "mask[0,1]": mask_image}
    shown: dict[str, Any] = {}
    for name, tensor in tensors.items():
        maker = makers.get(specs[name].space)
        items = tensor if maker is None else [maker(sample) for sample in tensor.detach().cpu()]
        shown[name] = items[0] if single else items
    return shown


def _batch(name: str, value: Any, spec: FeatureSpec, count: int) -> Tensor:
    """One input as a tensor of `count` samples; a single value serves them all."""
    if isinstance(value, Tensor):
        batch = value
    elif spec.space == "normal" and type(value) is int:
        return _drawn(value, (count, *spec.shape))
    else:
        samples = value if isinstance(value, MANY) else [value]
        batch = torch.stack([_sample(name, sample, spec) for sample in samples])
    return batch.expand(count, *batch.shape[1:]) if len(batch) == 1 else batch


def _sample(name: str, value: Any, spec: FeatureSpec) -> Tensor:
    """One sample of one input, without the batch axis."""
    if isinstance(value, Tensor):
        spec.check(value[None], f"input {name!r}")
        return value
    if spec.space == "image[-1,1]":
        return normalise(to_tensor(fit(open_image(value), spec.shape[-1])))
    if spec.space == "normal" and type(value) is int:
        return _drawn(value, spec.shape)
    if spec.space == "flags":
        return _flags(name, value, spec)
    if spec.labels:
        return torch.eye(spec.channels)[label_index(name, value, spec.labels)]
    raise InterfaceError(f"input {name!r}: expects a tensor of {spec}, got {value!r}")


def _flags(name: str, value: Any, spec: FeatureSpec) -> Tensor:
    """1 for the labels in the set `value`, 0 for the others."""
    if not isinstance(value, (set, frozenset)):
        raise InterfaceError(
            f"input {name!r}: expects the set of the labels that are on, some of "
            f"{{{', '.join(map(repr, spec.labels))}}}, got {value!r}"
        )
    on = torch.zeros(spec.channels)
    for label in sorted(value, key=str):  # of several wrong ones, the same is named every time
        on[label_index(name, label, spec.labels)] = 1
    return on


def _drawn(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Normal noise that is the same for a seed on every machine."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def walk(a: Tensor, b: Tensor, count: int) -> Tensor:
    """Noise (count, n) from a to b (n,), both included: on the arc between them.

    Normal noise is about as long everywhere, and on the straight line it would be shorter than any
    that a generator has seen. Where there is no one arc (a and b point the same or the opposite
    way) the line is taken. For `graph.apply`, as one batch.
    Source: Shoemake, Animating rotation with quaternion curves, 1985 (slerp).
    """
    if a.ndim != 1 or a.shape != b.shape or count < 2:
        raise InterfaceError(
            f"a walk expects two vectors (n,) of one length and 2 steps or more, "
            f"got {tuple(a.shape)}, {tuple(b.shape)} and {count}"
        )
    t = torch.linspace(0, 1, count, dtype=a.dtype, device=a.device)[:, None]
    angle = torch.acos(torch.cosine_similarity(a, b, 0).clamp(-1, 1))
    if angle.sin() < 1e-3:
        return (1 - t) * a + t * b
    return (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()


def label_index(name: str, value: Any, labels: tuple[str, ...]) -> int:
    """The position of a label; the position itself is taken too."""
    if type(value) is int:
        if not 0 <= value < len(labels):
            raise InterfaceError(
                f"input {name!r}: label {value} is out of range, there are {len(labels)}: "
                f"{', '.join(labels)}"
            )
        return value
    if value not in labels:
        raise UnknownName(f"label of {name!r}", str(value), labels)
    return labels.index(value)
