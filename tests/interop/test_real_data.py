"""Training on real rows, from the command line alone: what is held out gets better.

Run by `make interop`; NEURALCHAT_CLI names the program. The rows are read where they lie, and nothing of them is kept here.
"""

import os
import subprocess
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from training import ALPACA, PREFERENCES, STORIES, Run, needs, train


def load(folder: Path):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


SFT = """
model = "{model}"
stage = "sft"
template = "neuralchat"

[data]
files = ["{rows}"]
format = "alpaca"
held_out = 0.04

[method]
{method}

[optimisation]
max_steps = 300
learning_rate = {rate}
schedule = "cosine"
warmup_steps = 20
micro_batch = 8
accumulation = 1
max_tokens = 384

[evaluation]
every_steps = 50

[checkpoints]
every_steps = 0
"""

PREFERENCE = """
model = "{model}"
stage = "preference"
template = "neuralchat"

[data]
files = ["{rows}"]
format = "alpaca-pairs"
held_out = 0.15

[method]
kind = "lora"
rank = 16
alpha = 32

[preference]
loss = "sigmoid"
beta = 0.1

[optimisation]
max_steps = 150
learning_rate = 1e-3
schedule = "cosine"
warmup_steps = 10
micro_batch = 8
accumulation = 1
max_tokens = 384

[evaluation]
every_steps = 25

[checkpoints]
every_steps = 0
"""

FULL = 'kind = "full"'
LORA = """kind = "lora"
rank = 16
alpha = 32"""


def supervised(method: str, rate: float, folder: Path) -> Run:
    return train(SFT.format(model=STORIES, rows=ALPACA, method=method, rate=rate), folder)


def prefer(model: Path, folder: Path) -> Run:
    return train(PREFERENCE.format(model=model, rows=PREFERENCES), folder)


@pytest.fixture(scope="module")
def instructed(tmp_path_factory) -> Run:
    """The model with every weight trained on instructions."""
    return supervised(FULL, 1e-3, tmp_path_factory.mktemp("real") / "full")


def told(capsys, name: str, run: Run, figures: list[str]) -> list[dict]:
    """The evaluations, shown."""
    evaluations = run.of("evaluation")
    with capsys.disabled():
        print(f"\n{name}")
        for event in evaluations:
            shown = "  ".join(f"{figure} {event[figure]:.4f}" for figure in figures)
            print(f"  step {event['step']:3}  {shown}")
    return evaluations


def falls(evaluations: list[dict], least: float) -> None:
    """Each evaluation is better than the one before, all together by this much."""
    losses = [event["loss"] for event in evaluations]
    assert len(losses) == 6
    assert all(after < before for before, after in zip(losses, losses[1:])), losses
    assert losses[-1] < losses[0] - least, losses


@pytest.mark.parametrize("method", ["full", "lora"])
@needs(STORIES, ALPACA)
def test_instructions(method: str, instructed: Run, tmp_path: Path, capsys) -> None:
    run = instructed if method == "full" else supervised(LORA, 3e-3, tmp_path / "lora")
    falls(told(capsys, f"instructions, {method}", run, ["loss"]), 0.25)


@needs(STORIES, ALPACA, PREFERENCES)
def test_preferences(instructed: Run, tmp_path: Path, capsys) -> None:
    figures = ["loss", "accuracy", "margin", "rewards_chosen", "rewards_rejected"]
    run = prefer(instructed.result, tmp_path / "preferences")
    evaluations = told(capsys, "preferences, after instructions", run, figures)
    assert all(event["accuracy"] > 0.6 for event in evaluations[1:])
    kept = run.of("finished")[0]["kept_step"]
    assert next(event for event in evaluations if event["step"] == kept)["accuracy"] > 0.8
    assert evaluations[-1]["loss"] < 0.5
    merged = tmp_path / "merged"
    subprocess.run(
        [os.environ["NEURALCHAT_CLI"], "merge", "--model", instructed.result,
         "--adapter", run.result, "--out", merged],
        check=True, capture_output=True,
    )  # fmt: skip
    # What has learnt and is merged is the same in transformers with PEFT as here, and not what it was.
    prompt = "### User:\nName a fruit.\n### Assistant:\n"
    tokens = AutoTokenizer.from_pretrained(STORIES)(prompt, return_tensors="pt")["input_ids"]
    adapted = PeftModel.from_pretrained(load(instructed.result), run.result)
    with torch.no_grad():
        models = (adapted, load(merged), load(instructed.result))
        ours, whole, before = (model.eval()(input_ids=tokens).logits for model in models)
    assert (ours - whole).abs().max() < 1e-3
    assert (ours - before).abs().max() > 0.1
