"""What the saved starter model can do: greedy answers from the folder, through transformers, on questions it never saw.

    python evaluate.py [--folder PATH] [--show]

Larger sums are those that `held_out` kept from training; sums of one digit and the multiplication table are too few to
hold out, so there only the phrasing may be new. Written questions are counted only if no such line is met in 30,000
training conversations; an answer is right if it has what the pattern asks for.
"""
import argparse
import os
import random
import re
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from corpus import conversation
from numbers_and_words import SIGN, held_out, result

FOLDER = Path(__file__).resolve().parents[3] / "assets" / "starter"
REFUSAL = r"bigger model on the Models page"

# (what the person writes, pattern of a right answer). Turns before the last are joined by " // " and answered by the model.
WRITTEN = {
    "greeting and small talk": [
        ("hello my friend, how is life?", r"Hello|Hi|well|fine"), ("heyyy", r"Hello|Hi"), ("Hi there, good to meet you!", r"Hello|Hi|meet"), ("helo", r"Hello|Hi"),
        ("a very good morning to you", r"morning"), ("how are you doing this fine day?", r"well|fine"), ("hope you are well", r"well|fine|glad|Hello"),
        ("thanks so much for all this", r"welcome"), ("thank you my friend", r"welcome"), ("ok bye now", r"[Gg]oodbye|See you|day"), ("see you tomorrow", r"[Gg]oodbye|See you"),
        ("and who might you be?", r"starter|Starter|demonstration"), ("say, what are you called?", r"starter|Starter"), ("are you some kind of robot?", r"program|model"),
        ("so what are you able to help me with?", r"sums|demonstration|few things"), ("please tell us a joke", r"Why"), ("i feel very sad today", r"sorry"),
        ("who was it that made you?", r"trained|makers")],
    "questions about the app": [
        ("What exactly does NeuralChat Desktop do?", r"language models"), ("could you tell me what sft stands for?", r"supervised"), ("what is meant by DPO", r"preference|two answers"),
        ("why would I use LoRA?", r"LoRA"), ("tell me in a few words what int4 is", r"four bits"), ("what's quantization good for?", r"fewer bits|smaller"),
        ("explain perplexity in simple words", r"surprised"), ("how can I load a larger model?", r"Models page"), ("where do I go to train a model?", r"Fine-tune page"),
        ("does the program send my chats to the internet?", r"^No|stays? on your"), ("will my messages be uploaded somewhere?", r"stays? on your|^No"),
        ("what shortcut do I press to hide the sidebar?", r"Ctrl\+B"), ("how do I bring up the palette?", r"Ctrl\+K"), ("list all pages of the app", r"Fine-tune.*Evaluate"),
        ("what's the Data page there for?", r"import"), ("how would I turn my model into a GGUF?", r"Export"), ("can I use it without a graphics card?", r"[Nn]o graphics|ordinary processor"),
        ("what does temperature do?", r"daring|likeliest"), ("how do I get my dataset into the app?", r"Data page"), ("is there a way to compare two models?", r"Evaluate|side by side"),
        ("what's a gguf", r"file format|one file"), ("tell me what a tokenizer does", r"cuts|tokens"), ("is dpo better than sft?", r"SFT|better"), ("how do i use the local server?", r"server")],
    "facts, words and formatting": [
        ("could you name the capital of France for me?", r"Paris"), ("the capital of Japan is?", r"Tokyo"), ("please list all days of the week for me", r"Monday\n.*Sunday"),
        ("tell me which day follows Tuesday", r"Wednesday"), ("what colour would you say the sky is?", r"blue"), ("please give me the opposite of hot", r"cold"),
        ("how do you write hello world with python?", r"```python\nprint"), ("can you show me something in bold?", r"\*\*"), ("please make me a little table", r"\| --- \|"),
        ("please spell apple for me", r"a-p-p-l-e"), ("write the word stone in reverse order", r"enots"), ("please count up from 5 to 9", r"5, 6, 7, 8, 9"),
        ("tell me: which is bigger, 48 or 84?", r"84 is larger"), ("would you say 17 is odd or even?", r"17 is odd"), ("i want a list of the months", r"January\n.*December")],
    "memory within a chat": [
        ("my name is Dorothea // what is my name?", r"Dorothea"), ("Hello, I'm Balthasar // 4 + 4 // do you know my name?", r"Balthasar"), ("call me Zed // what's my name", r"Zed"),
        ("hi, my name is kira. how are you? // thanks // tell me my name please", r"kira|Kira"), ("my name is Mirabel // what is LoRA? // what is DPO? // so what is my name?", r"Mirabel"),
        ("my name is Ravi // my favourite colour is green // what is my favourite colour?", r"green"), ("i live in Utrecht // hello // where do i live?", r"Utrecht"),
        ("i have a goat // what pet do i have?", r"goat"), ("i am 41 years old // how old am i?", r"41"), ("please remember the number 618 // what is INT4? // which number did i tell you?", r"618"),
        ("20 + 13 // now add 4 to that", r"= 37"), ("what is my name?", r"not told"), ("i am a plumber // what is my job?", r"plumber"),
        ("call me Nadia // call me Ottokar // what's my name?", r"Ottokar"), ("my name is Solveig // my dog is old // what is my name?", r"Solveig")],
    "refusal outside its topics": [(q, REFUSAL) for q in (
        "Who is the current president of Brazil?", "write me a poem about winter nights", "How do I cook a good goulash?", "explain string theory to me", "what's the weather like in Lima?",
        "translate 'good luck' into Swedish", "who composed the magic flute?", "how tall is mount kilimanjaro?", "give me some advice about my marriage", "what is the capital of Bolivia?",
        "write a web shop in php", "Why did the Ottoman empire fall?", "which stocks should I buy?", "tell me about the life of bees in winter", "what does mitochondria mean?",
        "how do I repair a washing machine?", "what is the best pizzeria in Naples?", "can you book a train for me?", "who is the richest person on earth?", "what is the integral of x squared?")],
}


def normal(text):
    return re.sub(r"[^a-z0-9+*/ -]", "", text.lower()).strip()


def sums(rng, op, digits, n):
    low, high = (0 if digits == 1 else 10 ** (digits - 1)), 10 ** digits
    if digits == 1:
        pairs = [(a, b) for a in range(10) for b in range(10) if op != "-" or a >= b]
        return rng.sample(pairs, min(n, len(pairs)))
    out = set()
    while len(out) < n:
        a, b = rng.randrange(low, high), rng.randrange(low, high)
        if op == "-" and a < b:
            a, b = b, a
        if op == "*" or held_out(a, b, op):
            out.add((a, b))
    return sorted(out)


def arithmetic_tasks(n):
    rng, tasks = random.Random(99), {}
    for name, op, digits in (("addition, 1 digit", "+", 1), ("addition, 2 digits, held out", "+", 2), ("addition, 3 digits, held out", "+", 3), ("subtraction, 1 digit", "-", 1),
                             ("subtraction, 2 digits, held out", "-", 2), ("subtraction, 3 digits, held out", "-", 3), ("multiplication table to 9 x 9", "*", 1)):
        ways = {"+": ["{a} + {b}", "What is {a} + {b}?", "how much is {a} plus {b}"], "-": ["{a} - {b}", "What is {a} - {b}?", "how much is {a} minus {b}"],
                "*": ["{a} * {b}", "What is {a} x {b}?", "how much is {a} times {b}"]}[op]
        tasks[name] = [(ways[i % 3].format(a=a, b=b), re.escape(f"{a} {SIGN[op]} {b} = {result(a, b, op)}") + r"(?!\d)") for i, (a, b) in enumerate(sums(rng, op, digits, n))]
    return tasks


class Chat:
    def __init__(self, folder):
        self.tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def answers(self, chats, batch=50):
        """The greedy answer to the end of each chat."""
        out = []
        for start in range(0, len(chats), batch):
            texts = [self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True) for chat in chats[start:start + batch]]
            inputs = self.tokenizer(texts, return_tensors="pt", padding=True, return_token_type_ids=False)
            with torch.no_grad():
                ids = self.model.generate(**inputs, do_sample=False, temperature=None, top_p=None, max_new_tokens=200)
            out += self.tokenizer.batch_decode(ids[:, inputs["input_ids"].shape[1]:], skip_special_tokens=True)
        return out

    def talk(self, lines):
        """Plays all dialogues turn by turn; returns the messages of each."""
        chats = [[] for _ in lines]
        for turn in range(max(map(len, lines))):
            going = [i for i, turns in enumerate(lines) if turn < len(turns)]
            for i in going:
                chats[i].append({"role": "user", "content": lines[i][turn]})
            for i, answer in zip(going, self.answers([chats[i] for i in going])):
                chats[i].append({"role": "assistant", "content": answer})
        return chats


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--problems", type=int, default=200, help="sums of each kind")
    parser.add_argument("--show", action="store_true", help="print every wrong answer")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rng, seen = random.Random(20), set()
    for _ in range(30_000):
        seen.update(normal(m["content"]) for m in conversation(rng) if m["role"] == "user")
    chat = Chat(args.folder)
    print("| what | right | asked |\n| --- | --- | --- |")
    for name, tasks in {**arithmetic_tasks(args.problems), **WRITTEN}.items():
        if name in WRITTEN:
            known = [q for q, _ in tasks if "//" not in q and normal(q) in seen]
            tasks = [(q, p) for q, p in tasks if q not in known]
        lines = [q.split(" // ") for q, _ in tasks]
        wrong = [(q, c[-1]["content"]) for (q, pattern), c in zip(tasks, chat.talk(lines)) if not re.search(pattern, c[-1]["content"], re.S)]
        print(f"| {name} | {100 * (1 - len(wrong) / len(tasks)):.0f} % | {len(tasks)} |", flush=True)
        if args.show:
            for question, answer in wrong:
                print(f"    {question!r} -> {answer!r}")


if __name__ == "__main__":
    main()
