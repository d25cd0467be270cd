"""The small language in which the starter's training texts are written.

`expand` turns one written pattern into one of its readings, `rough_up` makes a person's line look typed by a person.
Text between « and » is to be kept letter by letter (a name, a word to be copied): it is never changed.
"""
import re

_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")


def expand(rng, pattern):
    """`(hi|hello)( there|)!` -> `hello there!`. Innermost choices first; brackets without a bar stay as they are."""
    while True:
        found = _CHOICE.search(pattern)
        if not found:
            return pattern
        pattern = pattern[:found.start()] + rng.choice(found.group(1).split("|")) + pattern[found.end():]


def _typo(rng, word):
    """One slip of the fingers: a letter lost, doubled, or swapped with its neighbour."""
    at = rng.randrange(1, len(word) - 1)
    kind = rng.randrange(3)
    if kind == 0:
        return word[:at] + word[at + 1:]
    if kind == 1:
        return word[:at] + word[at] + word[at:]
    return word[:at] + word[at + 1] + word[at] + word[at + 2:]


def _typos(rng, text):
    words = text.split(" ")
    long_words = [i for i, word in enumerate(words) if len(word) > 3 and word.isalpha()]
    if long_words:
        i = rng.choice(long_words)
        words[i] = _typo(rng, words[i])
    return " ".join(words)


def plain(text):
    return text.replace("«", "").replace("»", "")


def rough_up(rng, text):
    """A person's line: often in lower case, often without its full stop, sometimes with a slip."""
    pieces = re.split(r"(«[^»]*»)", text)
    lower, shout, slip = rng.random() < 0.4, rng.random() < 0.015, rng.random() < 0.1
    capital = rng.random() < 0.7
    for i, piece in enumerate(pieces):
        if piece.startswith("«"):
            continue
        if slip:
            piece = _typos(rng, piece)
        if lower:
            piece = piece.lower()
        elif shout:
            piece = piece.upper()
        elif capital and i == 0 and piece:
            piece = piece[0].upper() + piece[1:]
        if i == len(pieces) - 1 and rng.random() < 0.4:
            piece = piece.rstrip("?.!")
        pieces[i] = piece
    return plain("".join(pieces)).strip()
