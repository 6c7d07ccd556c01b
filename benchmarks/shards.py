"""Memory and speed of reading a whole epoch from tar shards, beside the plain folder reader.

    python benchmarks/shards.py [-n 100000]

Makes `n` distinct pictures of 64x64, packs them, reads an epoch in batches of 32 in a fresh process
for each reader, and starts once more in the middle. Writes docs/results/shards.md.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from modgan.data.folder import ImageFolder
from modgan.data.images import AttributeImages, batch
from modgan.data.order import draw
from modgan.data.pack import PER_SHARD, pack
from modgan.data.shards import WINDOW, Shards
from modgan.files import replacing

SIZE, BATCH, SEED = 64, 32, 0
MARKS = (1_000, 10_000, 100_000)
CHECKED = 20  # batches that are compared after a start in the middle


def make(folder: Path, count: int) -> None:
    """Distinct pictures: coloured gradients with noise, labelled by their colours and numbers."""
    rng = np.random.default_rng(SEED)
    slope = np.linspace(0, 1, SIZE)[:, None, None]
    noise = rng.integers(0, 8, (64, SIZE, SIZE, 3))
    with (folder / "attributes.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "shade", "even"])
        for index in tqdm(range(count), "drawing", unit="picture"):
            top, bottom = rng.integers(0, 248, (2, 3))
            pixels = top + slope * (bottom - top) + noise[index % len(noise)]
            name = f"{index // 1000:04d}/{index:07d}.png"
            (folder / name).parent.mkdir(exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name, compress_level=1)
            table.writerow([name, ("dark", "light")[int(top.sum() > 372)], index % 2])


def memory(field: str) -> float:
    """VmHWM (the highest so far) or VmRSS (now) of this process, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1000


def read(data: AttributeImages, start: int, stop: int) -> dict[str, Any]:
    """Read the batches from position `start` to `stop`: memory, speed, digests by position."""
    marks, digests, seen = {"0": memory("VmHWM")}, {}, np.zeros(len(data), dtype=np.uint8)
    middle, began = middle_of(len(data)), time.perf_counter()
    for position in range(start, stop, BATCH):
        indices = draw(data, position, min(BATCH, stop - position), SEED)
        seen[indices.numpy()] += 1
        pictures, labels = batch(data, indices)
        if middle <= position < middle + CHECKED * BATCH:
            values = pictures.numpy().tobytes() + labels.numpy().tobytes()
            digests[str(position)] = blake2b(values).hexdigest()
        for mark in MARKS:
            if position - start < mark <= position - start + len(indices):
                marks[str(mark)] = memory("VmHWM")
    seconds = time.perf_counter() - began
    return {
        "marks": marks,
        "now": memory("VmRSS"),
        "per_second": (stop - start) / seconds,
        "digests": digests,
        "once": bool((seen == 1).all()),
    }


def middle_of(count: int) -> int:
    """Where the second start is: about half an epoch in, at the start of a batch."""
    return count // 2 // BATCH * BATCH


def reader(kind: str, folder: Path) -> AttributeImages:
    """The data set that a fresh process reads."""
    if kind == "folder":
        return ImageFolder(folder / "pictures", size=SIZE, split=None)
    return Shards(folder / "shards", SIZE)


def fresh(kind: str, folder: Path, middle: bool = False) -> dict[str, Any]:
    """What `read` reports from a process of its own."""
    command = [sys.executable, __file__, "--read", kind, "--folder", str(folder)]
    done = subprocess.run(
        [*command, *(["--middle"] if middle else [])], check=True, stdout=subprocess.PIPE
    )
    return json.loads(done.stdout)


def page(
    count: int, results: dict[str, dict[str, Any]], same: bool, size: float, seconds: float
) -> str:
    """The results as a page of text."""
    shards, folder = results["shards"], results["folder"]
    marks = [mark for mark in shards["marks"] if int(mark) <= count]
    head = [f"after {int(mark):,}" if int(mark) else "opened" for mark in marks]
    rows = [
        [f"{result['marks'][mark]:.0f}" for mark in marks]
        + [f"{result['per_second']:.0f}", "yes" if result["once"] else "NO"]
        for result in (shards, folder)
    ]
    table = [["reader", *head, "pictures/s", "each once"], ["---"] * (len(marks) + 3)]
    table += [["shards", *rows[0]], ["folder", *rows[1]]]
    lines = "\n".join(f"| {' | '.join(row)} |" for row in table)
    ratio = shards["per_second"] / folder["per_second"]
    middle = middle_of(count)
    return f"""# Reading from shards

`python benchmarks/shards.py -n {count}`: {count:,} distinct pictures of {SIZE}x{SIZE}, packed in
shards of {PER_SHARD:,} ({size:.0f} MB in all, written in {seconds:.0f} s), then one whole epoch
(seed {SEED}) in batches of {BATCH}, in a fresh process for each reader, in one thread.
Peak memory of the process (VmHWM of /proc/self/status) in MB; at most {WINDOW} shards are held:

{lines}

"Opened" is Python with torch and, of the folder, the list of its files. Shards are read at
{ratio:.2f} times the speed of the folder, all files of both lying in the disk cache. Shards are for
what does not fit there: each is read from end to end at once.

A process that starts at picture {middle:,} of the epoch gets the same {CHECKED} batches as one that
came there from its start: {"yes" if same else "NO"} (digests of pixels and labels).
"""


def measure(count: int, folder: Path) -> str:
    """Make, pack and read `count` pictures."""
    (folder / "pictures").mkdir()
    make(folder / "pictures", count)
    began = time.perf_counter()
    source = ImageFolder(folder / "pictures", size=SIZE, split=None)
    pack({"train": source}, folder / "shards", progress=True)
    seconds = time.perf_counter() - began
    size = sum(path.stat().st_size for path in (folder / "shards").iterdir()) / 1e6
    results = {kind: fresh(kind, folder) for kind in ("shards", "folder")}
    same = fresh("shards", folder, middle=True)["digests"] == results["shards"]["digests"]
    print(json.dumps({kind: each | {"digests": None} for kind, each in results.items()}, indent=1))
    return page(count, results, same, size, seconds)


def main() -> None:
    """Measure, or read as the process that measures asks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=MARKS[-1], help="pictures")
    parser.add_argument("--read", choices=("shards", "folder"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--middle", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        data = reader(given.read, given.folder)
        start = middle_of(len(data)) if given.middle else 0
        stop = start + CHECKED * BATCH if given.middle else len(data)
        print(json.dumps(read(data, start, stop)))
        return
    if given.n < 2 * MARKS[0]:
        parser.error(f"-n: at least {2 * MARKS[0]}")
    with tempfile.TemporaryDirectory() as folder:
        text = measure(given.n, Path(folder))
    out = Path(__file__).parents[1] / "docs/results/shards.md"
    with replacing(out) as temporary:
        temporary.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
