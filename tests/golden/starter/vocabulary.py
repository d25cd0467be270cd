"""The starter's tokenizer (byte-level BPE, digits one by one) and its ChatML template, both written as Hugging Face files."""
import json
import random

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from corpus import DEFAULT_SYSTEM, conversation, plain_text

VOCABULARY_SIZE = 1280
END_OF_TEXT, MESSAGE_START, MESSAGE_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"

# ChatML. The generation block marks what the model itself writes, the end mark included: trainers take their loss from it.
CHAT_TEMPLATE = (
    "{%- if not messages or messages[0]['role'] != 'system' -%}\n"
    "{{ '<|im_start|>system\\n" + DEFAULT_SYSTEM + "<|im_end|>\\n' }}\n"
    "{%- endif -%}\n"
    "{%- for message in messages -%}\n"
    "{{ '<|im_start|>' + message['role'] + '\\n' }}\n"
    "{%- if message['role'] == 'assistant' -%}\n"
    "{%- generation -%}\n"
    "{{ message['content'] + '<|im_end|>' }}\n"
    "{%- endgeneration -%}\n"
    "{%- else -%}\n"
    "{{ message['content'] + '<|im_end|>' }}\n"
    "{%- endif -%}\n"
    "{{ '\\n' }}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}\n"
    "{{ '<|im_start|>assistant\\n' }}\n"
    "{%- endif -%}\n")


def render(messages):
    """The template's text for a conversation as it stands (train.py checks that both agree)."""
    return "".join(f"{MESSAGE_START}{m['role']}\n{m['content']}{MESSAGE_END}\n" for m in messages)


def train_tokenizer(seed):
    rng = random.Random(seed)
    # Headers are left out: "<|im_start|>" is one token anyway. Words met once in a thousand chats are not worth a merge.
    texts = ["\n".join(f"{m['role']}\n{m['content']}" for m in conversation(rng)) for _ in range(20_000)]
    texts += [plain_text(rng) for _ in range(500)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE, special_tokens=[END_OF_TEXT, MESSAGE_START, MESSAGE_END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return tokenizer


def write_tokenizer(tokenizer, folder):
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 1024, "bos_token": END_OF_TEXT,
              "eos_token": MESSAGE_END, "pad_token": END_OF_TEXT, "add_bos_token": False, "add_eos_token": False,
              "clean_up_tokenization_spaces": False, "chat_template": CHAT_TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
