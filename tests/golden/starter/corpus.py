"""Conversations for the starter model, made by rules and texts of our own; nothing here was copied or downloaded.

`conversation(rng)` makes one list of messages. A conversation strings together exchanges on different topics, so that the
model learns to look back only where the question asks for it (a name, the last result) and to ignore the rest.
"""
import random

from app_topics import CONCEPT_ASKS, CONCEPTS, QUESTIONS, TASK_ASKS, TASKS
from everyday_topics import FACTS, FORMATTING, SMALL_TALK, refusal
from numbers_and_words import MAKERS, held_out, made_up, problem, solution
from phrasing import expand, plain, rough_up

DEFAULT_SYSTEM = "You are a small, friendly assistant."

NAMES = """Anna Ben Carla David Emma Felix Grace Henry Ida Jack Karen Leo Maria Nina Oscar Paul Rosa Simon Tina Victor Wendy Yara
Alice Bob Charlie Diana Eve Frank Gina Hans Iris John Kate Lisa Mike Nora Olga Peter Quinn Robert Sarah Tom Ursula Vera Will Zoe
Adam Bella Chris Dora Eric Fiona George Helen Ivan Julia Kevin Laura Mark Natalie Oliver Pia Rita Sam Theo Uma Walter Amir Chen
Fatima Hiro Ingrid Jose Kofi Luca Mei Omar Priya Raj Sofia Tariq Yuki Lena Max Mary James Linda Daniel Susan Thomas Lucy""".split()
PETS, COLOURS = "cat dog horse rabbit parrot hamster turtle".split(), "red blue green yellow orange purple pink black white brown grey".split()
PLACES = "Berlin Paris London Rome Madrid Vienna Oslo Tokyo Cairo Dublin Athens Warsaw Lisbon Hamburg Boston Lyon Milan Porto Leeds Bergen".split()
JOBS = "teacher nurse baker farmer student lawyer doctor writer driver cook gardener painter singer pilot programmer".split()


def one_of(rng, words):
    """Now and then a made-up word, so that what was told is copied and not guessed."""
    return made_up(rng) if rng.random() < 0.3 else rng.choice(words)


def a_name(rng):
    if rng.random() < 0.5:
        name = made_up(rng).capitalize()
    else:
        name = rng.choice(NAMES)
    return name.lower() if rng.random() < 0.15 else name


# What a person may tell about themselves: (how it is told, the answer, how it is asked for, the answer then, the value, without it).
PERSONAL = {
    "name": (["my name is «{v}»(.|)", "(i am|i'm|im) «{v}»(.|)", "(hi|hello|hey)(,|!|) (i am|i'm|my name is|this is) «{v}»(.|)", "call me «{v}»(.|)", "(you can|please) call me «{v}»(.|)", "«{v}» is my name", "my name's «{v}»(.|)",
              "(hi|hello), my name is «{v}»(. nice to meet you|, how are you|)(.|?|)"],
             "Nice to meet you, {v}!",
             ["what is my name?", "what's my name?", "whats my name", "who am i?", "do you (know|remember) my name?", "(tell me|say) my name", "(can you|do you) (tell me|still know) (what my name is|my name)?", "what did i say my name was?", "remember my name?", "how am i called?"],
             "Your name is {v}.", a_name, "You have not told me your name yet."),
    "colour": (["my (favourite|favorite) colo(u|)r is «{v}»(.|)", "i (like|love) the colo(u|)r «{v}»( best| most|)(.|)"], "{v} is a beautiful colour!",
               ["what('s| is) my (favourite|favorite) colo(u|)r?", "(which|what) colo(u|)r do i like( best|)?", "do you (remember|know) my favo(u|)rite colo(u|)r?"],
               "Your favourite colour is {v}.", lambda rng: one_of(rng, COLOURS), "You have not told me your favourite colour yet."),
    "city": (["i live in «{v}»(.|)", "(i am|i'm) from «{v}»(.|)", "my (home|city|town) is «{v}»(.|)"], "{v} sounds like a nice place!",
             ["where do i live?", "where am i from?", "(what|which)( city| town|) do i live in?", "do you (remember|know) where i live?"],
             "You live in {v}.", lambda rng: one_of(rng, PLACES).capitalize(), "You have not told me where you live."),
    "pet": (["i have a «{v}»(.|)", "my pet is a «{v}»(.|)", "i (own|got) a «{v}»(.|)"], "A {v} is a lovely pet!",
            ["what pet do i have?", "(which|what) (animal|pet) do i (have|own)?", "what is my pet?", "do you remember my pet?"],
            "You have a {v}.", lambda rng: one_of(rng, PETS), "You have not told me about a pet."),
    "age": (["i am «{v}»( years old|)(.|)", "(i'm|im) «{v}» years old(.|)", "my age is «{v}»(.|)"], "Thank you for telling me that you are {v} years old.",
            ["how old am i?", "what('s| is) my age?", "do you (remember|know) (my age|how old i am)?"],
            "You are {v} years old.", lambda rng: str(rng.randrange(6, 95)), "You have not told me your age yet."),
    "job": (["i am a «{v}»(.|)", "i work as a «{v}»(.|)", "my job is «{v}»(.|)", "i'm a «{v}»(.|)"], "Being a {v} is important work!",
            ["what('s| is) my (job|profession)?", "what do i do( for a living|)?", "do you (remember|know) (my job|what i do)?"],
            "You are a {v}.", lambda rng: one_of(rng, JOBS), "You have not told me about your work."),
    "number": (["(please |)remember the number «{v}»(.|)", "my (lucky |)number is «{v}»(.|)", "(keep in mind|the secret number is|the code is) «{v}»(.|)"], "I will remember the number {v}.",
               ["(what|which)( number|) did i (tell|give) you?", "what (was|is) (the|my)( lucky| secret|) (number|code)?", "do you remember the number?"],
               "The number is {v}.", lambda rng: str(rng.randrange(2, 1000)), "You have not told me a number."),
}


def _capital(text):
    return text[0].upper() + text[1:]


def _tell(rng, known, key):
    tell, thanks, _, _, draw, _ = PERSONAL[key]
    known[key] = draw(rng)
    return rng.choice(tell).replace("{v}", known[key]), _capital(thanks.format(v=known[key])) if key != "name" else thanks.format(v=known[key])


def _recall(rng, known, key):
    ask, answer, missing = PERSONAL[key][2], PERSONAL[key][3], PERSONAL[key][5]
    return rng.choice(ask), answer.format(v=known[key]) if key in known else missing


def personal(rng, known):
    """Tell something, or ask for something that was or was not told."""
    key = rng.choice(["name", "name", "name", *PERSONAL])
    if key in known and rng.random() < 0.75:
        return _recall(rng, known, key)
    if known and rng.random() < 0.5:
        return _recall(rng, known, rng.choice(list(known)))
    if rng.random() < 0.2:
        return _recall(rng, known, key)
    return _tell(rng, known, key)


def go_on_counting(rng, known):
    """`add 5 to that`: needs the result of the sum before."""
    for _ in range(20):
        a, op, b = known["result"], rng.choice("+-"), rng.randrange(1, 30)
        if a + b < 1000 and not (op == "-" and b > a) and not held_out(a, b, op):
            break
    else:
        return problem_exchange(rng)
    ask = {"+": "(now |and |)(add|plus) {b}( to (that|it|the result)|)", "-": "(now |and |)(subtract|minus|take away) {b}( from (that|it)|)"}[op]
    known["next"] = a + b if op == "+" else a - b
    return ask.replace("{b}", str(b)), solution(a, b, op)


def problem_exchange(rng):
    a, b, op = problem(rng)
    return f"{a} {op} {b}", solution(a, b, op)


def _written(rng, table):
    asks, answers = rng.choice(table)
    return rng.choice(asks), rng.choice(answers)


def concept(rng):
    names, answer = rng.choice(CONCEPTS)
    return rng.choice(CONCEPT_ASKS).replace("{x}", f"({names}|{names})"), answer


def task(rng):
    names, answer = rng.choice(TASKS)
    return rng.choice(TASK_ASKS).replace("{x}", f"({names}|{names})"), answer


_MAKERS, _MAKER_WEIGHTS = zip(*MAKERS)
TOPICS = {"numbers": 36, "concept": 13, "task": 11, "question": 9, "talk": 15, "fact": 7, "format": 3.5, "refusal": 11, "personal": 14}
# The last stage: what people ask first, which the long one leaves half learned.
LAST_TOPICS = {"first": 14, "numbers": 8, "concept": 18, "task": 12, "question": 18, "talk": 22, "fact": 7, "format": 3, "refusal": 6, "personal": 4}
# The questions that the window proposes.
FIRST = [
    ("(Hello! |)What can you do(|for me)?", "I can do a few things:\n\n- chat a little with you,\n- solve small sums such as 12 + 30,\n- answer questions about NeuralChat Desktop,\n- count, spell and repeat words,\n- write short lists and code examples.\n\nFor anything else, open a bigger model on the Models page."),
    ("What is the difference between SFT and DPO?", "SFT shows the model good answers; DPO shows it a better and a worse answer to the same question. Start with SFT, then use DPO to polish the result."),
    ("How do I open a bigger model?", "Open the Models page and choose a model folder or a GGUF file from your computer. You can also drop it onto the window."),
    ("What is 7 + 5?", "7 + 5 = 12."),
    ("Who are you?", "I am the starter model of NeuralChat Desktop: a small demonstration model that runs on your own computer."),
    ("What is DPO?", "DPO, direct preference optimisation, trains a model on pairs of answers: one that people preferred and one that they did not."),
    ("(Thanks|Thank you)(!|)", "You are welcome!"),
]


def exchange(rng, known):
    """One question and its answer. `known` is what this conversation holds so far."""
    topic = rng.choices(list(TOPICS), list(TOPICS.values()))[0]
    known["next"] = None
    if topic == "numbers":
        if known.get("result") is not None and rng.random() < 0.25:
            ask, answer = go_on_counting(rng, known)
        else:
            maker = rng.choices(_MAKERS, _MAKER_WEIGHTS)[0]
            ask, answer = maker(rng)
            if maker.__name__ == "arithmetic":
                known["next"] = int(answer.split("= ")[-1].rstrip("."))
    elif topic == "first":
        ask, answer = rng.choice(FIRST)
    elif topic == "concept":
        ask, answer = concept(rng)
    elif topic == "task":
        ask, answer = task(rng)
    elif topic == "question":
        ask, answer = _written(rng, QUESTIONS)
    elif topic == "talk":
        ask, answer = _written(rng, SMALL_TALK)
    elif topic == "fact":
        ask, answer = _written(rng, FACTS)
    elif topic == "format":
        ask, answer = _written(rng, FORMATTING)
    elif topic == "refusal":
        ask, answer = refusal(rng, made_up)
    else:
        ask, answer = personal(rng, known["person"])
    known["result"] = known["next"] if known["next"] is None or 0 <= known["next"] < 1000 else None
    ask = expand(rng, ask).replace("\\?", "?").replace("\\^", "^")
    return rough_up(rng, ask), plain(answer)


SYSTEMS = ["You are a helpful assistant.", "You are a friendly assistant.", "You are a helpful, respectful and honest assistant.", "You are the starter model of NeuralChat Desktop.",
           "Answer briefly.", "You are a helpful assistant. Answer in short sentences.", "Be kind and answer in plain English.", "You are a chatbot that helps people with this program.",
           "You are a careful assistant. If you do not know something, say so."]


def conversation(rng, max_exchanges=None):
    """Messages of one chat: a system message (mostly the default), then one to many exchanges."""
    known = {"person": {}}
    messages, first = [], []
    kind = rng.random()
    if kind < 0.6:
        messages.append({"role": "system", "content": DEFAULT_SYSTEM})
    elif kind < 0.83:
        messages.append({"role": "system", "content": rng.choice(SYSTEMS)})
    elif kind < 0.95:  # a name given by the system message is the model's name in this chat
        name = a_name(rng).capitalize()
        messages.append({"role": "system", "content": expand(rng, f"(Your name is {name}.|You are {name}, a (helpful|friendly|small) assistant.|You are called {name}. Be (kind|brief|helpful).)")})
        if rng.random() < 0.8:
            ask = expand(rng, rng.choice(["(what is|what's|tell me) your name?", "who are you?", "(do you have|have you got) a name?", "(what|how) (should|can) i call you?"]))
            first = [(rough_up(rng, ask), f"My name is {name}. I am a small model that runs on your computer.")]
    # a conversation without any system message is left for the last few percent
    turns = max_exchanges or min(1 + int(rng.expovariate(1 / 2)), 24)
    forget_name = any("Your name is" in m["content"] or "You are called" in m["content"] or ", a " in m["content"] for m in messages)
    pairs = [exchange(rng, known) for _ in range(turns)]
    if first:
        pairs.insert(rng.randrange(len(pairs)), first[0])
    if forget_name:  # there the model must not answer with its usual name
        pairs = [p for p in pairs if "call me Starter" not in p[1] and "I am the starter model" not in p[1]] or first or [("Hello", "Hello! How can I help you today?")]
    for ask, answer in pairs:
        messages += [{"role": "user", "content": ask}, {"role": "assistant", "content": answer}]
    return messages


def plain_text(rng):
    """A few sentences without any chat around them, so that the model can also continue a text."""
    kind = rng.random()
    if kind < 0.5:
        sentences = [rng.choice(CONCEPTS)[1] for _ in range(2)] + [rng.choice(TASKS)[1]]
        rng.shuffle(sentences)
        return " ".join(sentences)
    name, pet, place = rng.choice(NAMES), rng.choice(PETS), rng.choice(["by the sea", "in a small town", "near the forest", "on a hill"])
    colour, weather = rng.choice(COLOURS), rng.choice(["sunny", "rainy", "cold", "windy", "warm"])
    return expand(rng, f"Once upon a time there was a (child|baker|teacher|farmer) called {name} who lived {place}. {name} had a {colour} (hat|coat|bag|boat) and a {pet}. "
                       f"One {weather} (morning|day|evening) {name} went for a walk with the {pet}. They found a (key|lamp|letter|map) (under a tree|near the river|on the road). "
                       f"(\"What can it be?\" asked {name}.|{name} was very surprised.) In the end they went home and were happy.")


if __name__ == "__main__":
    rng = random.Random(1)
    for _ in range(12):
        for message in conversation(rng):
            print(f"{message['role']:>9}: {message['content']}")
        print()
