"""Makes the embedded starter model: tokenizer, training from scratch, and the folder assets/starter.

    python train.py                 # about 45 minutes on one core
    python train.py --steps 50      # a quick look at whether everything runs
    python train.py --start FOLDER --last --peak 0.35 --minutes 12    # a last stage on what people ask first

One recipe: conversations made on the fly, cross-entropy on what the assistant writes, Muon for the matrices and AdamW for
the rest, a cosine schedule. What is saved is a running mean of the weights, in bf16.
"""
import argparse
import json
import math
import os
import random
import time
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy
import safetensors
import tokenizers
import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

import corpus
from corpus import conversation, plain_text
from vocabulary import END_OF_TEXT, MESSAGE_END, MESSAGE_START, render, train_tokenizer, write_tokenizer

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[2] / "assets" / "starter"
SEED = 20
LONGEST = 1000            # tokens of a conversation; the model is made for 1024
TOKENS_PER_STEP = 2048    # padding included; small, since here steps count for more than smooth gradients
MUON_RATE, ADAM_RATE, WARM_UP_STEPS, FINAL_SHARE = 0.02, 4e-3, 60, 0.01
MEAN_DECAY = 0.99         # running mean of the weights: smooths the last hundred steps

# Every row is a multiple of 256, so that each block format (Q4_0 to Q6_K, groups of 128) can store every matrix.
CONFIG = dict(hidden_size=256, intermediate_size=256, num_hidden_layers=5, num_attention_heads=8, num_key_value_heads=4,
              head_dim=32, max_position_embeddings=1024, rms_norm_eps=1e-5, tie_word_embeddings=True,
              rope_parameters={"rope_type": "default", "rope_theta": 10000.0})


def encode(tokenizer, rng):
    """One training text as (ids, weights); a weight of 1 marks a token to be learned."""
    if rng.random() < 0.03:
        ids = tokenizer.encode(END_OF_TEXT + plain_text(rng) + END_OF_TEXT).ids
        return ids, [0] + [1] * (len(ids) - 1)
    ids, weights = [], []
    for message in conversation(rng):
        learned = message["role"] == "assistant"
        head = tokenizer.encode(f"{MESSAGE_START}{message['role']}\n").ids
        body = tokenizer.encode(message["content"] + MESSAGE_END).ids
        tail = tokenizer.encode("\n").ids
        ids += head + body + tail
        weights += [0] * len(head) + [int(learned)] * len(body) + [0] * len(tail)
    return ids[:LONGEST], weights[:LONGEST]


def batches(tokenizer, rng):
    """Endless batches of about TOKENS_PER_STEP tokens; texts of like length share a batch, so little is padding."""
    while True:
        texts = sorted((encode(tokenizer, rng) for _ in range(800)), key=lambda text: len(text[0]))
        groups, group = [], []
        for text in texts:
            if group and (len(group) + 1) * len(text[0]) > TOKENS_PER_STEP:
                groups.append(group)
                group = []
            group.append(text)
        rng.shuffle(groups)
        for group in groups:
            length = max(len(ids) for ids, _ in group)
            ids = torch.zeros(len(group), length, dtype=torch.long)
            weights = torch.zeros(len(group), length, dtype=torch.bool)
            for row, (text, learned) in enumerate(group):
                ids[row, :len(text)] = torch.tensor(text)
                weights[row, :len(text)] = torch.tensor(learned, dtype=torch.bool)
            yield ids, weights


def answer_loss(model, ids, weights):
    """Mean cross-entropy of the learned tokens. Padding is at the right, behind a causal mask, so it needs no mask of its own."""
    hidden = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
    learned = weights[:, 1:]
    return F.cross_entropy(model.lm_head(hidden[learned]), ids[:, 1:][learned])


def save_model(weights, config, tokenizer, folder):
    """Writes config, weights (bf16, the tied head once) and generation settings; each file under its final name at once."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.to(torch.bfloat16).contiguous() for name, value in weights.items() if name != "lm_head.weight"}
    save_file(tensors, folder / "model.safetensors.part", metadata={"format": "pt"})
    os.chmod(folder / "model.safetensors.part", 0o644)
    os.replace(folder / "model.safetensors.part", folder / "model.safetensors")
    end, start = tokenizer.token_to_id(MESSAGE_END), tokenizer.token_to_id(END_OF_TEXT)
    # Written by hand: plain fields that every reader of Llama folders knows (rope_theta at the top level).
    fields = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": config.vocab_size,
              **{k: v for k, v in CONFIG.items() if k != "rope_parameters"}, "rope_theta": 10000.0, "hidden_act": "silu",
              "attention_bias": False, "mlp_bias": False, "bos_token_id": start, "eos_token_id": end, "pad_token_id": start,
              "dtype": "bfloat16", "torch_dtype": "bfloat16"}
    (folder / "config.json").write_text(json.dumps(fields, indent=2) + "\n")
    generation = {"bos_token_id": start, "eos_token_id": [end, start], "pad_token_id": start, "do_sample": True,
                  "temperature": 0.3, "top_p": 0.9, "max_new_tokens": 256}
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")
    write_tokenizer(tokenizer, folder)


def check_template(folder):
    """The text that is trained on is exactly the text that the chat template writes."""
    tokenizer, rng = AutoTokenizer.from_pretrained(folder), random.Random(3)
    for _ in range(50):
        messages = conversation(rng)
        if messages[0]["role"] == "system":
            assert tokenizer.apply_chat_template(messages, tokenize=False) == render(messages)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2200)
    parser.add_argument("--minutes", type=float, default=math.inf, help="end sooner, the schedule shortened to fit (then no longer repeatable)")
    parser.add_argument("--start", type=Path, help="go on from this folder's weights and tokenizer, with a schedule of its own")
    parser.add_argument("--peak", type=float, default=1.0, help="share of the highest learning rates")
    parser.add_argument("--last", action="store_true", help="the last stage's mixture of topics")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--save-every", type=int, default=500)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    args = parser.parse_args()
    if args.last:
        corpus.TOPICS = corpus.LAST_TOPICS
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    for module in (torch, transformers, tokenizers, safetensors, numpy):
        print(module.__name__, module.__version__)

    rng = random.Random(args.seed)
    tokenizer = Tokenizer.from_file(str(args.start / "tokenizer.json")) if args.start else train_tokenizer(args.seed)
    config = LlamaConfig(vocab_size=tokenizer.get_vocab_size(), **CONFIG)
    model = LlamaForCausalLM(config)
    if args.start:
        model.load_state_dict(load_file(args.start / "model.safetensors"), strict=False)  # the head is tied to the embedding
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {config.vocab_size} tokens", flush=True)
    save_model(model.state_dict(), config, tokenizer, args.folder)
    check_template(args.folder)

    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    optimizers = [torch.optim.Muon(matrices, lr=MUON_RATE, weight_decay=0.02, momentum=0.95),
                  torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.97), weight_decay=0.0)]
    rates = [MUON_RATE, ADAM_RATE]
    mean = {name: value.clone() for name, value in model.state_dict().items()}
    stream, started, seen, smooth = batches(tokenizer, rng), time.time(), 0, None

    for step in range(args.steps):
        if step and step % args.save_every == 0:
            save_model(mean, config, tokenizer, args.folder)
            print(f"step {step}: saved", flush=True)
        progress = max(step / args.steps, (time.time() - started) / 60 / args.minutes)
        if progress >= 1:
            break
        share = min(1, (step + 1) / WARM_UP_STEPS) * (FINAL_SHARE + (1 - FINAL_SHARE) * (1 + math.cos(math.pi * progress)) / 2)
        for optimizer, rate in zip(optimizers, rates):
            optimizer.param_groups[0]["lr"] = rate * share * args.peak
        ids, weights = next(stream)
        loss = answer_loss(model, ids, weights)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        decay = min(MEAN_DECAY, step / (step + 10))
        with torch.no_grad():
            for name, value in model.state_dict().items():
                mean[name].lerp_(value, 1 - decay)
        seen += ids.numel()
        smooth = loss.item() if smooth is None else 0.95 * smooth + 0.05 * loss.item()
        if step % 20 == 0 or step == args.steps - 1:
            seconds = time.time() - started
            print(f"step {step} loss {smooth:.4f} gradient {norm:.2f} rate {share:.3f} tokens {seen:,} "
                  f"{seen / seconds:,.0f} tokens/s {seconds / 60:.1f} min", flush=True)
    save_model(mean, config, tokenizer, args.folder)
    print(f"done after {step + 1} steps at most, {seen:,} tokens, {(time.time() - started) / 60:.1f} min")


if __name__ == "__main__":
    main()
