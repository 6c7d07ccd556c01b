"""Reading and forging zoo files, for the tests of `modgan.zoo`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor


def header_of(path: Path) -> dict[str, Any]:
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert set(metadata) == {"modgan"}  # several keys would be written in varying order
    data: dict[str, Any] = json.loads(metadata["modgan"])
    return data


def forge(path: Path, header: Any, tensors: dict[str, Tensor] | None = None) -> Path:
    """The file of `path` again, beside it, with another header or other tensors."""
    text = header if isinstance(header, str) else json.dumps(header)
    forged = path.with_name("forged.safetensors")
    save_file(load_file(path) if tensors is None else tensors, forged, {"modgan": text})
    return forged
