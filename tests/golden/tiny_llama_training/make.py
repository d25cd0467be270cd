"""Reference losses and gradients for the trainers' tests: the random Llama of ../tiny_llama, trained by PyTorch in f32.

    python make.py        # writes full.safetensors, lora.safetensors and golden.json beside this file

Two sequences are trained, each alone with positions from zero (no padding, so nothing but arithmetic is compared). The loss
of a step is the mean of the cross-entropy over all tokens that count in both.
    full    all parameters, AdamW
    lora    rank 4, alpha 8 on all seven projections; factors A and B both random, so that both have gradients
Each safetensors file holds the gradients of the first step, under the names of the checkpoint (lora: layer.site.a, .b and
the factors themselves as start.layer.site.a, .b); golden.json the data, ten losses, the log-probabilities of the first step.
"""
import json
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

HERE = Path(__file__).resolve().parent
BASE = HERE.parent / "tiny_llama"
SITES = {"query": "self_attn.q_proj", "key": "self_attn.k_proj", "value": "self_attn.v_proj",
         "attention_output": "self_attn.o_proj", "gate": "mlp.gate_proj", "up": "mlp.up_proj", "down": "mlp.down_proj"}
RANK, ALPHA = 4, 8.0
LEARNING_RATE, STEPS = 3e-3, 10


class WithAdapter(torch.nn.Module):
    def __init__(self, base, generator):
        super().__init__()
        self.base = base
        self.a = torch.nn.Parameter(torch.randn(RANK, base.in_features, generator=generator) / base.in_features ** 0.5)
        self.b = torch.nn.Parameter(torch.randn(base.out_features, RANK, generator=generator) * 0.1)

    def forward(self, x):
        return self.base(x) + ALPHA / RANK * (x @ self.a.T) @ self.b.T


def sequences(vocabulary, generator):
    made = []
    for length, first_trained in ((37, 5), (21, 9)):
        ids = torch.randint(3, vocabulary, (length,), generator=generator)
        counted = torch.zeros(length, dtype=torch.bool)
        counted[first_trained:] = True
        counted[first_trained + 4:first_trained + 7] = False
        made.append((ids, counted))
    return made


def log_probabilities(model, data):
    """Of the tokens that count, sequence after sequence; a token that counts is predicted from those before it."""
    parts = []
    for ids, counted in data:
        logits = model(input_ids=ids[None]).logits[0].float()
        every = torch.log_softmax(logits[:-1], -1).gather(1, ids[1:, None])[:, 0]
        parts.append(every[counted[1:]])
    return torch.cat(parts)


def train(model, parameters, data, decays):
    optimizer = torch.optim.AdamW(
        [{"params": [p for n, p in parameters.items() if decays(n, p)], "weight_decay": 0.1},
         {"params": [p for n, p in parameters.items() if not decays(n, p)], "weight_decay": 0.0}],
        lr=LEARNING_RATE, betas=(0.9, 0.999), eps=1e-8)
    losses, first, gradients = [], None, None
    for step in range(STEPS):
        optimizer.zero_grad()
        values = log_probabilities(model, data)
        loss = -values.mean()
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            first = values.tolist()
            gradients = {name: parameter.grad.clone() for name, parameter in parameters.items()}
        optimizer.step()
    return losses, first, gradients


def main():
    golden = {"versions": {"torch": torch.__version__, "transformers": transformers.__version__},
              "learning_rate": LEARNING_RATE, "weight_decay": 0.1, "rank": RANK, "alpha": ALPHA}
    for variant in ("base", "tied", "bias"):
        generator = torch.Generator().manual_seed(11)
        load = lambda: AutoModelForCausalLM.from_pretrained(BASE / variant, dtype=torch.float32, attn_implementation="eager")
        model = load()
        data = sequences(model.config.vocab_size, generator)
        parameters = dict(model.named_parameters())
        losses, first, gradients = train(model, parameters, data, lambda name, p: p.dim() > 1)
        if variant != "base":
            # The first losses say enough of a variant together with its largest gradients.
            gradients = {name: value for name, value in gradients.items() if "embed" in name or "bias" in name}
        save_file(gradients, HERE / f"full_{variant}.safetensors")
        entry = {"sequences": [{"ids": ids.tolist(), "counted": counted.tolist()} for ids, counted in data],
                 "log_probabilities": first, "losses": losses}
        golden[variant] = {"full": entry}
        if variant == "base":
            model = load()
            for parameter in model.parameters():
                parameter.requires_grad = False
            adapters = {}
            for index, layer in enumerate(model.model.layers):
                for site, path in SITES.items():
                    parent, name = path.split(".")
                    adapter = WithAdapter(getattr(getattr(layer, parent), name), generator)
                    setattr(getattr(layer, parent), name, adapter)
                    adapters[f"{index}.{site}.a"] = adapter.a
                    adapters[f"{index}.{site}.b"] = adapter.b
            start = {f"start.{name}": value.detach().clone() for name, value in adapters.items()}
            losses, first, gradients = train(model, adapters, data, lambda name, p: True)
            save_file({**gradients, **start}, HERE / "lora.safetensors")
            golden[variant]["lora"] = {"log_probabilities": first, "losses": losses}
    (HERE / "golden.json").write_text(json.dumps(golden) + "\n")


main()
