"""Our adapters in PEFT, our merged models in transformers: the same logits as here.

Run by `make interop`; WRITE_ADAPTER names the example program of nc-model.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

TINY = Path(__file__).resolve().parents[1] / "golden" / "tiny_llama"


def load(path: Path):
    folder, file = (path.parent, {"gguf_file": path.name}) if path.is_file() else (path, {})
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **file)


def check(model, told: dict, tolerance: float) -> None:
    with torch.no_grad():
        logits = model.eval()(input_ids=torch.tensor([told["tokens"]])).logits[0]
    difference = (logits - torch.tensor(told["logits"])).abs().max().item()
    assert difference < tolerance


@pytest.mark.parametrize("name", ["base", "bias", "tied", "head_dim", "sharded", "gguf/f32.gguf"])
def test_adapter_and_merged_model(name: str, tmp_path: Path) -> None:
    subprocess.run([os.environ["WRITE_ADAPTER"], TINY / name, tmp_path], check=True)
    told = json.loads((tmp_path / "logits.json").read_text())
    model = PeftModel.from_pretrained(load(TINY / name), tmp_path / "adapter")
    check(model, told, 1e-4)
    with pytest.raises(AssertionError):
        # Without the adapter the logits are others.
        check(load(TINY / name), told, 1e-2)
    if not name.endswith(".gguf"):
        check(load(tmp_path / "merged"), told, 1e-4)


def test_merged_model_keeps_its_type(tmp_path: Path) -> None:
    subprocess.run([os.environ["WRITE_ADAPTER"], TINY / "bf16", tmp_path], check=True)
    ours = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype="auto").state_dict()
    peft = PeftModel.from_pretrained(load(TINY / "bf16"), tmp_path / "adapter")
    theirs = peft.merge_and_unload().state_dict()
    for name, weights in theirs.items():
        assert ours[name].dtype == torch.bfloat16
        differing = (ours[name] != weights.to(torch.bfloat16)).float().mean().item()
        assert differing < 1e-3, name
