"""Runs of our trainer: a recipe in, what the program told of it out. NEURALCHAT_CLI names the program."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
STORIES = DATA / "models" / "stories260k"
ALPACA = DATA / "sft" / "alpaca_5000.json"
PREFERENCES = DATA / "preference" / "instruction-data-with-preference.json"
LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def needs(*paths: Path) -> pytest.MarkDecorator:
    """A test's mark: left out, and said so, where something it reads is absent."""
    absent = [str(path) for path in paths if not path.exists()]
    return pytest.mark.skipif(bool(absent), reason=f"absent: {', '.join(absent)}")


@dataclass
class Run:
    """What a run told."""

    result: Path
    events: list[dict]

    def of(self, kind: str) -> list[dict]:
        return [event for event in self.events if event.get("event") == kind]


def train(recipe: str, folder: Path) -> Run:
    folder.mkdir()
    file = folder / "recipe.toml"
    file.write_text(recipe)
    done = subprocess.run(
        [os.environ["NEURALCHAT_CLI"], "train", file, "--json", "--out", folder / "run"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return Run(Path(events[-1]["result"]), events)


def write_rows(file: Path, rows: list[dict]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def differing(ours: list[dict], theirs: list[dict], names: dict[str, str]) -> dict[str, float]:
    """The largest difference of each of our figures from theirs, over all steps."""
    assert len(ours) == len(theirs)
    return {
        our: max(abs(a[our] - b[their]) for a, b in zip(ours, theirs))
        for our, their in names.items()
    }
