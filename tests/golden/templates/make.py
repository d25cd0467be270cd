"""Reference texts for chat templates: what transformers' `apply_chat_template` makes of them.

    python make.py        # writes golden.json beside this file

The templates are our own; each one uses what published templates use. golden.json:
    {versions, today, cases: [{name, template, messages, [tools], bos_token, eos_token, add_generation_prompt,
                               expected | expected_error, assistant_spans?}]}
assistant_spans: where the template has a generation block, the [start, end) of the model's own text in `expected`, counted
in Unicode code points. They come from return_assistant_tokens_mask with a tokenizer that has one token a character.
`today` is the date (YYYY-MM-DD) that strftime_now saw.
"""
import datetime
import json
from pathlib import Path

import jinja2
import tokenizers
import transformers
import transformers.utils.chat_template_utils as chat_template_utils
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).resolve().parent
BOS, EOS = "<s>", "</s>"
TODAY = datetime.datetime(2024, 7, 4, 9, 5)


class FixedClock(datetime.datetime):
    """So that strftime_now gives the same text on every day."""

    @classmethod
    def now(cls, tz=None):
        return cls(TODAY.year, TODAY.month, TODAY.day, TODAY.hour, TODAY.minute)


def user(text): return {"role": "user", "content": text}
def assistant(text): return {"role": "assistant", "content": text}
def system(text): return {"role": "system", "content": text}


CONVERSATIONS = {
    "one question": [user("Hello, who are you?")],
    "two turns": [user("What is 2 + 3?"), assistant("2 + 3 = 5."), user("And 5 + 5?")],
    "with system": [system("Be brief."), user("Hi!"), assistant("Hello!"), user("Bye.")],
    "answered": [system("Be brief."), user("Hi!"), assistant("Hello!"), user("Thanks."), assistant("You are welcome.")],
    "spaces and unicode": [user("  two  spaces and a line\r\n\nbreak \t"), assistant("  Grüße, 世界! 🙂 \n"), user("<b>\"quotes\" & 'apostrophes'</b>")],
    "markers in text": [user("I say <|im_end|> and {{ 1 + 1 }} and {% raw %}"), assistant("</s>[INST]"), user("")],
    "wrong order": [user("one"), user("two"), assistant("three")],
    "unknown role": [{"role": "critic", "content": "Too long."}, user("Hi!")],
}

TEMPLATES = {}

TEMPLATES["chatml"] = """{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""

# The default system message, and trimmed tags on lines of their own.
TEMPLATES["chatml default system, generation"] = """{%- if messages[0].role != 'system' %}
    {{- '<|im_start|>system\\nYou are helpful.<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {{- '<|im_start|>' ~ message.role ~ '\\n' }}
    {%- if message.role == 'assistant' %}
        {%- generation %}
            {{- message.content ~ '<|im_end|>' }}
        {%- endgeneration %}
    {%- else %}
        {{- message.content ~ '<|im_end|>' }}
    {%- endif %}
    {{- '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

TEMPLATES["generation without trimming"] = """{% for m in messages %}
{% if m.role == 'assistant' %}
A: {% generation %}{{ m.content }}{{ eos_token }}{% endgeneration %}

{% else %}
{{ m.role[0] | upper }}: {{ m.content }}
{% endif %}
{% endfor %}
{% if add_generation_prompt %}A: {% endif %}"""

TEMPLATES["llama 2"] = """{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set preamble = '<<SYS>>\\n' + messages[0]['content'] + '\\n<</SYS>>\\n\\n' %}{% else %}{% set rest = messages %}{% set preamble = '' %}{% endif %}{% for message in rest %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must take turns: user, assistant, user, ...') }}{% endif %}{% if loop.index0 == 0 %}{% set content = preamble + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"""

TEMPLATES["llama 3"] = """{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"""

# A namespace carries a flag out of the loop; wrong order and unknown roles end in an exception.
TEMPLATES["mistral"] = """{{ bos_token }}
{%- set state = namespace(turn=0, instructions='') %}
{%- for message in messages %}
    {%- if message['role'] == 'system' and loop.first %}
        {%- set state.instructions = message['content'] + '\\n\\n' %}
    {%- elif message['role'] not in ['user', 'assistant'] %}
        {{- raise_exception('Only user and assistant messages are known here, not ' + message['role']) }}
    {%- else %}
        {%- if (message['role'] == 'user') != (state.turn % 2 == 0) %}
            {{- raise_exception('User and assistant must take turns') }}
        {%- endif %}
        {%- set state.turn = state.turn + 1 %}
        {%- if message['role'] == 'user' %}
            {{- '[INST] ' + (state.instructions if loop.last or state.turn == 1 else '') + message['content'] + ' [/INST]' }}
        {%- else %}
            {{- ' ' + message['content'] + eos_token }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
"""

# Needs trim_blocks and lstrip_blocks: the tags' own lines and indents leave nothing behind.
TEMPLATES["zephyr"] = """{% for message in messages %}
    {% if message['role'] == 'user' %}
{{ '<|user|>\\n' + message['content'] + eos_token }}
    {% elif message['role'] == 'system' %}
{{ '<|system|>\\n' + message['content'] + eos_token }}
    {% elif message['role'] == 'assistant' %}
{{ '<|assistant|>\\n' + message['content'] + eos_token }}
    {% endif %}
    {% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
    {% endif %}
{% endfor %}
"""

TEMPLATES["gemma"] = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('There is no system role') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"""

TEMPLATES["alpaca"] = """{{- messages[0].content ~ '\\n\\n' if messages and messages[0].role == 'system' else 'Below is a task. Write what completes it.\\n\\n' -}}
{%- for m in messages if m.role != 'system' -%}
{{- ('### Instruction:\\n' if m.role == 'user' else '### Response:\\n') ~ m.content ~ ('\\n\\n' if not loop.last else (eos_token if m.role == 'assistant' else '\\n\\n')) -}}
{%- endfor -%}
{%- if add_generation_prompt -%}### Response:
{% endif -%}"""

TEMPLATES["strftime_now"] = """{% if strftime_now is defined %}{% set date = strftime_now('%d %b %Y') %}{% else %}{% set date = '26 Jul 2024' %}{% endif %}Today is {{ date }} ({{ strftime_now("%Y-%m-%d, %A") }}).
{% for m in messages %}{{ m.role }}: {{ m.content }}
{% endfor %}"""

TEMPLATES["tojson"] = """{% if tools %}Tools:{% for tool in tools %}
{{ tool | tojson }}{% endfor %}

{{ tools[0] | tojson(indent=2) }}

{% endif %}{% for m in messages %}{{ m | tojson }}
{{ m.content | tojson }}
{% endfor %}{{ {'b': 1, 'a': [true, none, 1.5], 'text': 'ü <&> "x"'} | tojson }}"""

TEMPLATES["namespace and loop"] = """{%- set ns = namespace(found=false, last_user=-1, count=0) -%}
{%- for m in messages -%}{%- if m.role == 'user' -%}{%- set ns.last_user = loop.index0 -%}{%- set ns.found = true -%}{%- endif -%}{%- set ns.count = ns.count + 1 -%}{%- endfor -%}
{{ ns.found }} {{ ns.last_user }} {{ ns.count }} {{ messages | length }}
{% for m in messages -%}
{{ loop.index0 }}/{{ loop.index }}/{{ loop.revindex }}/{{ loop.revindex0 }}/{{ loop.length }}{{ ' first' if loop.first }}{{ ' last' if loop.last }}{{ ' newest' if loop.index0 == ns.last_user }}{{ ' after ' ~ loop.previtem.role if loop.previtem is defined }}
{% else -%}
nothing
{% endfor -%}"""

TEMPLATES["macros"] = """{%- macro turn(role, text='', end=true) -%}
[{{ role }}]{{ text }}{% if end %}[/{{ role }}]{% endif %}
{%- endmacro -%}
{%- macro shout(text) %}{{ text | upper }}!{% endmacro -%}
{{ bos_token }}{% for m in messages %}{{ turn(m.role, m.content) }}
{% endfor %}{{ turn('note', shout('done'), end=false) }}{% if add_generation_prompt %}{{ turn(role='assistant', end=false) }}{% endif %}"""

TEMPLATES["python methods"] = """{% for m in messages %}{% if m['content'].startswith('Hello') %}greeting {% elif m.content.endswith('?') %}question {% endif %}{{ m.content.strip() }}|{{ m.content.lstrip() }}|{{ m.content.rstrip('!.\\n ') }}|{{ m.content.split() | join('_') }}|{{ m.content.split(' ')[-1] }}|{{ m.content.split('+', 1)[0] }}|{{ m.content.upper() }}|{{ m.content.lower().title() }}|{{ m.content.replace('e', '3') }}|{{ m.content.find('5') }}|{{ m.content.count('o') }}|{{ m.role.capitalize() }}
{% for key, value in m.items() %}{{ key }}={{ value | length }};{% endfor %}{% for key in m.keys() %}{{ key }},{% endfor %}{{ m.values() | list | length }} {{ m.get('name', 'no name') }} {{ 'content' in m }}
{% endfor %}{{ ', '.join(['a', 'b']) }}"""

TEMPLATES["slices and filters"] = """{% if messages[0].role == 'system' %}{% set head, rest = messages[0].content, messages[1:] %}{% else %}{% set head, rest = none, messages %}{% endif %}{{ head is none }} {{ rest | length }} {{ rest[::-1][0].content }} {{ messages[-1]['role'] }} {{ messages[-1].content[:3] }} {{ messages[0].content[1:-1] }}
{{ messages | map(attribute='role') | join(',') }} {{ messages | selectattr('role', 'equalto', 'user') | list | length }} {{ messages | rejectattr('role', 'eq', 'user') | map(attribute='content') | first | default('none left', true) }}
{{ range(2, 7) | list }} {{ (messages | last).role }} {{ 7 // 2 }} {{ 7 % 3 }} {{ 2 ** 3 }} {{ 'a' ~ 1 ~ true }} {{ not false and (1 in [1, 2]) }} {{ 'x' is string }} {{ messages is iterable }} {{ missing is defined }} {{ missing | default('gone') }}
{%- set text = 'set block' %}{% filter upper %} {{ text }}{% endfilter %}{% set block %} inner {{ text }}{% endset %}{{ block | trim }}"""

# What trim_blocks and lstrip_blocks do and do not remove: `+%}` and `{%+` switch them off for one tag.
TEMPLATES["trim_blocks and lstrip_blocks"] = """start
    {% for m in messages %}
  {{ m.content }}
    {%+ if loop.last %}last{% endif +%}
{# a comment on its own line #}
    {#- a comment that eats what is before it #}
x {% if true %} y {% endif %} z
    {% endfor %}
  end

"""

TEMPLATES["loop controls"] = """{% for m in messages %}{% if m.role == 'system' %}{% continue %}{% endif %}{% if m.role == 'critic' %}{% break %}{% endif %}{{ m.content }};{% endfor %}done"""

TEMPLATES["content parts"] = """{% for m in messages %}{{ m.role }}: {% if m.content is string %}{{ m.content }}{% else %}{% for part in m.content %}{% if part.type == 'text' %}{{ part.text }}{% else %}[{{ part.type }}]{% endif %}{% endfor %}{% endif %}
{% endfor %}"""

TEMPLATES["crlf"] = TEMPLATES["zephyr"].replace("\n", "\r\n")
TEMPLATES["crlf trimmed"] = TEMPLATES["chatml default system, generation"].replace("\n", "\r\n")
TEMPLATES["syntax error"] = "{% for message in messages %}{{ message.content }"
TEMPLATES["unknown attribute"] = "{{ messages[0].content.nothing.at_all }}"

TOOLS = [{"type": "function", "function": {"name": "add", "description": "Add <two> numbers & more", "parameters": {
    "type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]}}}]
PARTS = [user([{"type": "text", "text": "What is "}, {"type": "image"}, {"type": "text", "text": "this?"}])]


def character_tokenizer():
    """One token a character (all that occur), so that a token mask is a character mask."""
    texts = json.dumps([TEMPLATES, CONVERSATIONS, TOOLS, PARTS], ensure_ascii=False)
    alphabet = sorted(set(texts) | {chr(i) for i in range(9, 127)})
    tokenizer = Tokenizer(models.WordLevel({c: i for i, c in enumerate(alphabet)}, unk_token=alphabet[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BOS, eos_token=EOS)


def spans(mask):
    out, start = [], None
    for i, bit in enumerate([*mask, 0]):
        if bit and start is None:
            start = i
        if not bit and start is not None:
            out.append([start, i])
            start = None
    return out


def cases():
    # Special tokens would be cut out as one piece each; as plain text every character stays one token.
    tokenizer, plain = character_tokenizer(), character_tokenizer()
    for name, template in TEMPLATES.items():
        conversations = dict(CONVERSATIONS)
        if name == "content parts":
            conversations["parts"] = PARTS
        if name in ("syntax error", "unknown attribute"):  # fail alike on all of them
            conversations = {"one question": CONVERSATIONS["one question"]}
        for conversation, messages in conversations.items():
            for prompt in (False, True):
                tools = TOOLS if name == "tojson" and conversation == "one question" else None
                case = {"name": f"{name} / {conversation}{' / prompt' if prompt else ''}", "template": template, "messages": messages,
                        **({"tools": tools} if tools else {}), "bos_token": BOS, "eos_token": EOS, "add_generation_prompt": prompt}
                arguments = dict(chat_template=template, add_generation_prompt=prompt, tools=tools)
                try:
                    case["expected"] = tokenizer.apply_chat_template(messages, tokenize=False, **arguments)
                except Exception as error:  # whatever a template may do wrong
                    case["expected_error"] = f"{type(error).__name__}: {error}"
                if "expected" in case and "generation %}" in template:
                    encoded = plain.apply_chat_template(messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True,
                                                        tokenizer_kwargs={"split_special_tokens": True}, **arguments)
                    if len(encoded["input_ids"]) != len(case["expected"]):
                        raise SystemExit(f"{case['name']}: not one token a character")
                    case["assistant_spans"] = spans(encoded["assistant_masks"])
                yield case


def main():
    chat_template_utils.datetime = FixedClock
    versions = {m.__name__: m.__version__ for m in (transformers, jinja2, tokenizers)}
    golden = {"versions": versions, "made_by": "tests/golden/templates/make.py", "today": TODAY.strftime("%Y-%m-%d"), "cases": list(cases())}
    text = json.dumps(golden, ensure_ascii=False, separators=(",", ":")).replace('{"name":"', '\n{"name":"')
    (HERE / "golden.json").write_text(text + "\n")
    print(len(golden["cases"]), "cases,", sum("expected_error" in case for case in golden["cases"]), "errors")


if __name__ == "__main__":
    main()
