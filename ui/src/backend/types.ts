// Written by `neuralchat-cli types` from the Rust types; do not edit.

/**
 * Figures of one answer.
 */
export type AnswerStats = { 
/**
 * Tokens in the prompt.
 */
prompt_tokens: number, 
/**
 * Of these, taken from the cache of the turn before.
 */
cached_tokens: number, 
/**
 * Tokens written.
 */
new_tokens: number, 
/**
 * From sending to the first token, milliseconds.
 */
first_token_ms: number, 
/**
 * Prompt tokens read a second, cached ones not counted.
 */
prompt_tokens_per_s: number, 
/**
 * Tokens written a second after the first.
 */
tokens_per_s: number, 
/**
 * Messages at the start of the chat that no longer fitted.
 */
unseen_messages: number, 
/**
 * Tokens at the start of the text that no longer fitted.
 */
unseen_tokens: number, 
/**
 * The seed that was used.
 */
seed: number, };

/**
 * What a command answers when it could not do what was asked.
 */
export type ApiError = { 
/**
 * What went wrong, for programs.
 */
code: ErrorCode, 
/**
 * The cause, a sentence in plain words.
 */
message: string, 
/**
 * What the person can do about it, a sentence in plain words.
 */
remedy: string, };

/**
 * One thing that happened.
 */
export type AppEvent = { "type": "model", 
/**
 * The state now.
 */
state: ModelState, } | { "type": "models_changed" } | { "type": "chats_changed" } | { "type": "answer_progress", 
/**
 * The chat.
 */
chat_id: number, 
/**
 * The answer.
 */
message_id: number, 
/**
 * Where it stands.
 */
progress: Progress, 
/**
 * Text to append to the message's content.
 */
text: string, } | { "type": "answer_ended", 
/**
 * The chat.
 */
chat_id: number, 
/**
 * The message, as it is kept.
 */
message: Message, } | { "type": "open_path", 
/**
 * What to open.
 */
path: string, } | { "type": "resync" };

/**
 * The program itself.
 */
export type AppInfo = { 
/**
 * Version of the program.
 */
version: string, 
/**
 * Folder in which everything the program keeps lies.
 */
library_folder: string, 
/**
 * "linux", "macos" or "windows".
 */
platform: string, };

/**
 * Names one chat.
 */
export type ChatId = { 
/**
 * Its number.
 */
chat_id: number, };

/**
 * A conversation, or a text that a base model continues.
 */
export type ChatKind = "chat" | "text";

/**
 * Settings of one chat.
 */
export type ChatSettings = { 
/**
 * What the model is told before the conversation; empty for the template's own default.
 */
system_prompt: string, 
/**
 * How tokens are drawn; none as the model that answers would have it.
 */
sampling: Sampling | null, 
/**
 * Which template is used.
 */
template: TemplateChoice, };

/**
 * A chat in the sidebar.
 */
export type ChatSummary = { 
/**
 * Its number.
 */
id: number, 
/**
 * What it is called.
 */
title: string, 
/**
 * Conversation or text.
 */
kind: ChatKind, 
/**
 * Kept on top.
 */
pinned: boolean, 
/**
 * When something last happened in it, RFC 3339.
 */
updated_at: string, 
/**
 * Where a search found its words, with the words around them; empty without a search.
 */
excerpt: string, };

/**
 * A chat as a file's text.
 */
export type ChatText = { 
/**
 * A file name made of the title.
 */
file_name: string, 
/**
 * The file's text.
 */
text: string, };

/**
 * A chat, opened.
 */
export type ChatView = { 
/**
 * Its line in the sidebar.
 */
summary: ChatSummary, 
/**
 * Its settings.
 */
settings: ChatSettings, 
/**
 * The path shown, first message first.
 */
messages: Array<Message>, 
/**
 * The answer under way in this chat.
 */
progress: Progress | null, 
/**
 * How full the context is; none before the first answer or without a model.
 */
context: ContextUse | null, 
/**
 * Events with a number up to this one are already in this view.
 */
as_of: number, };

/**
 * Change a chat's settings.
 */
export type ConfigureChat = { 
/**
 * Its number.
 */
chat_id: number, 
/**
 * All settings, changed and unchanged.
 */
settings: ChatSettings, };

/**
 * How full the model's context is.
 */
export type ContextUse = { 
/**
 * Tokens of the path shown, as last counted.
 */
used_tokens: number, 
/**
 * Tokens the loaded model can see.
 */
limit_tokens: number, 
/**
 * Messages at the start that are no longer seen.
 */
unseen_messages: number, 
/**
 * Tokens at the start of a text that are no longer seen.
 */
unseen_tokens: number, };

/**
 * Begin a chat.
 */
export type CreateChat = { 
/**
 * Conversation or text.
 */
kind: ChatKind, 
/**
 * Settings to start with; none takes the defaults.
 */
settings: ChatSettings | null, };

/**
 * Rewrite a message as a new sibling. A user's message is then answered.
 */
export type EditMessage = { 
/**
 * The chat's number.
 */
chat_id: number, 
/**
 * The message to rewrite.
 */
message_id: number, 
/**
 * Its new content.
 */
content: string, };

/**
 * What went wrong, for programs. A code is added only when the page or a script acts on it.
 */
export type ErrorCode = "bad_request" | "not_found" | "model_not_found" | "model_damaged" | "model_unsupported" | "model_too_large" | "tokenizer_missing" | "template_failed" | "permission_denied" | "no_model_loaded" | "no_chat_template" | "busy" | "cancelled" | "dialog_failed" | "context_full" | "generation_failed" | "storage" | "internal";

/**
 * Write a chat to a file chosen in the native dialog.
 */
export type ExportChat = { 
/**
 * Its number.
 */
chat_id: number, 
/**
 * Markdown or JSON.
 */
format: ExportFormat, };

/**
 * The form of an exported chat.
 */
export type ExportFormat = "markdown" | "json";

/**
 * An opening that failed.
 */
export type FailedOpening = { 
/**
 * Which model.
 */
path: string, 
/**
 * Cause and remedy.
 */
error: ApiError, };

/**
 * The path that a kind of work takes.
 */
export type KernelChoice = { 
/**
 * What for.
 */
work: KernelWork, 
/**
 * Which.
 */
path: KernelPath, 
/**
 * Why.
 */
reason: KernelReason, 
/**
 * Why, for people: a part of a sentence.
 */
why: string, };

/**
 * A path that kernels can take, by the instructions it needs.
 */
export type KernelPath = "portable" | "avx2" | "avx512" | "avx512-bf16" | "amx";

/**
 * How fast a path is with small matrices that lie in caches: comparable between paths, not with the machine's limits.
 */
export type KernelRates = { 
/**
 * Products of many rows, GFLOP/s.
 */
prefill_gflop_per_s: number, 
/**
 * Products of one row and attention, GB/s of weights and cache.
 */
decode_gb_per_s: number, 
/**
 * Products of many rows and gradients of attention, GFLOP/s.
 */
backward_gflop_per_s: number, };

/**
 * Why a path was chosen.
 */
export type KernelReason = "only" | "only_sound" | "fastest" | "as_fast" | "variable" | "setting";

/**
 * What was found, chosen and why. It holds for the next model that is opened.
 */
export type KernelReport = { 
/**
 * Every path of this machine, weakest first.
 */
trials: Array<KernelTrial>, 
/**
 * One for each kind of work.
 */
choices: Array<KernelChoice>, 
/**
 * What `NEURALCHAT_KERNELS` names; it goes before the setting.
 */
variable: KernelPath | null, 
/**
 * What is set in Settings.
 */
setting: KernelPath | null, 
/**
 * What the person should know about it: what was asked for cannot be had, or computes wrong values.
 */
notice: string | null, };

/**
 * A path of this machine, tried.
 */
export type KernelTrial = { 
/**
 * Which.
 */
path: KernelPath, 
/**
 * How fast it is; none where it failed its self-check.
 */
rates: KernelRates | null, 
/**
 * What was wrong with what it computed, a part of a sentence.
 */
fault: string | null, };

/**
 * What paths are chosen for, one by one.
 */
export type KernelWork = "prefill" | "decode" | "backward";

/**
 * List or search chats.
 */
export type ListChats = { 
/**
 * Words to find in titles and messages; empty lists all.
 */
search: string, };

/**
 * The model that answers.
 */
export type LoadedModel = { 
/**
 * Where it lies.
 */
path: string, 
/**
 * A name for people.
 */
name: string, 
/**
 * Chat or base.
 */
kind: ModelKind, 
/**
 * It is the small model inside the program.
 */
starter: boolean, 
/**
 * Longest context used, tokens.
 */
context_tokens: number, 
/**
 * Memory it holds.
 */
memory_bytes: number, 
/**
 * How its matrices are multiplied, for people: "q4_0 weights, avx512 kernels" …
 */
compute: string, 
/**
 * How a chat is sampled that sets nothing of its own: what the model's files say, and the program's defaults for the rest.
 */
sampling: Sampling, };

/**
 * What this machine is and what was chosen on it.
 */
export type MachineInfo = { 
/**
 * The processor's own name.
 */
processor: string, 
/**
 * Logical processors this program may use.
 */
logical_processors: number, 
/**
 * Instruction sets found and usable, best first: "amx-int8", "avx512-bf16", "avx2" …
 */
instruction_sets: Array<string>, 
/**
 * The kernel path chosen for the next model, in a word ("avx512", "portable" …), or one for each kind of work.
 */
kernels: string, 
/**
 * A sentence about the choice, for people.
 */
kernels_reason: string, 
/**
 * What each path measured, and what was chosen.
 */
kernel_report: KernelReport, 
/**
 * Memory in the machine.
 */
memory_total_bytes: number, 
/**
 * Memory free for us now.
 */
memory_available_bytes: number, 
/**
 * Measured memory read bandwidth over all cores, GB/s.
 */
memory_read_gb_per_s: number, };

/**
 * One message of the path shown.
 */
export type Message = { 
/**
 * Its number.
 */
id: number, 
/**
 * The message before it.
 */
parent: number | null, 
/**
 * Who wrote it.
 */
role: Role, 
/**
 * Markdown (a chat) or plain text (a text).
 */
content: string, 
/**
 * How it stands.
 */
standing: MessageStanding, 
/**
 * When it was begun, RFC 3339.
 */
created_at: string, 
/**
 * The model that wrote it.
 */
model_name: string | null, 
/**
 * Figures, once it is written.
 */
stats: AnswerStats | null, 
/**
 * All alternatives at this place, itself included, oldest first.
 */
siblings: Array<number>, };

/**
 * Names one message of one chat.
 */
export type MessageId = { 
/**
 * The chat's number.
 */
chat_id: number, 
/**
 * The message's number.
 */
message_id: number, };

/**
 * How a message stands.
 */
export type MessageStanding = { "state": "complete" } | { "state": "writing" } | { "state": "stopped" } | { "state": "cut_at_length" } | { "state": "interrupted" } | { "state": "failed", 
/**
 * Cause and remedy.
 */
error: ApiError, };

/**
 * An independent decoder's answer beside ours.
 */
export type ModelCheck = { 
/**
 * The prompt both were given.
 */
prompt: string, 
/**
 * What our decoder continues with, greedily.
 */
ours: string, 
/**
 * What candle-transformers continues with, greedily.
 */
independent: string, 
/**
 * Tokens compared.
 */
tokens: number, 
/**
 * Largest difference between two logits.
 */
largest_logit_difference: number, 
/**
 * Both chose the same tokens.
 */
agree: boolean, };

/**
 * A model this program has seen.
 */
export type ModelEntry = { 
/**
 * Where it lies; `starter` for the one inside the program.
 */
path: string, 
/**
 * A name for people.
 */
name: string, 
/**
 * How it stands.
 */
standing: ModelStanding, 
/**
 * What its files said when they were last read.
 */
inspection: ModelInspection | null, 
/**
 * When it was last opened, RFC 3339.
 */
last_opened: string | null, };

/**
 * What the files say, read without loading the weights.
 */
export type ModelInspection = { 
/**
 * Where it lies.
 */
path: string, 
/**
 * A name for people (folder or file name, or the name in the metadata).
 */
name: string, 
/**
 * "Hugging Face folder", "GGUF" or "built in".
 */
format: string, 
/**
 * The family, as the files name it: "llama" …
 */
architecture: string, 
/**
 * Chat or base.
 */
kind: ModelKind, 
/**
 * Number of weights.
 */
parameters: number, 
/**
 * Bytes of the weight files.
 */
file_bytes: number, 
/**
 * Memory needed once loaded, weights and a full context's cache.
 */
memory_bytes: number, 
/**
 * The type most weights are stored in: "F32", "BF16", "Q4_K" …
 */
weight_type: string, 
/**
 * Decoder layers.
 */
layers: number, 
/**
 * Width of the residual stream.
 */
hidden_size: number, 
/**
 * Attention heads.
 */
heads: number, 
/**
 * Key/value heads.
 */
kv_heads: number, 
/**
 * Tokens in the vocabulary.
 */
vocabulary: number, 
/**
 * Longest context, tokens.
 */
context_tokens: number, 
/**
 * Number of tensors in the files.
 */
tensors: number, 
/**
 * The chat template's source, when there is one.
 */
chat_template: string | null, };

/**
 * What a model is for.
 */
export type ModelKind = "chat" | "base";

/**
 * Names one model.
 */
export type ModelPath = { 
/**
 * A Hugging Face folder, a `.gguf` file, or `starter`.
 */
path: string, };

/**
 * How a known model stands.
 */
export type ModelStanding = { "state": "loaded" } | { "state": "on_disk" } | { "state": "missing" } | { "state": "failed", 
/**
 * Cause and remedy of the last attempt.
 */
error: ApiError, };

/**
 * Which model answers, which is being opened, what went wrong last.
 */
export type ModelState = { 
/**
 * The model that answers.
 */
loaded: LoadedModel | null, 
/**
 * The model being opened.
 */
opening: Opening | null, 
/**
 * Why the last opening failed, until the next one.
 */
failed: FailedOpening | null, };

/**
 * All models known, and the state of the engine.
 */
export type ModelsView = { 
/**
 * Models seen, the starter first, then last opened first.
 */
models: Array<ModelEntry>, 
/**
 * Which answers, which is being opened.
 */
state: ModelState, };

/**
 * A request that needs nothing said.
 */
export type Nothing = Record<symbol, never>;

/**
 * An event with its number. Numbers have no gaps; `Resync` stands for those that were lost.
 */
export type NumberedEvent = { 
/**
 * Counts from 1.
 */
seq: number, 
/**
 * What happened.
 */
event: AppEvent, };

/**
 * An opening under way. The model loaded before stays usable until this one is ready.
 */
export type Opening = { 
/**
 * Which model.
 */
path: string, 
/**
 * A name for people.
 */
name: string, 
/**
 * What it is doing.
 */
stage: OpeningStage, 
/**
 * Bytes of weights done.
 */
done_bytes: number, 
/**
 * Bytes of weights in all.
 */
total_bytes: number, 
/**
 * Seconds left, once it can be told.
 */
seconds_left: number | null, };

/**
 * What an opening is doing.
 */
export type OpeningStage = "reading" | "loading" | "checking";

/**
 * What the person picks in the native dialog.
 */
export type PickKind = "folder" | "file";

/**
 * Ask for a model by native dialog.
 */
export type PickModel = { 
/**
 * Folder or file.
 */
kind: PickKind, };

/**
 * What came out of a native dialog: a path, or nothing when the person cancelled.
 */
export type Picked = { 
/**
 * The path, or nothing when the person cancelled.
 */
path: string | null, };

/**
 * Keep a chat on top, or no longer.
 */
export type PinChat = { 
/**
 * Its number.
 */
chat_id: number, 
/**
 * On top or not.
 */
pinned: boolean, };

/**
 * Where an answer under way stands.
 */
export type Progress = { "phase": "waiting" } | { "phase": "reading", 
/**
 * Tokens read.
 */
done_tokens: number, 
/**
 * Tokens to read.
 */
total_tokens: number, 
/**
 * Seconds left, once it can be told.
 */
seconds_left: number | null, } | { "phase": "writing", 
/**
 * Tokens written.
 */
new_tokens: number, 
/**
 * Tokens a second so far.
 */
tokens_per_s: number, 
/**
 * From sending to the first token, milliseconds.
 */
first_token_ms: number, };

/**
 * Give a chat another title.
 */
export type RenameChat = { 
/**
 * Its number.
 */
chat_id: number, 
/**
 * The new title, not empty.
 */
title: string, };

/**
 * Who wrote a message.
 */
export type Role = "user" | "assistant";

/**
 * How the next token is drawn. A knob at its neutral value does nothing.
 */
export type Sampling = { 
/**
 * 0 always takes the likeliest token; 1 draws as the model says; more is wilder.
 */
temperature: number, 
/**
 * Draw only from the k likeliest tokens; 0 is off.
 */
top_k: number, 
/**
 * Draw only from the likeliest tokens that together reach this probability; 1 is off.
 */
top_p: number, 
/**
 * Drop tokens less likely than this share of the likeliest; 0 is off.
 */
min_p: number, 
/**
 * Divide the logits of tokens already seen; 1 is off.
 */
repetition_penalty: number, 
/**
 * Subtract this for every time a token was seen; 0 is off.
 */
frequency_penalty: number, 
/**
 * Subtract this once for a token that was seen; 0 is off.
 */
presence_penalty: number, 
/**
 * The same seed gives the same answer; none draws a new one each time.
 */
seed: number | null, 
/**
 * Longest answer, tokens.
 */
max_new_tokens: number, 
/**
 * The answer ends before any of these.
 */
stop: Array<string>, };

/**
 * Send a message, or in a text, type more and let the model continue.
 */
export type SendMessage = { 
/**
 * Its number.
 */
chat_id: number, 
/**
 * What was typed.
 */
content: string, };

/**
 * What the person has set for the whole program.
 */
export type Settings = { 
/**
 * Light, dark, or as the system says.
 */
theme: Theme, 
/**
 * Show every knob (Advanced) or only the usual ones (Simple).
 */
advanced: boolean, 
/**
 * The sidebar is folded to icons.
 */
sidebar_collapsed: boolean, 
/**
 * The kernels that models are computed with, from the next one opened on; none chooses automatically.
 */
kernels: KernelPath | null, };

/**
 * Which template turns messages into a prompt.
 */
export type TemplateChoice = "model" | "chatml" | "neural_chat" | "alpaca";

/**
 * Light, dark, or as the system says.
 */
export type Theme = "system" | "light" | "dark";

/** The 28 commands: name, request, response. */
export interface Commands {
  /** The program's version and where it keeps things. */
  app_info: { request: Nothing; response: AppInfo };
  /** What this machine can do and which kernels were chosen (measures the first time). */
  machine_info: { request: Nothing; response: MachineInfo };
  /** Settings of the whole program. */
  settings_get: { request: Nothing; response: Settings };
  /** Replaces the settings of the whole program. */
  settings_set: { request: Settings; response: Settings };
  /** Models seen, which one answers, which one is being opened. */
  models_list: { request: Nothing; response: ModelsView };
  /** Asks for a model by native dialog; a cancelled dialog picks nothing. */
  model_pick: { request: PickModel; response: Picked };
  /** Reads what a model's files say, without loading its weights. */
  model_inspect: { request: ModelPath; response: ModelInspection };
  /** Begins to open a model; `model` events tell how it goes. The one loaded before stays until then. */
  model_open: { request: ModelPath; response: Nothing };
  /** Stops the opening under way. */
  model_cancel_opening: { request: Nothing; response: Nothing };
  /** Drops a model from the list; its files stay. */
  model_forget: { request: ModelPath; response: Nothing };
  /** Lets an independent decoder answer beside ours (the loaded model). */
  model_check: { request: Nothing; response: ModelCheck };
  /** Chats, pinned first, then last used first; with a search, those that hold its words. */
  chats_list: { request: ListChats; response: Array<ChatSummary> };
  /** Begins a chat. */
  chat_create: { request: CreateChat; response: ChatView };
  /** Opens a chat. */
  chat_get: { request: ChatId; response: ChatView };
  /** Gives a chat another title. */
  chat_rename: { request: RenameChat; response: ChatSummary };
  /** Keeps a chat on top, or no longer. */
  chat_pin: { request: PinChat; response: ChatSummary };
  /** Deletes a chat; `chat_restore` brings it back. */
  chat_delete: { request: ChatId; response: Nothing };
  /** Brings a deleted chat back. */
  chat_restore: { request: ChatId; response: ChatSummary };
  /** Changes a chat's system prompt, sampling and template. */
  chat_configure: { request: ConfigureChat; response: ChatView };
  /** Shows another sibling and the newest path below it. */
  chat_select: { request: MessageId; response: ChatView };
  /** Makes a new chat of the path up to a message. */
  chat_fork: { request: MessageId; response: ChatView };
  /** Asks where to write a chat and writes it; a cancelled dialog writes nothing. */
  chat_export: { request: ExportChat; response: Picked };
  /** A chat as Markdown or JSON text. */
  chat_text: { request: ExportChat; response: ChatText };
  /** Sends a message (in a text: adds to it) and begins the answer. */
  chat_send: { request: SendMessage; response: ChatView };
  /** Writes an answer again, as a sibling. */
  chat_regenerate: { request: MessageId; response: ChatView };
  /** Goes on with an answer that was stopped or cut. */
  chat_continue: { request: MessageId; response: ChatView };
  /** Rewrites a message as a sibling; a user's message is answered. */
  chat_edit: { request: EditMessage; response: ChatView };
  /** Stops the answer under way in a chat; what was written is kept. */
  chat_stop: { request: ChatId; response: ChatView };
}
