"""What zoos do not save and what they do not read: damage of every kind."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from zoo_files import READABLE, forge, header_of

from modgan.component import Component, UnknownName
from modgan.components import (
    ConvEncoder,
)
from modgan.spec import FeatureSpec, InterfaceError, image
from modgan.zoo import Card, Zoo, ZooError, inspect, load, sealed

# What is not saved


class Unregistered(Component):
    def __init__(self) -> None:
        super().__init__()
        self.declare({"x": FeatureSpec(1)}, {"x": FeatureSpec(1)})


@pytest.mark.parametrize(
    ("spoil", "kind", "text"),
    [
        (
            lambda zoo: Zoo({**zoo, "X": Unregistered()}, zoo.card),
            ZooError,
            "part 'X': Unregistered is not registered, so no file can name it: put @register",
        ),
        (lambda zoo: Zoo({}, zoo.card), ZooError, "not saved: a zoo holds 1 to 1024 parts"),
        (
            lambda zoo: Zoo(zoo, Card("MIT", metrics=[{"name": "x"}])),
            ZooError,
            "not saved: a metric of its card lacks n, name, split, value",
        ),
        (
            lambda zoo: Zoo(zoo, Card("MIT", graphs={"a": "E"})),  # type: ignore[dict-item]
            ZooError,
            "not saved: graph 'a' of its card is not a list of steps",
        ),
        (lambda zoo: Zoo(zoo, Card(None)), ZooError, "not saved: its card is not one"),  # type: ignore[arg-type]
        (
            lambda zoo: Zoo(zoo, Card("MIT", {"folder": Path()})),
            TypeError,
            "PosixPath is not JSON serializable",
        ),
        (
            lambda zoo: Zoo({"E": ConvEncoder(image(16), 8, n_res=-70000)}, zoo.card),
            InterfaceError,
            "part 'E': -70000 is out of bounds",
        ),
    ],
)
def test_a_failing_save_leaves_the_old_file_alone(
    zoo: Zoo,
    zoo_path: Path,
    spoil: Callable[[Zoo], Zoo],
    kind: type[Exception],
    text: str,
) -> None:
    before = zoo_path.read_bytes()
    with pytest.raises(kind, match=text):
        spoil(zoo).save(zoo_path)
    assert zoo_path.read_bytes() == before
    assert [path.name for path in zoo_path.parent.iterdir()] == [zoo_path.name]


def test_a_save_that_breaks_off_leaves_the_old_file_alone(
    zoo: Zoo, zoo_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(path: Path, data: bytes) -> None:
        with path.open("wb") as file:
            file.write(data[:100])
        raise OSError("no space left on device")

    before = zoo_path.read_bytes()
    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match="no space left"):
        zoo.save(zoo_path)
    assert zoo_path.read_bytes() == before
    assert [path.name for path in zoo_path.parent.iterdir()] == [zoo_path.name]


def test_unregistered_parts_cannot_be_sealed() -> None:
    with pytest.raises(ZooError, match="part 'X': Unregistered is not registered"):
        sealed({"X": Unregistered()})


# What is not read


def change(*keys: str, to: Any) -> Callable[[dict[str, Any]], None]:
    def act(header: dict[str, Any]) -> None:
        *path, last = keys
        for key in path:
            header = header[key]
        header[last] = to

    return act


def drop(*keys: str) -> Callable[[dict[str, Any]], None]:
    def act(header: dict[str, Any]) -> None:
        *path, last = keys
        for key in path:
            header = header[key]
        del header[last]

    return act


CONFIG = ("parts", "E", "config")


@pytest.mark.parametrize(
    ("damage", "kind", "text"),
    [
        (change("format", to=2), ZooError, "format 2, this modgan reads up to 1: upgrade modgan"),
        (
            change("format", to="1"),
            ZooError,
            "damaged header .it is not of format 1.; get or train",
        ),
        (drop("format"), ZooError, "it is not of format 1"),
        (drop("parts"), ZooError, "a zoo holds 1 to 1024 parts"),
        (change("parts", to={}), ZooError, "a zoo holds 1 to 1024 parts"),
        (change("parts", "../E", to={}), ZooError, "part '../E' is not a component and its config"),
        (change("parts", "E", to=[]), ZooError, "part 'E' is not a component and its config"),
        (change("parts", "E", "code", to="x"), ZooError, "part 'E' is not a component and its con"),
        (change("parts", "E", "component", to=["x"]), ZooError, "part 'E' is not a component"),
        (change("parts", "E", "config", to=[]), ZooError, "part 'E' is not a component"),
        (drop("card"), ZooError, "its card is not one"),
        (drop("card", "licence"), ZooError, "its card has the fields graphs, metrics, provenance"),
        (change("card", "price", to=1), ZooError, "its card has the fields .*price"),
        (change("card", "graphs", to=[]), ZooError, "its card is not one"),
        (change("card", "metrics", to=[1]), ZooError, "a metric of its card lacks n, name, split"),
        (change("card", "graphs", "edit", to=[1]), ZooError, "graph 'edit' of its card is not a"),
        (
            change("parts", "E", "component", to="patch_encodr"),
            UnknownName,
            "no component named 'patch_encodr'.\n  did you mean 'patch_encoder'",
        ),
        (
            change("parts", "E", "component", to="os.system"),
            UnknownName,
            "no component named 'os.system'",
        ),
        (
            change(*CONFIG, "chanels", to=1),
            ZooError,
            "part 'E': its config builds no patch_encoder: no argument of patch_encoder named",
        ),
        (drop(*CONFIG, "image"), ZooError, "part 'E': its config builds no patch_encoder: missing"),
        (
            change(*CONFIG, "channels", to=1 << 20),
            ZooError,
            "1048576 is out of bounds .at most 655",
        ),
        (change(*CONFIG, "channels", to=float("nan")), ZooError, "nan is out of bounds"),
        (
            change(*CONFIG, "channels", to="48"),
            ZooError,
            "part 'E': its config builds no patch_enc",
        ),
        (change(*CONFIG, "patch", to=0), ZooError, "part 'E': its config builds no patch_encoder:"),
        (
            change(*CONFIG, "image", "spec", "height", to=1 << 20),
            ZooError,
            "builds no patch_encoder: a spec needs whole sizes from 1 to 65536, got .3, 1048576",
        ),
        (
            change(*CONFIG, "image", "spec", "color", to=3),
            ZooError,
            "builds no patch_encoder: not a spec",
        ),
        (
            change(*CONFIG, "n_res", to=2),
            ZooError,
            "part 'E': tensors missing or unknown: blocks.1",
        ),
        (
            change(*CONFIG, "n_res", to=0),
            ZooError,
            "part 'E': tensors missing or unknown: blocks.0",
        ),
        (
            change(*CONFIG, "channels", to=47),
            ZooError,
            r"part 'E': .* should be torch.float32 \[47.*, is torch.float32 \[48",
        ),
        (drop("parts", "R"), ZooError, "tensors of no part: R.blocks.0.*; the file is damaged"),
    ],
)
def test_damaged_headers(
    zoo_path: Path, damage: Callable[[dict[str, Any]], None], kind: type[Exception], text: str
) -> None:
    header = header_of(zoo_path)
    damage(header)
    with pytest.raises(kind, match=text):
        load(forge(zoo_path, header))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "1", '"x"', "[" * 100_000, "9" * 5000, "\u0000"]
)
def test_headers_that_are_no_document(zoo_path: Path, text: str) -> None:
    with pytest.raises(ZooError, match=r"forged.safetensors: damaged header \(.*; get or train"):
        load(forge(zoo_path, text))


def test_deeply_nested_configs(zoo_path: Path) -> None:
    header = header_of(zoo_path)
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    header["parts"]["E"]["config"]["n_res"] = deep
    with pytest.raises(ZooError, match="part 'E': its config builds no patch_encoder"):
        load(forge(zoo_path, header))


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda t: t.pop("E.stem.1.bias"), "part 'E': tensors missing or unknown: stem.1.bias"),
        (lambda t: t.update({"E.x": torch.ones(1)}), "part 'E': tensors missing or unknown: x"),
        (lambda t: t.update({"X.y": torch.ones(1)}), "tensors of no part: X.y; the file is dam"),
        (lambda t: t.update({"E": torch.ones(1)}), "tensors of no part: E; the file is damaged"),
        (
            lambda t: t.update({"E.stem.1.bias": torch.ones(47)}),
            r"part 'E': stem.1.bias should be torch.float32 \[48\], is torch.float32 \[47\]",
        ),
        (
            lambda t: t.update({"E.stem.1.bias": torch.ones(48, dtype=torch.float16)}),
            r"stem.1.bias should be torch.float32 \[48\], is torch.float16 \[48\]",
        ),
        (lambda t: [t.pop(k) for k in list(t) if k[0] == "E"], "blocks.0.* and .* more|blocks.0"),
    ],
)
def test_damaged_tensors(
    zoo_path: Path, damage: Callable[[dict[str, Tensor]], None], text: str
) -> None:
    tensors = load_file(zoo_path)
    damage(tensors)
    with pytest.raises(ZooError, match=text):
        load(forge(zoo_path, header_of(zoo_path), tensors))


def test_files_of_others(tmp_path: Path, zoo_path: Path) -> None:
    foreign = tmp_path / "foreign.safetensors"
    save_file({"w": torch.ones(1)}, foreign)
    with pytest.raises(ZooError, match=r"foreign.safetensors: a safetensors file without a modgan"):
        load(foreign)
    save_file({"w": torch.ones(1)}, foreign, {"format": "pt"})
    with pytest.raises(ZooError, match="weights of other programs have to be converted first"):
        inspect(foreign)
    text = tmp_path / "notes.txt"
    text.write_text("weights?")
    with pytest.raises(
        ZooError, match=r"notes.txt: not a whole safetensors file .*get or train it"
    ):
        load(text)
    pickled = tmp_path / "old.pt"
    torch.save({"w": torch.ones(1)}, pickled)
    with pytest.raises(ZooError, match=r"old.pt: not a whole safetensors file"):
        load(pickled)


def test_truncated_files(zoo_path: Path) -> None:
    whole = zoo_path.read_bytes()
    cut = zoo_path.with_name("cut.safetensors")
    for size in (0, 1, 7, 8, 9, 100, 2000, len(whole) // 2, len(whole) - 1):
        cut.write_bytes(whole[:size])
        with pytest.raises(ZooError, match=r"cut.safetensors: not a whole safetensors file"):
            load(cut)


def test_places_where_no_file_is(tmp_path: Path) -> None:
    for source in (tmp_path / "none.safetensors", str(tmp_path), "no_such_release"):
        with pytest.raises(UnknownName, match=f"no file or released zoo named '{source}'"):
            load(source)


NONSENSE: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1.5,
    1e9,
    "",
    "x",
    "E",
    [],
    {},
    [[]],
    {"spec": {}},
    {"a": [None]},
)


def mutated(value: Any, rng: random.Random) -> Any:
    """The document with one thing dropped or replaced by nonsense."""
    value = copy.deepcopy(value)
    at = value
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = rng.choice(keys)
        if isinstance(at[key], (dict, list)) and at[key] and rng.random() < 0.8:
            at = at[key]
            continue
        if rng.random() < 0.3:
            del at[key]
        else:
            at[key] = copy.deepcopy(rng.choice(NONSENSE))
        return value


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_two_hundred_damaged_headers(zoo_path: Path) -> None:
    """Whatever a header says, it is read, or refused with an error that users can read."""
    rng, original, refused = random.Random(0), header_of(zoo_path), 0
    text = json.dumps(original)
    for attempt in range(200):
        header = mutated(original, rng)
        forged = forge(zoo_path, header)
        try:
            zoo = load(forged)
            for name in zoo.card.graphs:
                zoo.graph(name)
        except READABLE:
            refused += 1
        except Exception as error:
            raise AssertionError(f"attempt {attempt}: {error!r} for {header}") from error
    assert json.dumps(original) == text
    assert 100 < refused < 200  # most headers are refused; some changes only touch the card
