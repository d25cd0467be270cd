"""Adapters written by PEFT for the random Llamas of ../tiny_llama, with the logits they lead to, computed in f32.

    python make.py        # writes one folder an adapter beside this file

Each folder is what PEFT's save_pretrained writes (adapter_config.json, adapter_model.safetensors) plus golden.json:
    versions      of torch, transformers, peft
    base          the model, under ../tiny_llama
    sequences     [{ids, positions, logits}]: one row of logits for each position named
Both factors are random, so that every projection matters; the golden numbers come from the folder as it was saved.
    all_linear    rank 4, alpha 8, all seven projections
    rslora_qv     rank 4, alpha 3, rsLoRA, queries and values
    one_layer     rank 3, the second layer only, stored in bfloat16
    gguf          rank 4, all seven projections of the model in gguf/f32.gguf, as transformers reads it
"""
import json
import shutil
from pathlib import Path

import peft
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

HERE = Path(__file__).resolve().parent
MODELS = HERE.parent / "tiny_llama"
ADAPTERS = {
    "all_linear": ("base", dict(r=4, lora_alpha=8, target_modules="all-linear", lora_dropout=0.05)),
    "rslora_qv": ("base", dict(r=4, lora_alpha=3, target_modules=["q_proj", "v_proj"], use_rslora=True)),
    "one_layer": ("base", dict(r=3, lora_alpha=6, target_modules=r".*model\.layers\.1\..*\.(k_proj|down_proj)")),
    "gguf": ("gguf/f32.gguf", dict(r=4, lora_alpha=8, target_modules="all-linear")),
}


def load(base):
    path = MODELS / base
    where = (path.parent, {"gguf_file": path.name}) if path.suffix == ".gguf" else (path, {})
    return AutoModelForCausalLM.from_pretrained(where[0], dtype=torch.float32, attn_implementation="eager", **where[1])


def main():
    for seed, (name, (base, settings)) in enumerate(ADAPTERS.items()):
        generator = torch.Generator().manual_seed(100 + seed)
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        model = get_peft_model(load(base), LoraConfig(task_type="CAUSAL_LM", **settings))
        for parameter_name, parameter in model.named_parameters():
            if "lora_" in parameter_name:
                scale = 0.1 if "lora_B" in parameter_name else parameter.shape[1] ** -0.5
                parameter.data = torch.randn(parameter.shape, generator=generator) * scale
        if name == "one_layer":
            # Only the adapter: what is saved then is what is loaded.
            for parameter_name, parameter in model.named_parameters():
                if "lora_" in parameter_name:
                    parameter.data = parameter.data.to(torch.bfloat16)
        model.peft_config["default"].base_model_name_or_path = base
        model.save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)

        model = PeftModel.from_pretrained(load(base), folder, autocast_adapter_dtype=False).float().eval()
        vocabulary = model.config.vocab_size
        sequences = []
        for length in (1, 7, 33):
            ids = torch.randint(3, vocabulary, (length,), generator=generator)
            with torch.no_grad():
                logits = model(input_ids=ids[None]).logits[0]
            positions = sorted({0, length // 2, length - 1})
            rows = [[round(x, 6) for x in logits[position].tolist()] for position in positions]
            sequences.append({"ids": ids.tolist(), "positions": positions, "logits": rows})
        versions = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}
        golden = {"versions": versions, "base": base, "sequences": sequences}
        (folder / "golden.json").write_text(json.dumps(golden) + "\n")


main()
