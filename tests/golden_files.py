"""Reading the golden vectors in tests/golden: what official programs compute, as plain data."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from modgan.component import Component

FOLDER = Path(__file__).parent / "golden"
Part = TypeVar("Part", bound=Component)


class Golden:
    """One file of networks/: weights, inputs, outputs, losses."""

    def __init__(self, name: str) -> None:
        path = FOLDER / "networks" / name
        self.tensors = load_file(path.with_suffix(".safetensors"))
        self.facts: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())

    def state(self, prefix: str = "sd.") -> dict[str, Tensor]:
        """The state dict under `prefix`: "sd." or, of several networks, "sd.G."."""
        return {
            key.removeprefix(prefix): tensor
            for key, tensor in self.tensors.items()
            if key.startswith(prefix)
        }

    def given(self, name: str) -> Tensor:
        """The input `name`, floats as float32."""
        tensor = self.tensors[f"in.{name}"]
        return tensor.float() if tensor.is_floating_point() else tensor

    def check(self, name: str, tensor: Tensor) -> None:
        """Compare an output with the recorded one, or with the part of it that was recorded.

        Records are float32. What was computed in float64 may be off by no more than the official
        program's own float32 is from its float64.
        """
        facts = self.facts["tensors"][f"out.{name}"]
        assert list(tensor.shape) == facts["full_shape"]
        expected = self.tensors[f"out.{name}"].to(tensor)
        if "slice" in facts:
            step = int(facts["slice"].split("::")[1].split(",")[0])
            tensor = tensor[..., ::step, ::step]
        exact = tensor.dtype == torch.float64
        allowed = facts["f32_vs_f64_maxabs"] + 1e-9 if exact else 1e-5
        torch.testing.assert_close(tensor, expected, rtol=0, atol=allowed)

    def check_statistics(self, buffers: Mapping[str, Tensor]) -> None:
        """Compare the running statistics, by official key, with those after one forward."""
        recorded = {
            key.removeprefix("out.post."): tensor
            for key, tensor in self.tensors.items()
            if key.startswith("out.post.")
        }
        assert set(buffers) == set(recorded)
        for key, expected in recorded.items():
            torch.testing.assert_close(
                buffers[key].float(),
                expected,
                rtol=1e-6,
                atol=1e-5,
                msg=lambda text, k=key: f"{k}: {text}",
            )

    def check_losses(self, terms: Mapping[str, Tensor]) -> None:
        """Compare float64 losses with the recorded ones of the same name."""
        for name, term in terms.items():
            assert term.dtype == torch.float64, name
            assert term.item() == pytest.approx(self.facts["losses"][name]["f64"], rel=1e-9), name

    def check_gradients(self, loss: str, parameters: Mapping[str, Tensor]) -> None:
        """Compare the norm of every gradient of `official` parameters; `loss` is a dotted path."""
        recorded = self.facts["grad_norms"]
        for name in loss.split("."):
            recorded = recorded[name]
        assert set(parameters) == set(recorded)
        for key, parameter in parameters.items():
            assert parameter.grad is not None, key
            # biases before an instance norm have no gradient but for rounding
            norm = parameter.grad.norm().item()
            assert norm == pytest.approx(recorded[key], rel=1e-6, abs=1e-12), key

    def check_end(
        self, run: str, parameters: Mapping[str, Tensor], kind: str = "final_params"
    ) -> None:
        """Compare [sum, l2] of `official` parameters with those after the recorded float64 run.

        `kind` is "final_params" or "ema"; statistics count if there are any among `parameters`.
        """
        recorded = self.facts["trajectory"][run]["f64"][kind]
        whole = any(map(is_statistic, parameters))
        assert set(parameters) == {key for key in recorded if whole or not is_statistic(key)}
        for key, parameter in parameters.items():
            measured = [parameter.sum().item(), parameter.norm().item()]
            assert measured == pytest.approx(recorded[key], rel=1e-6, abs=1e-9), key

    def log(self, run: str) -> list[dict[str, float]]:
        """The losses of every iteration of a recorded float64 run."""
        rows: list[dict[str, float]] = self.facts["trajectory"][run]["f64"]["log"]
        return rows


def is_statistic(key: str) -> bool:
    """Whether an official key is a running statistic."""
    return key.endswith(("running_mean", "running_var", "num_batches_tracked"))


def fullsize(name: str) -> dict[str, Any]:
    """The keys, shapes and counts of an official network at its default size."""
    data: dict[str, Any] = json.loads((FOLDER / f"fullsize/{name}.json").read_text())
    return data


def filled(part: Part, names: Callable[[Part], dict[str, str]], state: dict[str, Tensor]) -> Part:
    """`part` with the weights of an official state dict."""
    part.load_state_dict({ours: state[theirs] for ours, theirs in names(part).items()})
    return part


def official(prefix: str, part: Part, names: Callable[[Part], dict[str, str]]) -> dict[str, Tensor]:
    """The parameters of `part` under the official names, with a prefix."""
    ours = dict(part.named_parameters())
    return {f"{prefix}{theirs}": ours[key] for key, theirs in names(part).items()}
