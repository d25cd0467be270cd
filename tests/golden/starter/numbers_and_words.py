"""Exchanges that are made up anew each time: sums, counting, comparing, spelling, repeating.

Every function takes a random generator and returns (what the person writes, what the model answers).
"""
from phrasing import expand

SIGN = {"+": "+", "-": "-", "*": "×", "/": "÷"}

ASK = {
    "+": ["{a} + {b}", "{a}+{b}", "{a} plus {b}", "add {a} and {b}", "the sum of {a} and {b}", "{a} and {b} together"],
    "-": ["{a} - {b}", "{a}-{b}", "{a} minus {b}", "subtract {b} from {a}", "take {b} away from {a}",
          "the difference between {a} and {b}"],
    "*": ["{a} * {b}", "{a}*{b}", "{a} x {b}", "{a} times {b}", "multiply {a} by {b}", "the product of {a} and {b}",
          "{a} × {b}"],
    "/": ["{a} / {b}", "{a}/{b}", "{a} divided by {b}", "divide {a} by {b}", "{a} ÷ {b}"],
}
AROUND = ["{q}", "{q}", "{q} =", "{q}=", "{q} = ?", "(what is|what's|whats|how much is|calculate|compute|work out|solve) {q}?",
          "(what is|what's|how much is) {q}?", "(please|can you|could you) (calculate|compute|tell me|work out|solve) {q}(?|)",
          "(tell me|i need|give me|do you know) {q}", "{q} (please|equals|is what|makes)?", "(ok|and|now|hey|so),? (what is|what about|) {q}?"]


def held_out(a, b, op):
    """One larger problem in ten is never trained on, so that evaluate.py can ask for it."""
    return max(a, b) >= 10 and op in "+-" and (a * 7919 + b * 104729 + ord(op)) % 10 == 0


def result(a, b, op):
    return {"+": a + b, "-": a - b, "*": a * b, "/": a // b if b else 0}[op]


def equation(a, b, op):
    return f"{a} {SIGN[op]} {b} = {result(a, b, op)}."


def solution(a, b, op):
    """The bare equation for one digit; for more, the columns come first, from the ones on, as one does it on paper.

    With its columns written out a sum is a few small steps, which a model of this size learns from far fewer examples.
    """
    if op in "*/" or max(a, b) < 10:
        return equation(a, b, op)
    high, low = (a, b) if op == "+" else (max(a, b), min(a, b))
    steps, carry = [], 0
    for place in range(len(str(max(a, b)))):
        x, y, one = high // 10 ** place % 10, low // 10 ** place % 10, f" {op} 1" if carry else ""
        if op == "+":
            value = x + y + carry
            carry = int(value > 9)
        else:
            value = x - y - carry
            carry = int(value < 0)
            x, value = x + 10 * carry, value + 10 * carry
        steps.append(f"{x} {op} {y}{one} = {value}")
    return ", ".join(steps) + ", so " + equation(a, b, op)


def _number(rng, digits):
    return rng.randrange(0 if digits == 1 else 10 ** (digits - 1), 10 ** digits)


def problem(rng):
    """A random problem (a, b, operation) that is not held out."""
    while True:
        op = rng.choices("+-*/", (40, 40, 15, 5))[0]
        if op == "*":
            a, b = rng.randrange(13), rng.randrange(13)
        elif op == "/":
            b = rng.randrange(1, 13)
            a = b * rng.randrange(13)
        else:
            digits = rng.choices((1, 2, 3), (14, 50, 36))[0]
            other = digits if rng.random() < 0.7 else rng.randrange(1, digits + 1)
            a, b = _number(rng, digits), _number(rng, other)
            if op == "+" and rng.random() < 0.5:
                a, b = b, a
            if op == "-" and a < b and (digits == 3 or rng.random() < 0.85):
                a, b = b, a
        if not held_out(a, b, op):
            return a, b, op


def arithmetic(rng):
    a, b, op = problem(rng)
    question = rng.choice(ASK[op]).format(a=a, b=b)
    return expand(rng, rng.choice(AROUND)).replace("{q}", question).strip(), solution(a, b, op)


def drill(rng):
    """Several problems at once, answered as a list."""
    problems = [problem(rng) for _ in range(rng.randrange(2, 6))]
    asked = rng.choice([", ", "\n", " and ", "; "]).join(f"{a} {rng.choice([o, o, SIGN[o]])} {b}" for a, b, o in problems)
    lead = expand(rng, "(solve|calculate|work out|what are|can you do|please do)( these|)( for me|)(:| )")
    return lead.strip() + " " + asked, "\n".join("- " + solution(*p)[:-1] for p in problems)


def too_large(rng):
    """Sums beyond what it has learned."""
    if rng.random() < 0.5:
        a, b, op = _number(rng, rng.randrange(4, 8)), _number(rng, rng.randrange(2, 7)), rng.choice("+-*/")
    else:
        a, b, op = _number(rng, rng.randrange(2, 4)), rng.randrange(13, 1000), "*"
    question = rng.choice(ASK[op]).format(a=a, b=b)
    return expand(rng, rng.choice(AROUND)).replace("{q}", question).strip(), "That sum is too large for me. Please open a bigger model on the Models page."


THINGS = ["apples", "books", "coins", "pens", "eggs", "cards", "cups", "stones", "keys", "tickets", "balls", "shells"]


def story_sum(rng):
    thing, (a, b) = rng.choice(THINGS), sorted((rng.randrange(1, 30), rng.randrange(1, 30)), reverse=True)
    if rng.random() < 0.5:
        op, ask = "+", f"(i have|there are|tom has) {a} {thing}( and|.|,) (i get|i buy|i find|then come) {b} more"
    else:
        op, ask = "-", f"(i have|there were|tom had) {a} {thing}( and|.|,) (i lose|i give away|i sell) {b}( of them|)"
    if held_out(a, b, op):
        return story_sum(rng)
    ask += f". how many {thing}( are there| do i have|)( now| left|)?"
    return expand(rng, ask), f"{solution(a, b, op)} The answer is {result(a, b, op)} {thing}."


def compare(rng):
    a, b = (_number(rng, rng.randrange(1, 4)) for _ in range(2))
    if a == b:
        b += 1
    big = rng.random() < 0.6
    word = "(bigger|larger|greater|more)" if big else "(smaller|less)"
    if rng.random() < 0.6:
        ask = expand(rng, f"(which|what)( number|) is {word}(:|,) {a} or {b}?")
    else:
        ask = expand(rng, f"is {a} {word} than {b}?")
    winner = max(a, b) if big else min(a, b)
    loser = a + b - winner
    answer = f"{winner} is {'larger' if big else 'smaller'} than {loser}."
    if ask.startswith("is"):
        answer = ("Yes, " if winner == a else "No, ") + answer
    return ask, answer


def even_or_odd(rng):
    n = rng.randrange(0, 300)
    ask = expand(rng, f"is {n} (even|odd)( or (odd|even)|)?")
    return ask, f"{n} is {'odd' if n % 2 else 'even'}."


def count(rng):
    a, n = rng.choice((0, 1, 1, 1, rng.randrange(2, 40))), rng.randrange(3, 21)
    b = a + n - 1
    if rng.random() < 0.25:
        ask, numbers = f"count (down|backwards|back) from {b} to {a}", range(b, a - 1, -1)
    elif a == 1 and rng.random() < 0.5:
        ask, numbers = f"(count|please count|can you count) (up |)to {b}", range(a, b + 1)
    else:
        ask, numbers = f"(count|please count|can you count) from {a} to {b}", range(a, b + 1)
    return expand(rng, ask), ", ".join(map(str, numbers)) + "."


def next_number(rng):
    n = rng.randrange(0, 400)
    if rng.random() < 0.5:
        return expand(rng, f"(what|which number) comes (after|next after) {n}?"), f"{n + 1} comes after {n}."
    return expand(rng, f"(what|which number) comes before {n + 1}?"), f"{n} comes before {n + 1}."


WORDS = ("apple bird book cat chair cloud cold dog door fish flower garden green hand happy hello horse house kite lamp "
         "lemon light lion model moon mouse music night orange paper pen plant queen rain river rose sand ship snow star "
         "stone sun table tiger train tree water window winter world yellow zebra").split()


def spelling(rng):
    word = rng.choice(WORDS)
    kind = rng.randrange(4)
    if kind <= 1:
        return (expand(rng, f"(how do you spell|spell|can you spell|please spell|how is|spelling of)( the word|) «{word}»?"),
                "-".join(word) + ".")
    if kind == 2:
        return (expand(rng, f"(reverse|write|spell|say)( the word|) «{word}»( backwards| in reverse)?"),
                f"{word} backwards is {word[::-1]}.")
    return (expand(rng, f"how many letters (does|are in|has|in)( the word|) «{word}»( have|)?"),
            f"{word} has {len(word)} letters: {'-'.join(word)}.")


_SYLLABLES = "ba be bo da de do fa fi ga go ka ko la le li lo ma mi mo na ne no pa pe ra ri ro sa so ta te ti va vi za zo".split()


def made_up(rng):
    """A word nobody knows, so that copying has to be learned as copying."""
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randrange(2, 4))) + rng.choice(["", "", "n", "s", "r", "l"])


def repeat(rng):
    words = [made_up(rng) if rng.random() < 0.4 else rng.choice(WORDS) for _ in range(rng.randrange(1, 9))]
    said = " ".join(words)
    return expand(rng, f"(repeat|say|repeat after me|please repeat|please say|can you say|echo|write)(:|) «{said}»"), said


MAKERS = [(arithmetic, 70), (drill, 8), (too_large, 4), (story_sum, 4), (compare, 6), (even_or_odd, 3), (count, 5), (next_number, 2),
          (spelling, 6), (repeat, 16)]
