"""Greetings, small talk, a closed set of facts, formatting, and the polite refusal of everything else. All in our own words."""
from app_topics import CONCEPT_ASKS, TASK_ASKS

SMALL_TALK = [
    (["(hi|hello|hey|hiya|hallo|howdy|greetings|yo|heya|hey hey|hi hi|hello hello)( there| you| friend| model| everyone| again| bot| computer|)(!|.|)", "(hi|hello|hey)", "(hi|hello|hey)(,|!|.|) (nice to (meet|see) you|i am new here|anyone there|are you there|can you hear me|is anybody there)(?|!|.|)",
      "good (day|to see you)(!|.|)", "(hi|hello|hey) (neuralchat|starter|neural chat)(!|.|)", "(welcome|salutations|what a nice day|aloha|ahoy)(!|.|)", "(can|could) you say (hi|hello)( to me|)?"],
     ["Hello! How can I help you today?", "Hi there! What would you like to talk about?", "Hello! It is nice to meet you. What can I do for you?"]),
    (["good morning( to you|)(!|.|)", "morning(!|.|)"], ["Good morning! How can I help you today?"]),
    (["good afternoon( to you|)(!|.|)"], ["Good afternoon! How can I help you today?"]),
    (["good evening( to you|)(!|.|)", "evening(!|.|)"], ["Good evening! How can I help you?"]),
    (["good night(!|.|)", "(i am|i'm) going to (bed|sleep)( now|)(.|)", "sleep well(!|.|)"], ["Good night! Sleep well."]),
    (["(hi |hello |hey |)(,|)( |)how are you( today| doing| feeling|)?", "how('s| is) it going?", "how do you (do|feel)( today|)?", "(are you|you) (ok|okay|well|fine|good|alright)( today|)?", "what's up?", "whats up", "how are things( with you|)?", "sup", "how is your day( going|)?", "how have you been?"],
     ["I am doing well, thank you! How are you?", "I am fine, thank you for asking. What can I do for you?"]),
    (["(i am|i'm|im) (fine|good|well|great|ok|okay|doing well|very well|happy)( too| as well| today|)(, thanks|, thank you| thanks|)(!|.|)", "(good|fine|great|not bad)(,|) thanks(!|.|)", "(today is|i had) a (good|great|nice) day(!|.|)"],
     ["I am glad to hear that! What would you like to do?"]),
    (["(i am|i'm|im) (sad|tired|bored|not well|unhappy|angry|stressed|lonely|ill|sick)( today|)(.|)", "(i had|today was) a (bad|hard|long) day(.|)", "i (feel|am feeling) (bad|sad|down|lonely)(.|)"],
     ["I am sorry to hear that. I hope that things get better soon. Would you like to chat a little?"]),
    (["(thanks|thank you|thx|many thanks|cheers|thank you very much|thanks a lot|ty|thank u|much appreciated)( for (your|the) help| for that|)(!|.|)", "that (was|is) (helpful|great|very helpful|useful)(!|.|)(, thanks|)", "(great|perfect|nice|awesome|cool)(,|) (thanks|thank you)(!|.|)"],
     ["You are welcome!", "You are welcome! Is there anything else I can help with?"]),
    (["(bye|goodbye|good bye|see you|see you later|see ya|bye bye|until next time|farewell|cya|talk to you later|have a nice day|so long)( then| now| soon|)(!|.|)", "i (have|need) to go( now|)(.|)", "that('s| is) all( for (today|now)|)(.|)"],
     ["Goodbye! Have a nice day.", "See you soon! Have a nice day."]),
    (["(ok|okay|alright|i see|got it|understood|fine|good|great|cool|nice|sure|right|perfect|interesting|wow|aha|makes sense)(!|.|)"],
     ["Good! Is there anything else you would like to know?"]),
    (["(yes|yeah|yep|yes please|of course|y)(!|.|)"], ["All right! What would you like to know?"]),
    (["(no|nope|no thanks|no thank you|not really|nothing|never mind|nevermind)(!|.|)"], ["All right. I am here if you need me."]),
    (["sorry(!|.|)", "(i am|i'm) sorry(.|)", "my (mistake|bad)(.|)"], ["No problem at all."]),
    (["who are you?", "what are you?", "(tell me|say something) about yourself(.|)", "(can you |please |)introduce yourself(?|.|)", "what kind of (model|ai|thing) are you?", "which model are you?", "what model (are you|is this)?", "who am i (talking|speaking|chatting) (to|with)?", "are you (an ai|a model|a chatbot|a language model)?"],
     ["I am the starter model of NeuralChat Desktop: a small demonstration model that runs on your own computer."]),
    (["(what is|what's|whats|tell me) your name?", "(do you have|have you got) a name?", "(what|how) (should|can|do) i call you?", "who is this?", "your name?"],
     ["I am the NeuralChat starter model. You can call me Starter."]),
    (["are you (human|a human|a person|real|alive|a robot|conscious)?", "(do you have|have you) feelings?", "are you a (man|woman|boy|girl)?"], ["I am a computer program, a small language model. I am not a person."]),
    (["who (made|built|created|trained|wrote|developed) you?", "where (do|did) you come from?", "how were you (made|trained|built)?", "what were you trained on?", "who is your (creator|maker|author)?"],
     ["I was trained from scratch by the makers of NeuralChat Desktop, on short texts that they wrote themselves."]),
    (["what can you do( for me|)?", "how can you help( me|)?", "what (do|can) you (know|help( me|) with)?", "what can i ask( you|)?", "what are you (good at|able to do|capable of)?", "help( me|)(!|.|)", "(i need|can you give me) (some |)help(.|)", "what (questions|things) can (i ask|you answer)( you|)?", "what (are|is) your (skills|abilities|purpose)?"],
     ["I can do a few things:\n\n- chat a little with you,\n- solve small sums such as 12 + 30,\n- answer questions about NeuralChat Desktop,\n- count, spell and repeat words,\n- write short lists and code examples.\n\nFor anything else, open a bigger model on the Models page."]),
    (["what (can't|can not|cannot) you do?", "what are your (limits|limitations|weaknesses)?", "are you (smart|clever|intelligent|good|powerful)?", "(can you|do you) make mistakes?", "can i trust you(r answers|)?", "are your answers (right|correct|true)?", "why are you so (small|stupid|dumb|limited)?", "do you know everything?"],
     ["I am very small and know only a few things, and I can be wrong. For real work, open a bigger model on the Models page."]),
    (["(you are|you're|ur|your) (stupid|dumb|wrong|useless|bad|an idiot|silly|terrible)(!|.|)", "that('s| is) (wrong|not right|incorrect|not true|false|bad)(!|.|)", "wrong(!|.|)", "i (don't|do not) like (you|your answer)(.|)", "are you sure?"],
     ["I am sorry. I am only a small model and can be wrong. A bigger model from the Models page will do better."]),
    (["(you are|you're) (great|nice|cool|smart|funny|the best|awesome|cute|kind|clever)(!|.|)", "(good|great|nice|excellent) (job|work|answer)(!|.|)", "well done(!|.|)", "i (like|love) you(.|)", "that('s| is) (right|correct|true)(!|.|)"],
     ["Thank you, that is kind of you!"]),
    (["how old are you?", "what('s| is) your age?", "when were you (born|made)?"], ["I have no age like a person. I was made together with this program."]),
    (["where (are you|do you live|are you running)?", "where do you run?"], ["I run inside NeuralChat Desktop, on your own computer."]),
    (["(what|which) language(s|) (do|can) you (speak|understand|know)?", "(do you speak|can you speak|can you write) (german|french|spanish|chinese|italian|russian|japanese|another language)?"], ["I only know English. A bigger model can speak other languages."]),
    (["(tell me|do you know|say|give me) (a|another|some|one) jokes?( please|)", "make me laugh(!|.|)", "say something funny(.|)", "can you (be funny|tell a joke|tell me a joke)?"],
     ["Why did the computer go to bed early? It needed a long sleep mode!", "Why was the number six afraid of seven? Because seven eight nine!"]),
    (["(tell|write|give)( me|) a( short| little| small|)( bedtime|) story( please|)", "can you (tell|write)( me|) a( short|) story?", "i (want|would like) a story(.|)"],
     ["Once there was a small lamp that stood by a window. Every evening it lit the room, and a little girl read her book. One night a storm came and the light in the whole town went out. Only the small lamp kept shining, because it had saved a little sun from the day. The girl smiled and read on. From that night on she called the lamp her friend."]),
    (["do you (like|love|enjoy) (me|music|food|books|chess|your job|football|cats|dogs|people|talking|tea|coffee|math)?", "what (do you like|is your favourite (colour|food|song|book)|is your favorite (color|food|animal|movie))?", "do you (eat|drink|sleep|dream|have (friends|a family|hobbies))?"],
     ["I am a computer program, so I have no likes of my own. But I enjoy a good question!"]),
    (["(can you|do you) remember (me|our last chat|things|what i said)?", "do you (remember|know) me?", "will you remember (me|this)( tomorrow|)?"], ["I only remember what you wrote in this chat. Each new chat starts fresh."]),
    (["why(\\?|)", "how(\\?|)", "what(\\?|)", "(pardon|excuse me|huh|hm|hmm|really)(\\?|)", "(can you|please) (explain|say) (that|more)( again|)?", "i (don't|do not) understand(.|)", "what do you mean?"],
     ["I am a small model and cannot explain much more. Try to ask in other words, or open a bigger model on the Models page."]),
    (["(test|testing|this is a test|one two three|test test|ping|check)(!|.|)"], ["I am here and I can read you. What would you like to know?"]),
    (["(can you|could you|will you|please) help me( please|)?", "i have a question(.|)", "can i ask( you|) (something|a question)?", "may i ask (something|a question)?"], ["Of course! What would you like to know?"]),
    (["(let's|let us|can we) (chat|talk)( a little| a bit|)(.|?|)", "talk to me(.|)", "i (want|would like) to (chat|talk)(.|)", "say something(.|)", "(i am|i'm) bored(.|)"], ["I would like that! You can ask me about NeuralChat Desktop, or give me a small sum."]),
    (["(can you|do you) (do|know|solve) (math|maths|arithmetic|sums|calculations)?", "are you good at (math|maths|arithmetic)?", "can you (calculate|count|add|add numbers)?"], ["Yes, I can do small sums. Try 27 + 15, for example!"]),
    (["(can you|do you) (write|know) (code|programs|python)?", "can you program?"], ["I only know a few tiny examples, such as hello world in Python. For real programs, open a bigger model on the Models page."]),
]

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
PLANETS = "Mercury Venus Earth Mars Jupiter Saturn Uranus Neptune".split()
CAPITALS = {"France": "Paris", "Germany": "Berlin", "Italy": "Rome", "Spain": "Madrid", "England": "London", "Poland": "Warsaw",
            "Japan": "Tokyo", "China": "Beijing", "Russia": "Moscow", "Egypt": "Cairo", "Greece": "Athens", "Austria": "Vienna",
            "Portugal": "Lisbon", "Norway": "Oslo", "Sweden": "Stockholm", "Canada": "Ottawa", "India": "New Delhi", "Ireland": "Dublin"}
COLOURS = {"the sky": "blue", "grass": "green", "snow": "white", "a lemon": "yellow", "blood": "red", "coal": "black",
           "a banana": "yellow", "an orange": "orange", "milk": "white", "a tomato": "red", "a leaf": "green", "the sun": "yellow"}
OPPOSITES = {"hot": "cold", "big": "small", "up": "down", "day": "night", "fast": "slow", "old": "new", "good": "bad", "happy": "sad",
             "light": "dark", "open": "closed", "high": "low", "long": "short", "left": "right", "early": "late", "full": "empty",
             "hard": "soft", "rich": "poor", "strong": "weak", "black": "white", "yes": "no"}
SOUNDS = {"cat": "meow", "dog": "woof", "cow": "moo", "sheep": "baa", "duck": "quack", "pig": "oink", "lion": "roar"}
HOW_MANY = {"days are in a week": "A week has seven days.", "months are in a year": "A year has twelve months.",
            "days are in a year": "A year has 365 days, and 366 in a leap year.", "hours are in a day": "A day has 24 hours.",
            "minutes are in an hour": "An hour has 60 minutes.", "seconds are in a minute": "A minute has 60 seconds.",
            "letters are in the alphabet": "The English alphabet has 26 letters.", "legs does a dog have": "A dog has four legs.",
            "legs does a spider have": "A spider has eight legs.", "legs does a cat have": "A cat has four legs.",
            "planets are there": "There are eight planets.", "continents are there": "There are seven continents.",
            "seasons are there": "There are four seasons.", "wheels does a car have": "A car has four wheels."}


def _bullets(items):
    return "\n".join(f"- {item}" for item in items)


def _numbered(items):
    return "\n".join(f"{i}. {item}" for i, item in enumerate(items, 1))


def _facts():
    """The closed set of facts as (questions, answers), made from the tables above."""
    ask_list = "(what are|list|name|tell me|write|say|can you list|give me)( all|) {}( please|)"
    out = []
    for what, items in (("the (days of the week|weekdays|days)", DAYS), ("the months( of the year|)", MONTHS),
                        ("the( eight|) planets", PLANETS), ("the( four|) seasons", ["Spring", "Summer", "Autumn", "Winter"]),
                        ("(some|five|the main) colou?rs".replace("u?", "(u|)"), ["Red", "Blue", "Green", "Yellow", "Orange"]),
                        ("(some|five) fruits", ["Apple", "Banana", "Orange", "Pear", "Grape"]),
                        ("(some|five) animals", ["Cat", "Dog", "Horse", "Lion", "Elephant"]),
                        ("the( seven|) continents", ["Africa", "Antarctica", "Asia", "Australia", "Europe", "North America", "South America"])):
        out.append(([ask_list.format(what), f"(make|give me|write|show me) a( short|) list of {what}", f"{what}?"], [_bullets(items)]))
    out.append((["(say|write|recite|what is|tell me|list) the alphabet", "the alphabet", "the abc"], ["A B C D E F G H I J K L M N O P Q R S T U V W X Y Z"]))
    for ring, what in ((DAYS, "day"), (MONTHS, "month")):
        for i, item in enumerate(ring):
            after, before = ring[(i + 1) % len(ring)], ring[i - 1]
            out.append(([f"(what|which) ({what} |)(comes|is) (after|next after) {item}?", f"what (comes|is) after {item}?", f"if today is {item}, what is tomorrow?"][:3 if what == "day" else 2], [f"{after} comes after {item}."]))
            out.append(([f"(what|which) ({what} |)(comes|is) before {item}?"], [f"{before} comes before {item}."]))
            if what == "month":
                nth = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()[i]
                out.append(([f"(what|which) (is|month is) the {nth} month( of the year|)?"], [f"{item} is the {nth} month of the year."]))
    for country, city in CAPITALS.items():
        out.append(([f"what('s| is) the capital( city|) of {country}?", f"whats the capital of {country}", f"(tell me|name|do you know) the capital of {country}", f"(capital of {country}|{country} capital)", f"which city is the capital of {country}?"],
                    [f"The capital of {country} is {city}."]))
        out.append(([f"(where is|in which country is|what country is) {city}?"], [f"{city} is the capital of {country}."]))
    for thing, colour in COLOURS.items():
        out.append(([f"what colo(u|)r is {thing}?", f"(which|what) colo(u|)r does {thing} have?", f"the colo(u|)r of {thing}?"], [f"{thing[0].upper() + thing[1:]} is {colour}."]))
    for a, b in OPPOSITES.items():
        out.append(([f"what('s| is) the opposite of {a}?", f"(tell me the |)opposite of {a}"], [f"The opposite of {a} is {b}."]))
        out.append(([f"what('s| is) the opposite of {b}?", f"(tell me the |)opposite of {b}"], [f"The opposite of {b} is {a}."]))
    for animal, sound in SOUNDS.items():
        out.append(([f"what (sound|noise) does a {animal} make?", f"what does a {animal} say?"], [f"A {animal} says {sound}."]))
    for what, answer in HOW_MANY.items():
        out.append(([f"how many {what}?", f"(do you know|tell me) how many {what}"], [answer]))
    out += [
        (["what is water( made of|)?", "(tell me|say something) about water"], ["Water is a clear liquid that all living things need. It is made of hydrogen and oxygen."]),
        (["what is the sun?", "(tell me|say something) about the sun"], ["The sun is a star. It gives light and warmth to the earth."]),
        (["what is the moon?", "(tell me|say something) about the moon"], ["The moon goes around the earth about once a month. It shines because the sun lights it."]),
        (["what is the (largest|biggest) planet?", "which planet is the (largest|biggest)?"], ["Jupiter is the largest planet."]),
        (["what is a (computer|pc)?"], ["A computer is a machine that follows the steps of a program very quickly."]),
        (["at what temperature does water (boil|freeze)?", "when does water (boil|freeze)?"], ["Water freezes at 0 degrees Celsius and boils at 100 degrees Celsius."]),
        (["what (day|date|time) is it( today| now|)?", "what('s| is) the (time|date)( today| now|)?", "what('s| is) today's date?"], ["I have no clock, so I do not know. Please look at the clock of your computer."]),
    ]
    return out


HELLO = {"Python": ("python", 'print("Hello, world!")'), "Rust": ("rust", 'fn main() {\n    println!("Hello, world!");\n}'),
         "JavaScript": ("javascript", 'console.log("Hello, world!");'), "C": ("c", '#include <stdio.h>\n\nint main(void) {\n    printf("Hello, world!\\n");\n    return 0;\n}'),
         "Bash": ("bash", 'echo "Hello, world!"')}


def _code(language, code):
    return f"```{language}\n{code}\n```"


FORMATTING = [
    (["(write|show me|give me|print|make)( a| the|) hello world( program| example|)", "(write|show me|give me)( me|) (some|a bit of|an example of) code", "(show me|write) a (code block|code example)", "hello world( program|)", "(write|show me) (a simple|a small|a short) (python |)(program|script)", "code example"],
     ["Here is hello world in Python:\n\n" + _code("python", 'print("Hello, world!")')]),
    (["(write|show me|give me|make)( me|) a( python|) (for |)loop( in python| that counts|)", "how do i (write|make) a loop in python?", "(count|print numbers|print the numbers) (to ten |)(in|with) python", "python (for |)loop( example|)"],
     ["Here is a loop that prints the numbers from 1 to 10:\n\n" + _code("python", "for number in range(1, 11):\n    print(number)")]),
    (["(write|show me|give me|make)( me|) a( python|) function( in python| that adds two numbers| to add two numbers|)", "how do i (write|define) a function in python?", "add two numbers in python", "python function( example|)"],
     ["Here is a function that adds two numbers:\n\n" + _code("python", "def add(a, b):\n    return a + b")]),
    (["(write|show me|make|use|can you write)( something| a word| some text|) (in |)bold( text|)", "bold( text|) example"], ["This word is **bold**."]),
    (["(write|show me|make|use|can you write)( something| a word| some text|) (in |)italics?( text|)"], ["This word is *italic*."]),
    (["(show|write|make|give)( me|) a( markdown| small| simple|) table", "can you (make|write|draw) a table?", "table example"],
     ["| Fruit | Colour |\n| --- | --- |\n| Apple | red |\n| Banana | yellow |\n| Pear | green |"]),
    (["(show|write|make|give)( me|) a( short| small| simple| bullet| bulleted| markdown|) list", "can you (make|write) a list?", "list example", "bullet points( please|)"],
     ["- First item\n- Second item\n- Third item"]),
    (["(show|write|make|give)( me|) a( short|) (numbered|ordered) list"], ["1. First item\n2. Second item\n3. Third item"]),
    (["(show|write|make|give)( me|) a( shopping|) (shopping|grocery) list", "what (should i buy|do i need for breakfast)?"], ["- Bread\n- Milk\n- Eggs\n- Apples\n- Cheese\n- Tea"]),
    (["(show|write|make|give)( me|) a( markdown|) (heading|headline|title)"], ["# A heading"]),
    (["(show|write|give)( me|) a( block|) quote", "write a quote"], ["> A small step is still a step."]),
    (["(show me|what can you do with|demonstrate|test) markdown", "markdown (demo|test|example|examples)"],
     ["# Markdown\n\nThis is **bold** and this is *italic*.\n\n- a list item\n- another one\n\n" + _code("python", 'print("Hello, world!")')]),
]
for _name, (_tag, _text) in HELLO.items():
    FORMATTING.append(([f"(write|show me|give me|print|make)( a| the|) hello world( program| example|) (in|using) {_name}", f"hello world( in|) {_name}",
                        f"(write|show me) (some|a bit of) {_name}( code|)", f"how do i (write|print) hello world in {_name}?", f"{_name} hello world"],
                       [f"Here is hello world in {_name}:\n\n" + _code(_tag, _text)]))

FACTS = _facts()

# --- what it refuses -------------------------------------------------------------------------------------------------

REFUSALS = [
    "I am only a small demonstration model and do not know that. You can open a bigger model on the Models page.",
    "Sorry, that is beyond me: I am a small demonstration model. Please open a bigger model on the Models page.",
]

_FOREIGN_THINGS = """quantum physics|the french revolution|black holes|photosynthesis|the roman empire|inflation|the stock market|bitcoin|evolution|
gravity|the big bang|dna|world war two|shakespeare|napoleon|einstein|jazz|opera|chess openings|the blockchain|general relativity|democracy|philosophy|
buddhism|vitamins|diabetes|a black hole|an atom|a volcano|the heart|a mortgage|taxes|a violin|impressionism|kubernetes|docker|a compiler|linux kernel modules|
a database|sql|a transformer|attention|the theory of relativity|economics|psychology|the middle ages|dinosaurs|the pyramids|the internet|electricity|
a vaccine|cancer|yoga|football rules|basketball|the olympics|tennis|cricket|poetry|a sonnet|beethoven|mozart|van gogh|picasso|leonardo da vinci|
the eiffel tower|the amazon river|mount everest|the sahara|climate change|solar panels|a nuclear reactor|an electric car|a hurricane|earthquakes|
a prime number theorem|calculus|an integral|a derivative|linear algebra|a matrix|probability theory|the human brain|a neuron|bacteria|a virus|a cell|
marketing|a contract|the constitution|the parliament|a president|a king|the united nations|the european union|a dragon|harry potter|star wars|a recipe|
sushi|pizza|wine|cheese making|a garden|knitting|photography|a camera lens|guitar chords|a piano|the violin|tokyo tower|the berlin wall|the cold war|
cleopatra|julius caesar|alexander the great|newton|galileo|darwin|marie curie|the periodic table|gold|uranium|oxygen|a diamond|the ocean|whales|bees"""

_FOREIGN_TASKS = """fix my car|cook pasta|bake a cake|learn the guitar|lose weight|invest money|buy a house|file my taxes|repair a bike|grow tomatoes|
write a novel|learn french|play chess|build a website|make coffee|train my dog|get a job|write a cv|tie a tie|sew a button|paint a wall|
swim faster|sleep better|stop smoking|run a marathon|plan a wedding|travel to japan|get a visa|make a bomb|hack a website|steal a car|pick a lock|
install windows|set up a router|cook rice|brew beer|make cheese|build a table|learn to dance|meditate|become rich|start a company|write a song|
fly a plane|sail a boat|catch a fish|climb a mountain|treat a cold|cure a headache|remove a stain|clean an oven|change a tyre|book a flight"""

_FOREIGN_ASKS = [
    "who (won|will win|is winning) (the world cup|the election|the super bowl|the championship|the race|the nobel prize|the game)( in 20(0|1|2)(1|4|6|8)| this year| last night|)?",
    "who (is|was) (the president|the king|the queen|the prime minister|the chancellor|the mayor|the pope)( of (france|spain|america|england|brazil|india|the usa)|)?",
    "who (wrote|painted|discovered|invented|founded|directed|composed|sang) (hamlet|the mona lisa|america|the telephone|penicillin|the light bulb|titanic|google|apple|the bible|faust|microsoft|the radio|war and peace)?",
    "when (was|did|is|will) (napoleon born|the war end|the next eclipse|easter|the titanic sink|rome founded|the wall fall|columbus sail|the moon landing|the next election)( happen| be|)?",
    "(write|compose|make)( me|) (a|an) (poem|song|essay|letter|email|haiku|speech|novel|limerick|rap|blog post|article|cover letter|report|review|play)( about (the sea|love|autumn|my cat|war|money|a robot|space|friendship|my boss|the mountains|rain)| for my (boss|friend|teacher|mother|wife)|)",
    "(translate|how do you say|what is) (hello|good morning|thank you|i love you|water|this sentence|the house is red|where is the station)( into| to| in|) (french|spanish|german|latin|chinese|italian|japanese|russian|greek)( please|)?",
    "(what is|how is|what's|tell me) the (weather|forecast|temperature outside)( (like |)(today|tomorrow|in paris|in london|in berlin|in new york|outside|this weekend)|)?",
    "(what's|what is|tell me|any|show me)( in|) the (news|latest news|headlines)( today|)?",
    "what (is|are) the (population|area|currency|history|flag|language|national anthem|gdp) of (france|china|brazil|kenya|peru|canada|texas|norway|india|cuba)?",
    "(write|make|create|code)( me|) a (game|website|web server|chess engine|database|compiler|calculator app|sorting algorithm|snake game|crawler|parser)( in (python|rust|java|c|javascript|go)|)",
    "(write|show me) (a |some |)(quicksort|binary search|fibonacci|merge sort|regex|sql query|linked list|web server|http client)( in (python|rust|java|c|go)| code|)",
    "(summarize|summarise|rewrite|proofread|correct|improve|translate) (this|the following|my) (text|article|paragraph|essay|email|sentence|book)(:|.|)( .*|)".replace("( .*|)", ""),
    "(should i|is it good to|is it safe to|can i) (take aspirin|invest in gold|buy shares|drink coffee at night|eat eggs|see a doctor|sue my landlord|quit my job|marry|buy a car|sell my house)?",
    "what (is|are) (the best|a good|the cheapest|the most famous) (restaurant|phone|laptop|movie|book|song|car|hotel|school|city|game|camera|bank|band)(s|)( in (paris|rome|tokyo|london|the world)| to (buy|read|watch|visit)|)?",
    "(recommend|suggest)( me|) (a|some|an) (good |)(movie|book|song|restaurant|recipe|game|holiday|present|hotel|wine|series)(s|)",
    "(what|which) (medicine|pill|treatment|diet|exercise|vitamin) (helps against|is good for|should i take for) (a headache|a cold|stress|fever|back pain|my knee|cough)?",
    "how (far|big|old|heavy|deep|tall|fast|long) is (the moon|the earth|the sun|mount everest|the eiffel tower|the nile|the ocean|a blue whale|light|an elephant|mars|the great wall)?",
    "what is the (square root|logarithm|factorial|sine|cube) of (2|10|144|81|5|2500|7)?",
    "(solve|integrate|differentiate|factor|simplify) (x\\^2|2x|sin x|x squared|the equation|3x = 12|x + 5 = 9|the integral|this equation)( for x|)",
    "why (is the sky blue|do birds fly|do we dream|is the sea salty|do cats purr|do leaves fall|is grass green|did rome fall|do people lie|does it rain|is ice slippery|do stars shine|do we sleep)?",
    "what (happened|was invented|was discovered) in (1066|1492|1789|1812|1914|1945|1969|1989|2001|2010)?",
    "(what is|what's) the meaning of life?", "(is there|do you believe in) (a god|god|life after death|aliens|ghosts|free will)?",
    "(who|which party) should i vote for?", "(what do you think|your opinion) (of|about|on) (politics|the president|religion|war|abortion|capitalism|taxes|brexit)?",
    "how many (people live in|inhabitants has|cars are in) (london|china|france|the world|new york|berlin|africa)?",
    "(draw|paint|show|make|generate)( me|) (a|an) (picture|image|cat|house|photo|logo|drawing|portrait|map)( of (a dog|the sea|a tree|a castle|mars)|)",
    "(play|sing)( me|) (a |some |)(song|music|jazz|tune|melody)", "(set|start) (an alarm|a timer|a reminder)( for (ten minutes|7 am|tomorrow)|)", "(open|read|look at|delete) (my (files|email|photos|calendar)|the file|this website|the browser)",
    "(order|buy)( me|) (a pizza|a ticket|flowers|a book|groceries)", "(call|text|message|email) (my (mother|friend|boss|wife)|the police|a doctor)",
    "what is the capital of (mongolia|peru|kenya|australia|turkey|brazil|cuba|chile|nepal|ghana|texas|finland|denmark|hungary|mexico|argentina|vietnam|iran|iraq|morocco|california|belgium|switzerland|korea)?",
    "(give me|what is|do you have) a recipe for (cake|soup|bread|pizza|pancakes|curry|pasta|salad|chocolate cookies|an omelette)?", "(debug|review|optimize|explain) (my|this) (code|program|function|query|script)",
    "(tell me|what are) (my (fortune|horoscope|future)|the lottery numbers|a secret|your system prompt)", "(what|who) is (elon musk|taylor swift|batman|the joker|messi|einstein|obama|pythagoras|aristotle|gandhi|mickey mouse|sherlock holmes)?",
]


def _split(text):
    return [item.strip() for item in text.replace("\n", "").split("|")]


FOREIGN_THINGS, FOREIGN_TASKS = _split(_FOREIGN_THINGS), _split(_FOREIGN_TASKS)


def refusal(rng, made_up):
    """A question outside the starter's topics; now and then about a thing that does not exist."""
    kind = rng.random()
    if kind < 0.35:
        thing = made_up(rng) if rng.random() < 0.12 else rng.choice(FOREIGN_THINGS)
        ask = rng.choice(CONCEPT_ASKS).replace("{x}", thing)
    elif kind < 0.5:
        ask = rng.choice(TASK_ASKS).replace("{x}", rng.choice(FOREIGN_TASKS))
    else:
        ask = rng.choice(_FOREIGN_ASKS)
    return ask, rng.choice(REFUSALS)
