"""Records preference runs of the starter at a learning rate, ten times and a hundred times it.

    python record.py path/to/neuralchat-cli path/to/pairs.json

The recorded runs learnt from the first 160 rows of instruction-data-with-preference.json, a fifth held out, with a weak hold on the
reference (beta 0.01), so that a large rate does harm. What each evaluation on held-out pairs told is written to rate_1.jsonl,
rate_10.jsonl and rate_100.jsonl: the lines of `neuralchat-cli train --json`, without those of steps. The figures hold no text of the
data. `nc-train` reads them in a test of its verdicts.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

RATE = 1e-4


def main(program, data):
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for times in [1, 10, 100]:
            recipe = folder / f"rate_{times}.toml"
            recipe.write_text(
                f"""
model = "starter"
stage = "preference"
[data]
files = ["{data}"]
max_rows = 160
held_out = 0.2
[method]
kind = "lora"
rank = 8
alpha = 16
[preference]
beta = 0.01
[optimisation]
epochs = 4
learning_rate = {RATE * times}
clip = 0
micro_batch = 4
accumulation = 2
max_tokens = 192
[evaluation]
every_steps = 16
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
    main(sys.argv[1], Path(sys.argv[2]).resolve())
