"""Records preference runs of the starter at a learning rate, ten times and a hundred times it.

    python record.py path/to/neuralchat-cli

Pairs: the same questions answered shortly (chosen) or at length (rejected), made here from lists of words; every eighth pair is
held out. Each run's journal of evaluations on held-out pairs is written to rate_1.jsonl, rate_10.jsonl and rate_100.jsonl: what
`neuralchat-cli train --json` prints, without the lines of steps. `nc-train` reads them in a test of its verdicts.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

RATE = 5e-5
THINGS = "apple river cloud stone garden window candle bridge mirror forest button ladder".split()
QUESTIONS = [
    "Is a {} a thing?",
    "What is a {}?",
    "Do you know the word {}?",
    "Say something about a {}.",
    "Tell me about a {}.",
    "Have you heard of a {}?",
    "Can you spell {}?",
    "Please describe a {}.",
]


def pairs():
    for question in QUESTIONS:
        for thing in THINGS:
            yield {
                "prompt": question.format(thing),
                "chosen": f"A {thing} is a thing.",
                "rejected": f"Well, let me think about it. A {thing} is a thing, and there is much more that one could say.",
            }


def main(program):
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        data = folder / "pairs.jsonl"
        data.write_text("\n".join(json.dumps(pair) for pair in pairs()))
        for times in [1, 10, 100]:
            recipe = folder / f"rate_{times}.toml"
            recipe.write_text(
                f"""
model = "starter"
stage = "preference"
[data]
files = ["{data}"]
held_out = 0.125
[method]
kind = "lora"
rank = 8
alpha = 16
[preference]
beta = 0.1
[optimisation]
epochs = 4
learning_rate = {RATE * times}
clip = 0
micro_batch = 4
accumulation = 2
max_tokens = 128
[evaluation]
every_steps = 6
"""
            )
            run = subprocess.run(
                [program, "train", recipe, "--out", folder / str(times), "--json"], capture_output=True, text=True
            )
            lines = [json.loads(line) for line in run.stdout.splitlines()]
            held = [line for line in lines if line.get("event") == "evaluation"]
            print(times, held[-1] if held else run.stderr[-400:])
            (here / f"rate_{times}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in held))


if __name__ == "__main__":
    main(sys.argv[1])
