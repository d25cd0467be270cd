"""Reference logits for the decoder's tests: tiny random Llamas, computed in f32 by transformers.

    python make.py        # writes one folder a variant beside this file, and gguf/

Each variant folder is what a Hugging Face folder looks like (config.json, safetensors) plus golden.json:
    versions      of torch, transformers, numpy (and gguf)
    sequences     [{ids, positions, logits}]: one row of logits for each position named
    greedy        {ids, continuation, smallest_margin}: 20 tokens that follow by always taking the largest logit (an end
                  of text does not end it);
                  smallest_margin is the least distance between the best and the second logit on the way
The golden numbers come from the folder as it was saved, not from the model in memory.
"""
import json
import shutil
from pathlib import Path

import gguf
import numpy
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).resolve().parent
SEED = 7

# Two sizes: `base` has more than one tile of everything, the variants are as small as their point allows.
BASE = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, vocab_size=96)
SMALL = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, vocab_size=64)
GGUF = dict(hidden_size=64, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, vocab_size=64)

# `head_dim` 8 with theta 10000 turns with wavelengths 6, 63, 628 and 6283; an original length of 64 puts one of them in
# each of llama3's three ranges (kept, blended, divided by the factor).
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}

# name: (size, fields of config.json). The old field names (rope_theta, rope_scaling) are those of nearly every published
# model; `tied` uses the new `rope_parameters`, with a theta that shows when it is overlooked.
VARIANTS = {
    "base": (BASE, {}),
    "bf16": (SMALL, {"torch_dtype": "bfloat16"}),
    "rope_llama3": (SMALL, {"rope_scaling": LLAMA3}),
    "rope_linear": (SMALL, {"rope_scaling": {"type": "linear", "factor": 2.5}}),
    "tied": (SMALL, {"tie_word_embeddings": True, "rope_theta": None, "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}),
    "bias": (SMALL, {"attention_bias": True, "mlp_bias": True}),
    "head_dim": (SMALL, {"head_dim": 12}),
}


def config_fields(size, extra):
    fields = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **size, "hidden_act": "silu", "rms_norm_eps": 1e-5,
              "rope_theta": 10000.0, "max_position_embeddings": 128, "tie_word_embeddings": False, "bos_token_id": 1,
              "eos_token_id": 2, "torch_dtype": "float32", **extra}
    return {name: value for name, value in fields.items() if value is not None}


def random_weights(fields, seed):
    """Weights with which every part matters: logits of a few units, attention that is neither flat nor fixed on one place."""
    generator = torch.Generator().manual_seed(seed)
    model = LlamaForCausalLM(LlamaConfig(**{k: v for k, v in fields.items() if k != "architectures"}))
    weights = {}
    for name, value in model.state_dict().items():
        noise = torch.randn(value.shape, generator=generator)
        if name == "lm_head.weight" and fields["tie_word_embeddings"]:
            continue
        if name.endswith("norm.weight"):
            weights[name] = 1 + 0.2 * noise
        elif name.endswith(".bias"):
            weights[name] = 0.3 * noise
        elif "embed_tokens" in name:
            weights[name] = noise * (2 / value.shape[1] ** 0.5 if fields["tie_word_embeddings"] else 1)
        else:
            gain = 2.0 if "lm_head" in name else 1.4 if "q_proj" in name or "k_proj" in name else 1.0
            weights[name] = noise * gain / value.shape[1] ** 0.5
    return weights


def write_folder(folder, fields, weights, shards=1):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(fields, indent=2) + "\n")
    if shards == 1:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        return
    # A layer's tensors may lie in different shards, as they do in published models.
    names, index = sorted(weights), {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = {name: weights[name] for name in names[shard * len(names) // shards:(shard + 1) * len(names) // shards]}
        save_file(part, folder / file, metadata={"format": "pt"})
        index.update({name: file for name in part})
    total = sum(value.numel() * value.element_size() for value in weights.values())
    text = json.dumps({"metadata": {"total_size": total}, "weight_map": index}, indent=2)
    (folder / "model.safetensors.index.json").write_text(text + "\n")


def sequences(vocabulary):
    rng = numpy.random.default_rng(SEED)
    draw = lambda n: rng.integers(3, vocabulary, n).tolist()
    return [([1], "all"), ([1] + draw(7), "all"), ([1] + draw(16), "last"), ([1] + draw(39), "last")]


def rounded(row):
    return [round(value, 6) for value in row.tolist()]  # a hundred times finer than the tests ask for


def golden(model, vocabulary):
    model = model.float().eval()
    out = {"versions": {m.__name__: m.__version__ for m in (torch, transformers, numpy)} | {"gguf": version_of("gguf")},
           "made_by": "tests/golden/tiny_llama/make.py", "seed": SEED, "sequences": []}
    with torch.no_grad():
        for ids, which in sequences(vocabulary):
            logits = model(torch.tensor([ids])).logits[0]
            positions = list(range(len(ids))) if which == "all" else [len(ids) - 1]
            out["sequences"].append({"ids": ids, "positions": positions, "logits": [rounded(logits[p]) for p in positions]})
        prompt = sequences(vocabulary)[1][0]
        ids, margin = list(prompt), float("inf")
        for _ in range(20):
            best = model(torch.tensor([ids])).logits[0, -1].topk(2)
            margin = min(margin, (best.values[0] - best.values[1]).item())
            ids.append(best.indices[0].item())
    assert margin > 2e-3, f"a continuation that hangs on {margin} is no test; choose another seed"
    out["greedy"] = {"ids": prompt, "continuation": ids[len(prompt):], "smallest_margin": round(margin, 6)}
    spread = max(abs(value) for s in out["sequences"] for row in s["logits"] for value in row)
    assert 2 < spread < 15, spread
    return out


def version_of(package):
    from importlib.metadata import version
    return version(package)


def write_golden(path, values):
    """JSON with one row of logits a line."""
    text = json.dumps(values, separators=(",", ":"))
    path.write_text(text.replace("],[", "],\n[").replace('"sequences"', '\n"sequences"').replace('{"ids"', '\n{"ids"') + "\n")


def loaded(folder):
    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")


def to_gguf_order(weight, heads):
    """llama.cpp rotates neighbouring pairs, transformers halves: rows of q and k are reordered when a GGUF is written."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def from_gguf_order(weight, heads):
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


GGUF_NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "input_layernorm": "attn_norm",
              "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
              "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
              "mlp.down_proj": "ffn_down"}


def gguf_name(name):
    stem, kind = name.rsplit(".", 1)
    if stem.startswith("model.layers."):
        _, _, layer, rest = stem.split(".", 3)
        return f"blk.{layer}.{GGUF_NAMES[rest]}.{kind}"
    return f"{GGUF_NAMES[stem]}.{kind}"


def write_gguf(path, fields, weights, kind):
    """Writes the model and returns its weights as a reader gets them back (dequantised, in transformers' order)."""
    heads, kv_heads = fields["num_attention_heads"], fields["num_key_value_heads"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name(f"tiny llama {kind.name}")
    writer.add_file_type({"F32": 0, "Q8_0": 7, "Q4_0": 2}[kind.name])
    writer.add_block_count(fields["num_hidden_layers"])
    writer.add_context_length(fields["max_position_embeddings"])
    writer.add_embedding_length(fields["hidden_size"])
    writer.add_feed_forward_length(fields["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(fields["rms_norm_eps"])
    writer.add_rope_freq_base(fields["rope_theta"])
    writer.add_rope_dimension_count(fields["hidden_size"] // heads)
    writer.add_vocab_size(fields["vocab_size"])
    pieces = ["<unk>", "<s>", "</s>", "\u2581", *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,!?:;-'"]
    assert len(pieces) == fields["vocab_size"]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(pieces)
    writer.add_token_scores([-float(i) for i in range(len(pieces))])
    writer.add_token_types([2, 3, 3] + [1] * (len(pieces) - 3))  # unknown, control, control, then normal
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    back = {}
    for name, value in weights.items():
        value = value.numpy()
        count = heads if "q_proj" in name else kv_heads if "k_proj" in name else None
        stored = numpy.ascontiguousarray(to_gguf_order(value, count) if count else value)
        if value.ndim == 1 or kind.name == "F32":
            writer.add_tensor(gguf_name(name), stored)
            read = stored
        else:
            blocks = gguf.quants.quantize(stored, kind)
            writer.add_tensor(gguf_name(name), blocks, raw_dtype=kind)
            read = gguf.quants.dequantize(blocks, kind)
        back[name] = torch.from_numpy(numpy.ascontiguousarray(from_gguf_order(read, count) if count else read)).clone()
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return back


def main():
    torch.set_num_threads(1)
    for number, (name, (size, extra)) in enumerate(VARIANTS.items()):
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        fields = config_fields(size, extra)
        weights = random_weights(fields, SEED + number)
        if name == "bf16":
            weights = {key: value.to(torch.bfloat16) for key, value in weights.items()}
        write_folder(folder, fields, weights)
        write_golden(folder / "golden.json", golden(loaded(folder), size["vocab_size"]))

    shutil.rmtree(HERE / "sharded", ignore_errors=True)
    write_folder(HERE / "sharded", config_fields(BASE, {}), load_file(HERE / "base" / "model.safetensors"), shards=2)
    write_golden(HERE / "sharded" / "golden.json", golden(loaded(HERE / "sharded"), BASE["vocab_size"]))

    shutil.rmtree(HERE / "gguf", ignore_errors=True)
    (HERE / "gguf").mkdir()
    fields = config_fields(GGUF, {})
    weights = random_weights(fields, SEED + 100)
    for kind in (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.Q4_0):
        stem = kind.name.lower()
        model = LlamaForCausalLM(LlamaConfig(**{k: v for k, v in fields.items() if k != "architectures"}, attn_implementation="eager"))
        model.load_state_dict(write_gguf(HERE / "gguf" / f"{stem}.gguf", fields, weights, kind))
        write_golden(HERE / "gguf" / f"{stem}.golden.json", golden(model, fields["vocab_size"]))

    size = sum(file.stat().st_size for file in HERE.rglob("*") if file.is_file())
    print(f"{size:,} bytes in all")


if __name__ == "__main__":
    main()
