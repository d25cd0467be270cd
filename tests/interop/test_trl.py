"""Ten steps of preference optimisation side by side with TRL's DPOTrainer: the same losses, rewards and adapter.

Run by `make interop`; NEURALCHAT_CLI names the program.

TRL's figures are means over a step's micro-batches of means over their pairs, ours are means over a step's pairs: the same, as all
micro-batches have as many pairs. TRL tokenises prompt and answer as one text and cuts at the end, which here is `keep-start`; nothing is
long enough to be cut. Given an adapter that has learnt already, TRL takes a copy of it as the reference, as we do.
"""

from pathlib import Path

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from torch.utils.data import SequentialSampler
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer

from training import LAYERS, STORIES, differing, needs, train, write_rows

pytestmark = needs(STORIES)

PAIRS = [
    ("Once upon a time, there was a dog.", " The dog was kind and shared its bone.", " Bad dog."),
    ("Lily saw a red ball in the park.", " She asked, \"May I play?\"", " She took it and ran away."),
    ("What did the cat eat?", " The cat ate a small fish.", " Cats. Cats. Cats. Cats. Cats."),
    ("Tom was sad.", " His mom gave him a big hug and Tom was happy again.", " Nobody came to help."),
    ("The sun is up.", " The birds sing.", " It is night and it is dark and cold outside, so go."),
    ("How do you say thanks?", " You smile and say thank you.", " You say give me more now."),
    ("A bird fell from its nest.", " Ben put it back.", " Ben looked at it and went home to watch."),
    ("It began to rain.", " They sat under a tree and told stories.", " Rain is stupid!"),
    ("Mia has two apples and one friend.", " She gives one apple to her friend.", " She eats both."),
    ("Can you count to three?", " One, two, three.", " No, I do not want to count for you today."),
    ("The boy lost his toy car.", " He looked under the bed and found it.", " He cried, cried, cried."),
    ("Grandma made a cake.", " We all said, \"Yum!\"", " It was the worst cake in the world, said Sam."),
]  # fmt: skip

RECIPE = """
model = "{model}"
start_adapter = "{adapter}"
stage = "preference"
template = "raw"

[data]
files = ["{rows}"]
format = "preference-pairs"
held_out_file = "{rows}"
shuffle = false

[method]
kind = "lora"
rank = 8
alpha = 16
dropout = 0.0

[preference]
loss = "sigmoid"
beta = 0.1
truncation = "keep-start"

[optimisation]
max_steps = 10
learning_rate = 5e-4
schedule = "{schedule}"
warmup_steps = {warmup}
micro_batch = 2
accumulation = 3
max_tokens = 256
clip = 1.0

[evaluation]
every_steps = 5

[machine]
precision = "f32"
"""

FIGURES = {
    "loss": "loss",
    "rewards_chosen": "rewards/chosen",
    "rewards_rejected": "rewards/rejected",
    "accuracy": "rewards/accuracies",
    "margin": "rewards/margins",
}


class InOrder(DPOTrainer):
    def _get_train_sampler(self, *_arguments):
        return SequentialSampler(self.train_dataset)


def base():
    return AutoModelForCausalLM.from_pretrained(STORIES, dtype=torch.float32)


def write_start(folder: Path) -> Path:
    """An adapter that changes something, so that a reference without it would show."""
    torch.manual_seed(1)
    model = get_peft_model(base(), LoraConfig(r=8, lora_alpha=16, target_modules=LAYERS))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.02)
    model.save_pretrained(folder)
    return folder


def trl(adapter: Path, folder: Path, schedule: str, warmup: int) -> DPOTrainer:
    options = DPOConfig(
        output_dir=str(folder), max_steps=10, per_device_train_batch_size=2,
        gradient_accumulation_steps=3, learning_rate=5e-4, lr_scheduler_type=schedule,
        warmup_steps=warmup, weight_decay=0.0, max_grad_norm=1.0, beta=0.1, loss_type="sigmoid",
        max_length=256, logging_steps=1, save_strategy="no", report_to=[], use_cpu=True,
        bf16=False, gradient_checkpointing=False, optim="adamw_torch", disable_tqdm=True,
    )  # fmt: skip
    rows = [dict(zip(("prompt", "chosen", "rejected"), pair)) for pair in PAIRS]
    trainer = InOrder(
        model=PeftModel.from_pretrained(base(), adapter, is_trainable=True),
        args=options,
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(STORIES),
    )
    trainer.train()
    return trainer


def log_probabilities(model, answers: int) -> float:
    """The mean of the log-probabilities of all chosen (1) or rejected (2) answers."""
    tokenizer = AutoTokenizer.from_pretrained(STORIES)
    total = 0.0
    for pair in PAIRS:
        tokens = tokenizer(pair[0] + pair[answers] + "</s>", return_tensors="pt")["input_ids"]
        prompt = len(tokenizer(pair[0])["input_ids"])
        with torch.no_grad():
            said = model(input_ids=tokens).logits[0, :-1].log_softmax(-1)
        total += said.gather(1, tokens[0, 1:, None])[prompt - 1 :].sum().item()
    return total / len(PAIRS)


@pytest.mark.parametrize(("schedule", "warmup"), [("constant", 0), ("cosine", 3)])
def test_ten_steps(schedule: str, warmup: int, tmp_path: Path, capsys) -> None:
    adapter = write_start(tmp_path / "start")
    rows = write_rows(
        tmp_path / "pairs.jsonl",
        [dict(zip(("prompt", "chosen", "rejected"), pair)) for pair in PAIRS],
    )
    ours = train(
        RECIPE.format(
            model=STORIES, adapter=adapter, rows=rows, schedule=schedule, warmup=warmup
        ),
        tmp_path / "ours",
    )
    trainer = trl(adapter, tmp_path / "theirs", schedule, warmup)
    steps = ours.of("step")
    theirs = [row for row in trainer.state.log_history if "loss" in row]

    # The same tokens: theirs are counted from the beginning.
    tokens = [row["num_tokens"] for row in theirs]
    assert [step["tokens"] for step in steps] == [b - a for a, b in zip([0, *tokens], tokens)]
    found = differing(steps, theirs, FIGURES)
    # Log-probabilities are sums over an answer, a hundred times as large.
    sums = {"logps_chosen": "logps/chosen", "logps_rejected": "logps/rejected"}
    far = differing(steps, theirs, sums | {"grad_norm": "grad_norm"})
    with capsys.disabled():
        print(f"\n{schedule}: {found | far}")
        for a, b in zip(steps, theirs):
            print(
                f"  step {a['step']:2}  loss {a['loss']:.6f} {b['loss']:.6f}"
                f"  margin {a['margin']:.6f} {b['rewards/margins']:.6f}"
            )
    assert max(found.values()) < 1e-4
    assert max(far.values()) < 1e-3
    # Something was learnt, or nothing would be compared.
    assert steps[-1]["loss"] < 0.6 and steps[-1]["margin"] > 0.2

    # What was written is what PEFT reads, weight for weight what TRL has learnt, and says what we say.
    written = load_file(ours.result / "adapter_model.safetensors")
    trainer.model.save_pretrained(tmp_path / "learnt", selected_adapters=["default"])
    learnt = load_file(tmp_path / "learnt" / "adapter_model.safetensors")
    assert written.keys() == learnt.keys()
    assert max((written[name] - learnt[name]).abs().max() for name in learnt) < 1e-4
    kept = ours.of("finished")[0]["kept_step"]
    held_out = next(event for event in ours.of("evaluation") if event["step"] == kept)
    model = PeftModel.from_pretrained(base(), ours.result).eval()
    assert abs(log_probabilities(model, 1) - held_out["logps_chosen"]) < 1e-3
    assert abs(log_probabilities(model, 2) - held_out["logps_rejected"]) < 1e-3
