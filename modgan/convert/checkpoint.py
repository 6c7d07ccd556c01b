"""Reading a foreign checkpoint, and giving its tensors to a part under other names."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from modgan.component import Component
from modgan.zoo import UNBUILDABLE, Card, Zoo, ZooError

Build = Callable[[], Component]
Names = Callable[[Any], dict[str, str]]  # part -> its keys and the official ones
LICENCE = "unknown: as the checkpoint's"
PICKLED = {".ckpt", ".pth", ".pt"}
STATISTICS = {"running_mean": 0.0, "running_var": 1.0, "num_batches_tracked": 0}  # when new
# what torch.load raises on a file that is damaged, no checkpoint, or holds more than tensors
UNREADABLE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SafetensorError,
    TypeError,
    UnpicklingError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state dict and where it comes from; `tensors` without `module.`, mostly no statistics."""

    path: Path
    tensors: dict[str, Tensor]

    def shape(self, key: str, axes: int) -> tuple[int, ...]:
        """The shape of the tensor `key`, which needs that many axes."""
        if key not in self.tensors or self.tensors[key].ndim != axes:
            found = list(self.tensors[key].shape) if key in self.tensors else "missing"
            raise ZooError(f"{self.path}: {key} should have {axes} axes, is {found}")
        return tuple(self.tensors[key].shape)

    def count(self, pattern: str) -> int:
        """How many kernels have keys that match the whole `pattern`."""
        kernels = (key for key, tensor in self.tensors.items() if tensor.ndim == 4)
        return sum(bool(re.fullmatch(pattern, key)) for key in kernels)

    def part(self, build: Build, names: Names) -> Any:
        """The part that `build` makes, with these tensors.

        `names` says which key of its state dict is which key here. Every tensor of the part has
        to be here with its shape, and nothing else.
        """
        part = self._built(build)
        official = names(part)
        self._check_keys(part.component, set(official.values()))
        return self._filled(part, official)

    def parts(self, pieces: Mapping[str, tuple[Build, Names]], network: str) -> dict[str, Any]:
        """Several parts that together are the official `network`, each as `part` gives it."""
        made = {name: self._built(build) for name, (build, _) in pieces.items()}
        keys = {name: names(made[name]) for name, (_, names) in pieces.items()}
        self._check_keys(network, {key for official in keys.values() for key in official.values()})
        return {name: self._filled(part, keys[name]) for name, part in made.items()}

    def _built(self, build: Build) -> Component:
        """What `build` makes, without memory."""
        try:
            with torch.device("meta"):
                return build()
        except UNBUILDABLE as error:
            raise ZooError(f"{self.path}: {error}") from error

    def _check_keys(self, network: str, official: set[str]) -> None:
        """The tensors of a network are here, and nothing else."""
        missing = sorted(official - set(self.tensors))
        unknown = sorted(set(self.tensors) - official)
        if missing or unknown:
            raise ZooError(
                f"{self.path}: is not the {network} that its shapes say: "
                f"missing {few(missing)}; unknown {few(unknown)}; only networks with the "
                "original's layers and norms can be converted"
            )

    def _filled(self, part: Component, official: Mapping[str, str]) -> Component:
        """`part` with these tensors, whose shapes have to be right."""
        expected = part.state_dict()
        for ours, theirs in official.items():
            tensor = self.tensors[theirs]
            if tensor.shape != expected[ours].shape or tensor.dtype != expected[ours].dtype:
                raise ZooError(
                    f"{self.path}: {theirs} should be {expected[ours].dtype} "
                    f"{list(expected[ours].shape)}, is {tensor.dtype} {list(tensor.shape)}"
                )
        state = {ours: self.tensors[theirs] for ours, theirs in official.items()}
        part.load_state_dict(state, strict=True, assign=True)
        return part.requires_grad_(True).eval()


def read(path: Path, statistics: bool = False) -> Checkpoint:
    """The state dict in a file of PyTorch or safetensors; code in it is never run.

    `statistics` keeps those of the norms, which count where norms are batch norms.
    """
    return _checkpoint(path, _loaded(path), statistics)


def read_domains(path: Path) -> Checkpoint:
    """The state dicts of the domains a and b in one file, {"a": …, "b": …}, as `a.…` and `b.…`.

    In safetensors, which hold one dictionary, they have these names already.
    """
    state = _loaded(path)
    both = isinstance(state, Mapping) and set(state) == {"a", "b"}
    if both and all(isinstance(inner, Mapping) for inner in state.values()):
        state = {f"{side}.{key}": value for side in "ab" for key, value in state[side].items()}
    if not isinstance(state, Mapping) or {str(key)[:2] for key in state} != {"a.", "b."}:
        names = map(repr, state) if isinstance(state, Mapping) else [type(state).__name__]
        raise ZooError(
            f"{path}: expects the state dicts of two domains, {{'a': …, 'b': …}}, as the program "
            f"writes them; got {few(list(names))}"
        )
    return _checkpoint(path, state, statistics=False)


def _loaded(path: Path) -> Any:
    """What a file holds, tensors and plain containers alone."""
    if path.suffix not in {*PICKLED, ".safetensors"}:
        raise ZooError(f"{path}: expects a file {', '.join(sorted(PICKLED))} or .safetensors")
    with path.open("rb") as file:
        try:
            if path.suffix == ".safetensors":
                return load(file.read())
            return torch.load(file, map_location="cpu", weights_only=True)
        except UNREADABLE as error:
            raise ZooError(
                f"{path}: cannot be read as a checkpoint of tensors alone "
                f"({type(error).__name__}): it is damaged, no checkpoint, or holds code, which is "
                "never run; get it again, or save `model.state_dict()` with the program it comes "
                "from"
            ) from None


def _checkpoint(path: Path, state: Any, statistics: bool) -> Checkpoint:
    """The tensors of a state dict, with the statistics of the norms or without."""
    tensors = _tensors(state, path)
    if statistics:
        return Checkpoint(path, _counted(tensors))
    kept = {k: tensor for k, tensor in tensors.items() if k.rpartition(".")[2] not in STATISTICS}
    return Checkpoint(path, kept)


def _counted(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """With the number of batches that programs before PyTorch 0.4.1 did not write: 0."""
    norms = (key.removesuffix("running_var") for key in tensors if key.endswith(".running_var"))
    return {f"{norm}num_batches_tracked": torch.tensor(0) for norm in norms} | tensors


def _tensors(state: Any, path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict under the names of the bare network."""
    problem = "" if isinstance(state, Mapping) else type(state).__name__
    for key, value in {} if problem else state.items():
        if not isinstance(key, str):
            problem = f"the name {key!r}"
        elif not isinstance(value, Tensor):
            problem = f"{key!r}: {type(value).__name__}"
        elif not value.numel():
            problem = f"{key!r}: an empty tensor"
    if problem or not state:
        raise ZooError(
            f"{path}: expects a state dict, names and their tensors, got {problem or 'nothing'}; "
            "save `model.state_dict()` alone with the program it comes from"
        )
    prefix = "module." if all(key.startswith("module.") for key in state) else ""
    return {key.removeprefix(prefix): tensor.detach() for key, tensor in state.items()}


def read_all(files: Sequence[str | Path], statistics: bool = False) -> list[Checkpoint]:
    """The state dicts in `files`, at least one, as `read` gives them."""
    if not files:
        raise ZooError("no checkpoint to convert: name one file or more")
    return [read(Path(file), statistics) for file in files]


def gathered(
    parts: Iterable[tuple[str, Component, Path]],
    source: str,
    licence: str,
    graphs: Mapping[str, Sequence[str]],
) -> Zoo:
    """The zoo of (name, part, its file); of `graphs` it gets those whose parts are there."""
    found: dict[str, Component] = {}
    files: dict[str, str] = {}
    for name, part, path in parts:
        if name in found:
            raise ZooError(f"{path}: a second {name}, beside {', '.join(files)}: give one of each")
        found[name] = part
        if path.name not in files:
            with path.open("rb") as file:
                files[path.name] = f"sha256 {file_digest(file, 'sha256').hexdigest()}"
    all_graphs = {name: list(steps) for name, steps in graphs.items()}
    card = Card(licence, {"converted_from": source, "files": files}, graphs=all_graphs)
    return Zoo(found, card.only(found))


def renamed(part: Component, layers: Mapping[str, str]) -> dict[str, str]:
    """The official key of every tensor of `part`, given the official name of its layer."""
    split = [key.rpartition(".") for key in part.state_dict()]
    return {f"{layer}.{leaf}": f"{layers[layer]}.{leaf}" for layer, _, leaf in split}


def official_state(part: Component, names: Mapping[str, str]) -> dict[str, Tensor]:
    """The tensors of `part` under the official `names`, in their order.

    An instance norm with weights gets the statistics of a new one: the official programs keep
    them there, never use them, and want them when they load.
    """
    norms = {
        f"{where}.bias": module.num_features
        for where, module in part.named_modules()
        if isinstance(module, nn.InstanceNorm2d) and module.affine
    }
    state: dict[str, Tensor] = {}
    for ours, tensor in part.state_dict().items():
        state[names[ours]] = tensor.detach().clone()
        if ours in norms:
            where = names[ours].removesuffix(".bias")
            for name, value in STATISTICS.items():
                size = (norms[ours],) if name.startswith("running") else ()
                state[f"{where}.{name}"] = torch.full(size, value, device=tensor.device)
    return state


def few(keys: Sequence[str]) -> str:
    """Up to four keys, and how many more there are."""
    more = f" and {len(keys) - 4} more" if len(keys) > 4 else ""
    return (", ".join(keys[:4]) or "nothing") + more
