"""Zoos: named parts and their card in one safetensors file, and composing from them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import reduce
from hashlib import sha256
from operator import or_
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from modgan.card import Card as Card
from modgan.component import (
    NAME,
    Component,
    UnknownName,
    build,
    component_class,
    from_json,
    to_json,
)
from modgan.files import replacing
from modgan.graph import Graph
from modgan.spec import TRAINING, FeatureSpec, InterfaceError

FORMAT = 1
MOST_PARTS = 1024
CARD = {"licence": str, "provenance": dict, "metrics": list, "graphs": dict}
METRIC = {"name": str, "value": (int, float), "split": str, "n": int}
DEFAULT = "portraits"  # the zoo that ships with the release
Source = str | os.PathLike[str]


# what constructors raise when they are given the config of a damaged file
UNBUILDABLE = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


class ZooError(ValueError):
    """A file is not a zoo that this version can read, or cannot be made one."""


class Zoo(Mapping[str, Component]):
    """Named parts that belong together, and their card."""

    def __init__(self, parts: Mapping[str, Component], card: Card) -> None:
        for name in parts:
            if not NAME.match(name):
                raise ZooError(f"{name!r} cannot name a part: use words of letters and digits")
        self._parts, self.card = dict(parts), card

    def __getitem__(self, name: str) -> Component:
        if name not in self._parts:
            raise UnknownName("part", name, self._parts)
        return self._parts[name]

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def get(self, name: str, default: Any = None) -> Any:
        """The part `name`, or `default`: `Mapping` would look for a KeyError."""
        return self._parts.get(name, default)

    def __or__(self, other: Zoo) -> Zoo:
        """Both zoos in one; shared names and parts of a space that nobody makes are errors."""
        for name in sorted(set(self) & set(other)):
            raise InterfaceError(f"both zoos hold a part named {name!r}: load one with `only=`")
        both = {**self, **other}
        sources, orphans = _sources(both), _learned(both) - _sources(both)
        if sources and orphans:
            raise InterfaceError(
                f"nothing in these zoos makes {_listed(orphans)}, only {_listed(sources)}: a part "
                "only understands the space it was trained in, load it beside that zoo"
            )
        graphs = {**self.card.graphs, **other.card.graphs}
        merged = {"merged": [self.card.provenance, other.card.provenance]}
        licence = " AND ".join(dict.fromkeys((self.card.licence, other.card.licence)))
        card = Card(licence, merged, self.card.metrics + other.card.metrics, graphs)
        return Zoo(both, card)

    def graph(self, name: str) -> Graph:
        """The ready-made graph `name` of the card."""
        if name not in self.card.graphs:
            raise UnknownName("graph", name, self.card.graphs)
        return Graph(self.card.graphs[name], self)

    def save(self, path: Source) -> None:
        """Write one safetensors file, whole or not at all."""
        rows = {name: _row(name, part) for name, part in self.items()}
        header = {"format": FORMAT, "parts": rows, "card": asdict(self.card)}
        problem = _problem(header)
        if problem:
            raise ZooError(f"{path}: not saved: {problem}")
        tensors = {
            f"{name}.{key}": tensor.detach().cpu().contiguous().clone()
            for name, part in self.items()
            for key, tensor in part.state_dict().items()
        }
        text = json.dumps(header, ensure_ascii=False)  # unsorted: attributes have an order
        with replacing(path) as temporary:
            # one metadata key: with several, safetensors writes differing bytes from save to save
            temporary.write_bytes(save(tensors, metadata={"modgan": text}))

    def __repr__(self) -> str:
        rows = [f"{name}: {part.component} ({part.extra_repr()})" for name, part in self.items()]
        return "\n".join([f"Zoo of {len(self)} parts, {self.card.licence}", *rows])


def compose(
    steps: Sequence[str],
    parts: Mapping[str, Component] | Source | Sequence[Zoo | Source] | None = None,
) -> Graph:
    """The graph of `steps` over `parts`, checked before a tensor exists.

    A step is "T_hair" (its port names are the value names) or
    "T_hair: feature hair -> f1 m1" (positional, "_" drops an output). `parts` is a zoo or mapping,
    a path, a list of zoos or paths to merge, or None for the zoo that ships with the release.
    """
    if parts is None:
        parts = load(DEFAULT)
    elif isinstance(parts, (str, os.PathLike)):
        parts = load(parts)
    elif not isinstance(parts, Mapping):
        zoos = [zoo if isinstance(zoo, Zoo) else load(zoo) for zoo in parts]
        if not zoos:
            raise InterfaceError("no parts to compose: the list of zoos is empty")
        parts = reduce(or_, zoos)
    return Graph(steps, parts)


def load(source: Source, only: Sequence[str] | None = None) -> Zoo:
    """The zoo in the file `source`, or the released one of that name; in evaluation mode.

    `only` names the parts to build and read; graphs of others stay out. Reading is strict: every
    tensor of a part is in the file with its shape, and nothing else is.
    """
    path = _find(source)
    header = inspect(path)
    names = list(header["parts"]) if only is None else list(only)
    for name in names:
        if name not in header["parts"]:
            raise UnknownName(f"part in {path}", name, header["parts"])
    with safe_open(path, "pt") as file:
        keys = list(file.keys())
        parts = {name: _read(name, header["parts"][name], file, keys, path) for name in names}
    unknown = [key for key in keys if key.rpartition(".")[0].split(".")[0] not in header["parts"]]
    if unknown:
        raise ZooError(f"{path}: tensors of no part: {_listed(unknown)}; the file is damaged")
    return Zoo(parts, Card(**header["card"]).only(parts))


def inspect(source: Source) -> dict[str, Any]:
    """The header of a zoo file: {format, parts, card}; no tensor is read."""
    path = _find(source)
    try:
        with safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get("modgan")
    except (SafetensorError, OSError) as error:
        raise ZooError(
            f"{path}: not a whole safetensors file ({error}); get or train it again"
        ) from None
    if text is None:
        raise ZooError(
            f"{path}: a safetensors file without a modgan header; "
            "weights of other programs have to be converted first"
        )
    return _header(text, path)


def _header(text: str, path: Path) -> dict[str, Any]:
    """The JSON of a header, checked: it may come from anywhere."""
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ZooError(f"{path}: damaged header ({error}); get or train it again") from None
    number = header.get("format") if isinstance(header, dict) else None
    if isinstance(number, int) and number > FORMAT:
        raise ZooError(f"{path}: format {number}, this modgan reads up to {FORMAT}: upgrade modgan")
    problem = _problem(header)
    if problem:
        raise ZooError(f"{path}: damaged header ({problem}); get or train it again")
    return {**header, "card": asdict(Card(**header["card"]))}


def _problem(header: Any) -> str:
    """What keeps a header from being that of a zoo, or ''."""
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        return f"it is not of format {FORMAT}"
    parts = header.get("parts")
    if not isinstance(parts, dict) or not 0 < len(parts) <= MOST_PARTS:
        return f"a zoo holds 1 to {MOST_PARTS} parts"
    for name, row in parts.items():
        kinds = {"component": str, "config": dict}
        if not NAME.match(name) or not _has(row, kinds) or len(row) > len(kinds):
            return f"part {name!r} is not a component and its config"
    card = header.get("card")
    if not isinstance(card, dict) or not _has({**asdict(Card("")), **card}, CARD):
        return "its card is not one"
    if set(card) - set(CARD) or "licence" not in card:
        return f"its card has the fields {_listed(set(card))}"
    if not all(_has(row, METRIC) for row in card.get("metrics", [])):
        return f"a metric of its card lacks {_listed(set(METRIC))}"
    for name, steps in card.get("graphs", {}).items():
        if not isinstance(steps, list) or not all(isinstance(step, str) for step in steps):
            return f"graph {name!r} of its card is not a list of steps"
    return ""


def _has(row: Any, kinds: Mapping[str, Any]) -> bool:
    """Whether `row` holds values of these kinds."""
    return isinstance(row, dict) and all(isinstance(row.get(k), t) for k, t in kinds.items())


def _row(name: str, part: Component) -> dict[str, Any]:
    """What a file says about a part; what `load` would refuse is refused here."""
    _check_registered({name: part})
    config = to_json(part.config)
    from_json(config, f"part {name!r}")
    return {"component": part.component, "config": config}


def _check_registered(parts: Mapping[str, Component]) -> None:
    for name, part in parts.items():
        if not part.component:
            raise ZooError(
                f"part {name!r}: {type(part).__name__} is not registered, so no file can name it: "
                "put @register above its class"
            )


def _read(name: str, row: dict[str, Any], file: Any, keys: list[str], path: Path) -> Component:
    """Build a part without memory, then give it the tensors of the file."""
    where = f"{path}: part {name!r}"
    component_class(row["component"])
    try:
        with torch.device("meta"):
            part = build(row["component"], **from_json(row["config"], where))
    except UNBUILDABLE as error:
        raise ZooError(f"{where}: its config builds no {row['component']}: {error}") from error
    found = [key.removeprefix(f"{name}.") for key in keys if key.startswith(f"{name}.")]
    expected = part.state_dict()
    wrong = sorted(set(expected) ^ set(found))
    if wrong:
        raise ZooError(f"{where}: tensors missing or unknown: {_listed(wrong)}")
    # cloned: in the file they lie unaligned, and the last bits of products depend on that
    tensors = {key: file.get_tensor(f"{name}.{key}").clone() for key in found}
    for key, tensor in tensors.items():
        if tensor.shape != expected[key].shape or tensor.dtype != expected[key].dtype:
            raise ZooError(
                f"{where}: {key} should be {expected[key].dtype} {list(expected[key].shape)}, "
                f"is {tensor.dtype} {list(tensor.shape)}"
            )
    part.load_state_dict(tensors, strict=True, assign=True)
    return part.requires_grad_(True).eval()


def sealed(parts: Mapping[str, Component]) -> dict[str, Component]:
    """Copies of trained parts whose `name@training` spaces became `name@digest`.

    The digest is taken over the tensors of the parts that define a space: those that only write
    it or only read it (encoders, generators, reconstructors; a transformer does both). Two
    trainings never claim the same space by accident. Spaces sealed before stay as they are.
    """
    _check_registered(parts)
    spaces = {
        space: f"{space.removesuffix(TRAINING)}{_digest(parts, space)}"
        for space in sorted(_learned(parts))
        if space.endswith(f"@{TRAINING}")
    }
    return {name: _respaced(part, spaces) for name, part in parts.items()}


def _respaced(part: Component, spaces: dict[str, str]) -> Component:
    """A copy of `part` built again with its spaces renamed."""

    def renamed(value: Any) -> Any:
        if isinstance(value, FeatureSpec):
            return value.renamed(spaces)
        if isinstance(value, dict):
            return {key: renamed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [renamed(item) for item in value]
        return spaces.get(value, value) if isinstance(value, str) else value

    with torch.device("meta"):
        copy = build(part.component, **renamed(part.config))
    tensors = {key: tensor.detach().clone() for key, tensor in part.state_dict().items()}
    copy.load_state_dict(tensors, strict=True, assign=True)
    return copy.train(part.training)


def _digest(parts: Mapping[str, Component], space: str) -> str:
    """The first 12 hex digits of sha256 over the tensors of the parts that define `space`."""
    definers = {
        name: part
        for name, part in parts.items()
        if (space in _spaces(part.inputs)) != (space in _spaces(part.outputs))
    }
    if not definers:
        raise InterfaceError(
            f"none of {_listed(set(parts))} makes or reads out {space!r}, they only change it: "
            "seal them together with the parts they were trained with"
        )
    digest = sha256()
    for name, part in sorted(definers.items()):
        for key, tensor in sorted(part.state_dict().items()):
            raw = tensor.cpu().contiguous().flatten().view(torch.uint8)  # numpy has no bfloat16
            digest.update(f"{name}.{key}".encode() + raw.numpy().tobytes())
    return digest.hexdigest()[:12]


def _spaces(ports: Mapping[str, FeatureSpec]) -> set[str]:
    """The learned spaces among the ports."""
    return {spec.space for spec in ports.values() if "@" in spec.space}


def _learned(parts: Mapping[str, Component]) -> set[str]:
    """Every learned space that a part reads or writes."""
    return set().union(*(_spaces(part.inputs) | _spaces(part.outputs) for part in parts.values()))


def _sources(parts: Mapping[str, Component]) -> set[str]:
    """The learned spaces that a part makes from something else."""
    return set().union(*(_spaces(p.outputs) - _spaces(p.inputs) for p in parts.values()))


def _listed(names: set[str] | list[str]) -> str:
    """Up to eight names in order, and how many more there are."""
    names = sorted(names)
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more


def released() -> dict[str, Path]:
    """The zoos that ship with the release, by name."""
    here = Path(__file__).parent
    folder = here / "_weights" if (here / "_weights").is_dir() else here.parent / "weights"
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def _find(source: Source) -> Path:
    """A path as it is, or the file of the released zoo of that name."""
    path = Path(source)
    if path.is_file():
        return path
    if isinstance(source, str) and source in released():
        return released()[source]
    raise UnknownName("file or released zoo", str(source), released())
