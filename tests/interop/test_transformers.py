"""The program against transformers: the same greedy text, the same token ids, the same rendered conversation.

Run by `make interop`; NEURALCHAT_CLI names the program.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).resolve().parents[2]
STARTER = ROOT / "assets" / "starter"
STORIES = ROOT.parent / "shared" / "data" / "models" / "stories260k"
FOLDERS = [STARTER] + ([STORIES] if STORIES.exists() else [])

TEXTS = [
    "Hello there, how are you?",
    "  two spaces, a tab\tand a line\n\nbreak ",
    "Grüße aus Köln, 你好, emoji 🙂🙃 and 3.14159",
    "def f(x):\n    return x ** 2  # square",
]


def cli(*arguments: str) -> dict | list:
    done = subprocess.run(
        [os.environ["NEURALCHAT_CLI"], *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def folder(request) -> Path:
    return request.param


@pytest.mark.parametrize("text", TEXTS)
def test_token_ids(folder: Path, text: str) -> None:
    ours = cli("tokenize", "--model", str(folder), "--text", text, "--json")
    theirs = AutoTokenizer.from_pretrained(folder)(text)["input_ids"]
    assert [token["id"] for token in ours] == theirs


@pytest.mark.parametrize("prompt", ["Once upon a time", "The days of the week are"])
def test_greedy_text(folder: Path, prompt: str) -> None:
    answer = cli(
        "generate", "--model", str(folder), "--prompt", prompt, "--temperature", "0",
        "--max-new-tokens", "64", "--json",
    )  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids = torch.tensor([tokenizer(prompt)["input_ids"]])
    with torch.no_grad():
        whole = model.generate(ids, max_new_tokens=64, do_sample=False)[0].tolist()
    theirs = tokenizer.decode(whole, skip_special_tokens=True)
    assert prompt + answer["text"] == theirs


@pytest.mark.parametrize("question", ["Hello!", "What are the days of the week?"])
def test_chat_answer(question: str) -> None:
    done = subprocess.run(
        [os.environ["NEURALCHAT_CLI"], "chat", "--model", str(STARTER), "--once", question,
         "--temperature", "0", "--max-new-tokens", "64"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(STARTER)
    model = AutoModelForCausalLM.from_pretrained(STARTER, dtype=torch.float32)
    rendered = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}],
        add_generation_prompt=True, return_tensors="pt", return_dict=True,
    )  # fmt: skip
    with torch.no_grad():
        whole = model.generate(**rendered, max_new_tokens=64, do_sample=False)[0]
    theirs = tokenizer.decode(whole[rendered["input_ids"].shape[1] :], skip_special_tokens=True)
    assert done.stdout == theirs + "\n"
