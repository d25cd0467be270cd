"""Reference values for reading ggml block formats: random valid blocks and what the `gguf` package makes of them.

    python make.py        # writes golden.json beside this file

golden.json: {versions, types: [{name, block_values, block_bytes, bytes_hex, values}]}, three blocks of each type. The bits
of a block are random (so that every nibble and every packed scale occurs), only its f16 scales are drawn as sane numbers.
"""
import json
from importlib.metadata import version
from pathlib import Path

import numpy
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

BLOCKS = 3
# Where the f16 scales (and minima) lie in a block.
SCALES_AT = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
             "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}


def main():
    rng = numpy.random.default_rng(11)
    types = []
    for name, places in SCALES_AT.items():
        kind = GGMLQuantizationType[name]
        values, size = GGML_QUANT_SIZES[kind]
        blocks = rng.integers(0, 256, (BLOCKS, size), dtype=numpy.uint8)
        for block in blocks:
            for at in places:
                scale = numpy.float16(rng.uniform(0.001, 0.1) * rng.choice([-1, 1]))
                block[at:at + 2] = numpy.frombuffer(scale.tobytes(), dtype=numpy.uint8)
        read = quants.dequantize(blocks, kind).reshape(-1)
        assert read.shape == (BLOCKS * values,) and numpy.isfinite(read).all()
        types.append({"name": name, "block_values": values, "block_bytes": size, "bytes_hex": blocks.tobytes().hex(),
                      "values": [float(f"{value:.9g}") for value in read.tolist()]})
    golden = {"versions": {"gguf": version("gguf"), "numpy": numpy.__version__}, "made_by": "tests/golden/ggml_blocks/make.py", "types": types}
    text = json.dumps(golden, separators=(",", ":")).replace('{"name"', '\n{"name"')
    (Path(__file__).resolve().parent / "golden.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
