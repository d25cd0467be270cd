"""Ten steps of supervised fine-tuning side by side with transformers' Trainer, an adapter and every weight: the same losses.

Run by `make interop`; NEURALCHAT_CLI names the program. Both take the mean over all trained tokens of a step, however they lie in
micro-batches.
"""

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from torch.utils.data import SequentialSampler
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments

from test_trl import PAIRS, base, write_start
from training import STORIES, differing, needs, train, write_rows

pytestmark = needs(STORIES)

RECIPE = """
model = "{model}"
stage = "sft"
template = "raw"
{start}

[data]
files = ["{rows}"]
format = "prompt-response"
shuffle = false

[method]
{method}

[optimisation]
max_steps = 10
learning_rate = 1e-3
schedule = "linear"
warmup_steps = 2
micro_batch = 2
accumulation = 3
max_tokens = 256
clip = 1.0
weight_decay = 0.01

[machine]
precision = "f32"
"""

LORA = """kind = "lora"
rank = 8
alpha = 16"""


class InOrder(Trainer):
    def _get_train_sampler(self, *_arguments):
        return SequentialSampler(self.train_dataset)


def row(tokenizer, prompt: str, answer: str) -> dict:
    tokens = tokenizer(prompt + answer + "</s>")["input_ids"]
    before = len(tokenizer(prompt)["input_ids"])
    return {"input_ids": tokens, "labels": [-100] * before + tokens[before:]}


def padded(rows: list[dict]) -> dict:
    length = max(len(row["input_ids"]) for row in rows)

    def fill(name: str, value: int) -> torch.Tensor:
        return torch.tensor([row[name] + [value] * (length - len(row[name])) for row in rows])

    masks = [[1] * len(row["input_ids"]) + [0] * (length - len(row["input_ids"])) for row in rows]
    return {
        "input_ids": fill("input_ids", 2),
        "labels": fill("labels", -100),
        "attention_mask": torch.tensor(masks),
    }


@pytest.mark.parametrize("method", ["lora", "full"])
def test_ten_steps(method: str, tmp_path: Path, capsys) -> None:
    start, model = "", base()
    if method == "lora":
        adapter = write_start(tmp_path / "start")
        start = f'start_adapter = "{adapter}"'
        model = PeftModel.from_pretrained(model, adapter, is_trainable=True)
    rows = write_rows(
        tmp_path / "rows.jsonl",
        [{"prompt": prompt, "response": answer} for prompt, answer, _ in PAIRS],
    )
    knobs = LORA if method == "lora" else 'kind = "full"'
    ours = train(
        RECIPE.format(model=STORIES, start=start, rows=rows, method=knobs), tmp_path / "ours"
    )
    tokenizer = AutoTokenizer.from_pretrained(STORIES)
    encoded = [row(tokenizer, prompt, answer) for prompt, answer, _ in PAIRS]
    options = TrainingArguments(
        output_dir=str(tmp_path / "theirs"), max_steps=10, per_device_train_batch_size=2,
        gradient_accumulation_steps=3, learning_rate=1e-3, lr_scheduler_type="linear",
        warmup_steps=2, weight_decay=0.01, max_grad_norm=1.0, logging_steps=1,
        save_strategy="no", report_to=[], use_cpu=True, optim="adamw_torch", disable_tqdm=True,
    )  # fmt: skip
    trainer = InOrder(model=model, args=options, train_dataset=encoded, data_collator=padded)
    trainer.train()
    steps = ours.of("step")
    theirs = [row for row in trainer.state.log_history if "loss" in row]

    lengths = [len(row["input_ids"]) for row in encoded]
    assert [step["tokens"] for step in steps] == [sum(lengths[:6]), sum(lengths[6:])] * 5
    found = differing(steps, theirs, {"loss": "loss"})
    far = differing(steps, theirs, {"grad_norm": "grad_norm"})
    with capsys.disabled():
        print(f"\n{method}: {found | far}")
        for a, b in zip(steps, theirs):
            print(f"  step {a['step']:2}  loss {a['loss']:.6f} {b['loss']:.6f}")
    assert found["loss"] < 1e-4
    assert far["grad_norm"] < 1e-3
    assert steps[-1]["loss"] < steps[0]["loss"] - 0.1

    if method == "full":
        # The model that was written is the one that they have.
        written = AutoModelForCausalLM.from_pretrained(ours.result, dtype=torch.float32)
        learnt = dict(trainer.model.named_parameters())
        for name, weights in written.named_parameters():
            assert (weights - learnt[name]).abs().max() < 1e-4, name
