// Written by `neuralchat-cli types` from the Rust types; do not edit.

/**
 * A run whose result is the chat's default model.
 */
export type Adopted = { 
/**
 * The run.
 */
run: string, 
/**
 * Its name.
 */
name: string, 
/**
 * The model that was the default before; Roll back opens it.
 */
before: string, 
/**
 * Its name.
 */
before_name: string, };

/**
 * The word `all`.
 */
export type All = "all";

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
message: Message, } | { "type": "run", 
/**
 * As in the list.
 */
summary: RunSummary, } | { "type": "runs_changed" } | { "type": "closed_with_run" } | { "type": "open_path", 
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
 * Ask the model before and after the same question.
 */
export type AskRun = { 
/**
 * The run.
 */
id: string, 
/**
 * The question.
 */
prompt: string, };

/**
 * A row of the first batch.
 */
export type BatchRow = { 
/**
 * Its first tokens.
 */
tokens: Array<BatchToken>, 
/**
 * Tokens left out at the end.
 */
more: number, };

/**
 * A token of the first batch.
 */
export type BatchToken = { 
/**
 * What it stands for.
 */
text: string, 
/**
 * Whether the model is trained to say it.
 */
trained: boolean, };

/**
 * Unseen questions answered by the model before and after.
 */
export type BeforeAfter = { 
/**
 * The model before, for people.
 */
before_name: string, 
/**
 * The model after, for people.
 */
after_name: string, 
/**
 * The questions, with both answers.
 */
rows: Array<BeforeAfterRow>, 
/**
 * Of how many rows an expected answer is known and compared word for word.
 */
compared: number, 
/**
 * How many of these the model before answered exactly so.
 */
right_before: number, 
/**
 * How many the model after did.
 */
right_after: number, 
/**
 * Where the questions come from: "rows held out from training", "the recipe's prompts".
 */
source: string, };

/**
 * A question with both answers.
 */
export type BeforeAfterRow = { 
/**
 * The question.
 */
prompt: string, 
/**
 * What the data says, where it does.
 */
expected: string | null, 
/**
 * What the model before says.
 */
before: string, 
/**
 * What the model after says.
 */
after: string, };

/**
 * What is in the way.
 */
export type BlockerCode = "memory" | "disk" | "quantized-base" | "rank" | "targets" | "template" | "nothing-to-train" | "context" | "too-few-rows" | "recipe";

/**
 * A chart.
 */
export type Chart = { 
/**
 * What it shows.
 */
kind: ChartKind, 
/**
 * Its title.
 */
title: string, 
/**
 * The unit of its values, for the axis.
 */
unit: string, 
/**
 * A sentence on what it shows and how to read it.
 */
about: string, 
/**
 * Whether all values are above 0, so that a logarithmic axis can be had.
 */
can_be_logarithmic: boolean, 
/**
 * Its lines.
 */
curves: Array<Curve>, };

/**
 * What a chart shows.
 */
export type ChartKind = "loss" | "learning_rate" | "gradient_norm" | "speed" | "rewards" | "margin" | "accuracy" | "drift" | "divergence";

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
 * What is kept to go on from.
 */
export type CheckpointRule = { 
/**
 * Every so many steps; 0 only at the end.
 */
every_steps: number, 
/**
 * How many of the newest are kept, beside the best.
 */
keep: number, };

/**
 * Two to six runs beside each other.
 */
export type CompareRuns = { 
/**
 * Which.
 */
ids: Array<string>, 
/**
 * As in [`GetRun`](super::GetRun).
 */
smoothing: number, };

/**
 * A knob or a figure of several runs.
 */
export type ComparisonRow = { 
/**
 * What it is.
 */
name: string, 
/**
 * A value for each run, in words.
 */
values: Array<string>, 
/**
 * All runs have the same.
 */
same: boolean, };

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
 * A line of a chart.
 */
export type Curve = { 
/**
 * What it is called.
 */
name: string, 
/**
 * It is of held-out rows: few points, shown as they are.
 */
held_out: boolean, 
/**
 * Steps, rising.
 */
steps: Array<number>, 
/**
 * A value for each step.
 */
values: Array<number>, 
/**
 * The same, smoothed.
 */
smoothed: Array<number>, };

/**
 * The rows to train on.
 */
export type Data = { 
/**
 * Files, read one after the other.
 */
files: Array<string>, 
/**
 * What their rows are; `auto` looks.
 */
format: Format | "auto", 
/**
 * Share of the rows that is not trained on and measured instead.
 */
held_out: number, 
/**
 * A file of rows to measure on, instead of a share.
 */
held_out_file?: string | null, 
/**
 * Whether each epoch has an order of its own; without, rows are taken as the files have them.
 */
shuffle: boolean, 
/**
 * Decides orders, the held-out share and dropout.
 */
seed: number, 
/**
 * Most rows taken from the files together.
 */
max_rows?: number | null, };

/**
 * A file to learn from.
 */
export type DataFile = { 
/**
 * Where it lies.
 */
path: string, 
/**
 * Its name.
 */
name: string, 
/**
 * Its size.
 */
bytes: number, 
/**
 * What its rows are; none where it cannot be read.
 */
format: Format | null, 
/**
 * The same in words.
 */
format_words: string, 
/**
 * Rows that were looked at.
 */
rows: number, 
/**
 * Rows that can be used.
 */
used: number, 
/**
 * The others, by reason.
 */
refused: Array<RefusedRows>, 
/**
 * Why it cannot be used at all.
 */
error: ApiError | null, };

/**
 * Files to learn from.
 */
export type DataFiles = { 
/**
 * Their paths.
 */
files: Array<string>, };

/**
 * What is in files to learn from.
 */
export type DataLook = { 
/**
 * Each file.
 */
files: Array<DataFile>, 
/**
 * The first rows of all.
 */
rows: Array<DataRow>, 
/**
 * What these rows can be used for as they are; none where files disagree or cannot be read.
 */
stage: Stage | null, };

/**
 * A row to learn from, as a person reads it.
 */
export type DataRow = { 
/**
 * What is said before the answer.
 */
prompt: string, 
/**
 * The answer to be learnt, or preferred.
 */
answer: string, 
/**
 * The answer not to be preferred.
 */
rejected: string | null, };

/**
 * Rows left out, for one reason.
 */
export type DroppedRows = { 
/**
 * Why.
 */
reason: string, 
/**
 * How many.
 */
count: number, };

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
 * Looking at held-out rows.
 */
export type Evaluation = { 
/**
 * Every so many steps; 0 only at the end.
 */
every_steps: number, 
/**
 * Stops after so many evaluations in a row without a better one; 0 never.
 */
early_stopping: number, };

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
 * A recipe that takes a blocker out of the way.
 */
export type Fix = { 
/**
 * What the button says.
 */
label: string, 
/**
 * The recipe.
 */
recipe: Recipe, };

/**
 * What columns a row has and what they mean.
 */
export type Format = "alpaca" | "prompt-response" | "messages" | "sharegpt" | "text" | "preference-pairs" | "alpaca-pairs" | "sharegpt-pairs" | "transcript-pairs";

/**
 * Nothing to choose.
 */
export type Full = Record<symbol, never>;

/**
 * Open a run's page.
 */
export type GetRun = { 
/**
 * Which run.
 */
id: string, 
/**
 * How much of the value before stays in a smoothed line: 0 (not smoothed) to below 1.
 */
smoothing: number, };

/**
 * How a preference run is doing.
 */
export type Health = { 
/**
 * In a word.
 */
state: HealthState, 
/**
 * In a sentence, with the figures.
 */
words: string, 
/**
 * Log-probability of chosen answers per token, less that at the start.
 */
chosen_drift: number, 
/**
 * Whether that is of held-out pairs; else of pairs that are trained.
 */
held_out: boolean, };

/**
 * How a preference run is doing, in a word.
 */
export type HealthState = "healthy" | "drifting" | "collapsing";

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
 * Kinds of log lines.
 */
export type LogKind = "info" | "warning" | "saved";

/**
 * A line of a run's log.
 */
export type LogLine = { 
/**
 * After so many steps.
 */
step: number, 
/**
 * What kind.
 */
kind: LogKind, 
/**
 * A sentence.
 */
text: string, };

/**
 * `W + scale B A`, `A` of `rank` rows.
 */
export type Lora = { 
/**
 * Rows of `A`: what an adapter can learn, and what it costs.
 */
rank: number, 
/**
 * The scale is `alpha / rank`.
 */
alpha: number, 
/**
 * Share of the inputs of `A` set to 0 in training.
 */
dropout: number, 
/**
 * Which layers get an adapter.
 */
targets: Targets, 
/**
 * Takes `alpha / sqrt(rank)` as the scale, which keeps large ranks learning (Kalajdzievski 2023).
 */
rslora: boolean, };

/**
 * What the run may use of the machine.
 */
export type Machine = { 
/**
 * Threads; 0 takes what the machine has.
 */
cores: number, 
/**
 * Keeps only each layer's input and computes the rest again: less memory, about a third more time.
 */
activation_checkpointing: boolean, 
/**
 * In which numbers products are computed.
 */
precision: Precision, };

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
 * Parts of the memory, bytes.
 */
export type MemoryParts = { 
/**
 * The model's weights.
 */
weights: number, 
/**
 * What learns, with gradients and the optimizer's averages.
 */
parameters: number, 
/**
 * What is kept of the longest micro-batch on the way forward.
 */
kept: number, 
/**
 * Everything computed in.
 */
buffers: number, 
/**
 * Samples.
 */
data: number, };

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
 * The method.
 */
export type Method = { "kind": "lora" } & Lora | { "kind": "full" } & Full;

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
 * The model that an adapter belongs to; none for a model of its own.
 */
base?: string | null, 
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
 * Make a recipe.
 */
export type NewRecipe = { 
/**
 * The model to begin with: a path, or `starter`.
 */
model: string, 
/**
 * The rows to learn from.
 */
files: Array<string>, 
/**
 * Supervised, or by preferences.
 */
stage: Stage, 
/**
 * How much.
 */
preset: Preset, };

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
 * A recipe from a file; nothing when the person cancelled.
 */
export type OpenedRecipe = { 
/**
 * The file.
 */
path: string | null, 
/**
 * What it says.
 */
recipe: Recipe | null, };

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
 * Steps, rates and batches.
 */
export type Optimisation = { 
/**
 * How often the data is gone through; 1 where `max_steps` is not given either.
 */
epochs?: number | null, 
/**
 * How many steps are made, instead of whole epochs.
 */
max_steps?: number | null, 
/**
 * The largest learning rate.
 */
learning_rate: number, 
/**
 * How the rate goes after the warm-up.
 */
schedule: ScheduleKind, 
/**
 * Over how many steps the rate rises.
 */
warmup_steps?: number | null, 
/**
 * The same as a share of all steps.
 */
warmup_ratio?: number | null, 
/**
 * Rows (for preferences: pairs) computed together: memory grows with it.
 */
micro_batch: number, 
/**
 * Micro-batches a step: a step's batch is `micro_batch` times this.
 */
accumulation: number, 
/**
 * Longest sequence, in tokens.
 */
max_tokens: number, 
/**
 * Decoupled weight decay (Loshchilov and Hutter 2017).
 */
weight_decay: number, 
/**
 * AdamW's two averaging factors.
 */
betas: [number, number], 
/**
 * AdamW's smallest divisor.
 */
epsilon: number, 
/**
 * The gradient's largest norm; 0 lets it be.
 */
clip: number, };

/**
 * Whether several samples share a row of up to `max_tokens`.
 */
export type Packing = "none" | "isolated" | "flat";

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
 * Files that a native dialog gave; none when the person cancelled.
 */
export type PickedFiles = { 
/**
 * Their paths.
 */
paths: Array<string>, };

/**
 * What kind of picture.
 */
export type PictureFormat = "png" | "svg";

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
 * What was foretold, and what came.
 */
export type PlanAndOutcome = { 
/**
 * Foretold, from loading to the end; none where nothing was measured.
 */
planned_seconds: TimeBand | null, 
/**
 * Foretold, beside what the program took before.
 */
planned_memory_bytes: number | null, 
/**
 * Foretold.
 */
planned_disk_bytes: number | null, 
/**
 * Taken, without pauses; none before the end.
 */
seconds: number | null, 
/**
 * Most that was taken; none before the end.
 */
memory_bytes: number | null, 
/**
 * What the run's folder holds now.
 */
disk_bytes: number, };

/**
 * Something that stands in the way of a run.
 */
export type PlanBlocker = { 
/**
 * What.
 */
code: BlockerCode, 
/**
 * In words.
 */
cause: string, 
/**
 * What to do about it.
 */
remedy: string, 
/**
 * The recipe with which it would be gone, where a change of knobs is enough.
 */
fix: Fix | null, };

/**
 * Figures of a plan.
 */
export type PlanFigures = { 
/**
 * Memory at most, beside what the program takes now.
 */
memory_bytes: number, 
/**
 * What it is made of.
 */
memory: MemoryParts, 
/**
 * Memory that can be taken now.
 */
available_bytes: number, 
/**
 * From loading to the last checkpoint; none where it was not measured.
 */
seconds: TimeBand | null, 
/**
 * On the disk at most.
 */
disk_bytes: number, 
/**
 * Free there now.
 */
disk_free_bytes: number, 
/**
 * Steps of the optimizer.
 */
steps: number, 
/**
 * Tokens read over all steps.
 */
tokens: number, 
/**
 * Of these, tokens that are trained.
 */
trained_tokens: number, 
/**
 * Numbers that learn.
 */
parameters: number, 
/**
 * Numbers of the whole model.
 */
model_parameters: number, 
/**
 * Rows (or pairs) trained on.
 */
rows: number, 
/**
 * Rows left out, by reason in words.
 */
dropped: Array<DroppedRows>, 
/**
 * Rows cut to fit.
 */
cut: number, };

/**
 * Plan a run.
 */
export type PlanRun = { 
/**
 * What it would do.
 */
recipe: Recipe, 
/**
 * Measures this machine for about two seconds, to tell the time.
 */
measure: boolean, };

/**
 * In which numbers products are computed.
 */
export type Precision = "auto" | "f32";

/**
 * Knobs of preference optimisation. Those that the chosen loss does not know may not be given.
 */
export type Preference = { 
/**
 * Which loss.
 */
loss: PreferenceLoss, 
/**
 * How strongly the model is held to its reference; 0.1 where it is not given, for SimPO 2.
 */
beta?: number | null, 
/**
 * `sigmoid`, `robust`: the share of pairs believed to be the wrong way round. 0 where it is not given.
 */
label_smoothing?: number | null, 
/**
 * `simpo`: the margin to be reached. 1 where it is not given.
 */
gamma?: number | null, 
/**
 * `orpo`: what the preference weighs beside the likelihood. 0.1 where it is not given.
 */
lambda?: number | null, 
/**
 * `kto`: what a chosen answer weighs. 1 where it is not given.
 */
desirable_weight?: number | null, 
/**
 * `kto`: what a rejected answer weighs. 1 where it is not given.
 */
undesirable_weight?: number | null, 
/**
 * Does without a reference.
 */
reference_free: boolean, 
/**
 * What is cut of a pair that is too long.
 */
truncation: Truncation, 
/**
 * `trl-0.7.1`: tokens a prompt keeps when it is cut. Half of `max_tokens` where it is not given.
 */
max_prompt_tokens?: number | null, };

/**
 * Which loss; [`PairObjectiveKind`] and [`Desirability`] define them.
 */
export type PreferenceLoss = "sigmoid" | "robust" | "hinge" | "ipo" | "ipo-averaged" | "kto-pair" | "kto" | "orpo" | "simpo";

/**
 * What is done before the first step.
 */
export type Preparing = "reading" | "loading" | "reference";

/**
 * How much a run does.
 */
export type Preset = "quick_taste" | "balanced" | "article";

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
 * A recipe.
 */
export type Recipe = { 
/**
 * The model to begin with: a folder or a GGUF file.
 */
model: string, 
/**
 * An adapter to begin with (a folder as PEFT writes it). The reference of a preference run is the model with this adapter.
 */
start_adapter?: string | null, 
/**
 * What is trained for.
 */
stage: Stage, 
/**
 * How conversations become text.
 */
template: RecipeTemplate, 
/**
 * The rows to train on.
 */
data: Data, 
/**
 * Which numbers of the model change.
 */
method: Method, 
/**
 * Knobs of supervised fine-tuning.
 */
sft: Sft, 
/**
 * Knobs of preference optimisation.
 */
preference: Preference, 
/**
 * Steps, rates and batches.
 */
optimisation: Optimisation, 
/**
 * Looking at held-out rows.
 */
evaluation: Evaluation, 
/**
 * What is kept to go on from.
 */
checkpoints: CheckpointRule, 
/**
 * Prompts answered as training goes.
 */
samples: SamplePrompts, 
/**
 * What the run may use of the machine.
 */
machine: Machine, };

/**
 * Read a recipe's file.
 */
export type RecipePath = { 
/**
 * The file; none asks with the native dialog.
 */
path: string | null, };

/**
 * How conversations become text.
 */
export type RecipeTemplate = "model" | "chatml" | "neuralchat" | "alpaca" | "raw";

/**
 * Rows that cannot be used, for one reason.
 */
export type RefusedRows = { 
/**
 * Why, as a sentence.
 */
reason: string, 
/**
 * How many.
 */
count: number, 
/**
 * The first one's number in the file, from 1.
 */
first_row: number, 
/**
 * What to do about it.
 */
remedy: string, };

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
 * A run that went wrong and went back.
 */
export type RolledBack = { 
/**
 * The step that went wrong.
 */
step: number, 
/**
 * The step that was gone back to.
 */
to_step: number, 
/**
 * What went wrong.
 */
cause: string, };

/**
 * Names one run.
 */
export type RunId = { 
/**
 * The name of its folder.
 */
id: string, };

/**
 * What a run would take, and what stands in its way.
 */
export type RunPlan = { 
/**
 * What stands in the way: the run cannot start while there is one.
 */
blockers: Array<PlanBlocker>, 
/**
 * What a person should know, and may go on with.
 */
warnings: Array<string>, 
/**
 * The figures; none where data or model could not be read.
 */
figures: PlanFigures | null, };

/**
 * How far a run is.
 */
export type RunProgress = { 
/**
 * Steps done.
 */
step: number, 
/**
 * Steps in all.
 */
total_steps: number, 
/**
 * Passes through the data, in part.
 */
epoch: number, 
/**
 * Tokens read a second, a mean over the last steps.
 */
tokens_per_second: number, 
/**
 * Until the last step; none before that can be told.
 */
seconds_left: number | null, };

/**
 * How a run stands.
 */
export type RunStanding = { "state": "queued", 
/**
 * 1 for the next.
 */
position: number, 
/**
 * The queue was left by an earlier start of the program and waits to be told to go on.
 */
on_hold: boolean, } | { "state": "preparing", 
/**
 * What is being done.
 */
doing: Preparing, 
/**
 * How much is done, of `total`; both 0 where it cannot be told.
 */
done: number, 
/**
 * Of how much.
 */
total: number, } | { "state": "warming_up" } | { "state": "running" } | { "state": "evaluating" } | { "state": "pausing" } | { "state": "paused" } | { "state": "saving" } | { "state": "comparing", 
/**
 * Answers written.
 */
done: number, 
/**
 * Of so many.
 */
total: number, } | { "state": "finished", 
/**
 * Why before the last step, if so.
 */
early: string | null, 
/**
 * The step whose parameters were kept.
 */
kept_step: number, } | { "state": "stopped", 
/**
 * After so many steps.
 */
step: number, } | { "state": "interrupted", 
/**
 * The step of the newest checkpoint, 0 before the first.
 */
step: number, } | { "state": "failed", 
/**
 * Cause and remedy.
 */
error: ApiError, 
/**
 * Whether it can be tried again from its newest checkpoint.
 */
can_resume: boolean, };

/**
 * A run in a list.
 */
export type RunSummary = { 
/**
 * The name of its folder.
 */
id: string, 
/**
 * What people call it.
 */
name: string, 
/**
 * The model it begins with: a path, or `starter`.
 */
model: string, 
/**
 * Its name.
 */
model_name: string, 
/**
 * Supervised, or by preferences.
 */
stage: Stage, 
/**
 * What learns and how, in a few words: "LoRA, rank 16".
 */
method: string, 
/**
 * When it was made, RFC 3339.
 */
created: string, 
/**
 * How it stands.
 */
standing: RunStanding, 
/**
 * How far it is; none before the first step.
 */
progress: RunProgress | null, 
/**
 * The loss so far in at most 60 values, for a small line.
 */
line: Array<number>, 
/**
 * The last step's loss.
 */
loss: number | null, 
/**
 * The last loss on held-out rows.
 */
held_out_loss: number | null, 
/**
 * Its result is the chat's default model.
 */
adopted: boolean, 
/**
 * When it was discarded, RFC 3339; it can be brought back for 30 days.
 */
discarded: string | null, 
/**
 * What was learnt: a folder that opens as a model. None before it is finished.
 */
result: string | null, };

/**
 * Everything a run's page shows.
 */
export type RunView = { 
/**
 * As in the list.
 */
summary: RunSummary, 
/**
 * What it does.
 */
recipe: Recipe, 
/**
 * Where it lies.
 */
folder: string, 
/**
 * What was foretold, and what came.
 */
plan: PlanAndOutcome, 
/**
 * Curves, down-sampled.
 */
charts: Array<Chart>, 
/**
 * Answers to the recipe's prompts as training went, the first step first.
 */
samples: Array<SampleAnswer>, 
/**
 * The first batch's rows as tokens.
 */
first_batch: Array<BatchRow>, 
/**
 * What a person should know, the oldest first.
 */
log: Array<LogLine>, 
/**
 * How a preference run is doing.
 */
health: Health | null, 
/**
 * It went wrong once and went back.
 */
rolled_back: RolledBack | null, 
/**
 * The step it went on from after a stop or a crash, the last time.
 */
resumed_from: number | null, 
/**
 * Unseen questions answered by the model before and after; none before it is finished.
 */
before_after: BeforeAfter | null, 
/**
 * The number of the last event inside this view.
 */
as_of: number, };

/**
 * Runs beside each other.
 */
export type RunsComparison = { 
/**
 * The runs, in the order asked for.
 */
runs: Array<RunSummary>, 
/**
 * Charts with a line for each run.
 */
charts: Array<Chart>, 
/**
 * Every knob and figure, with a value for each run.
 */
rows: Array<ComparisonRow>, };

/**
 * All runs.
 */
export type RunsView = { 
/**
 * The newest first; those discarded are among them for 30 days.
 */
runs: Array<RunSummary>, 
/**
 * The run whose result is the chat's default model, if any.
 */
adopted: Adopted | null, };

/**
 * An answer to one of the recipe's prompts.
 */
export type SampleAnswer = { 
/**
 * After so many steps.
 */
step: number, 
/**
 * The prompt.
 */
prompt: string, 
/**
 * What the model said.
 */
answer: string, };

/**
 * Data that comes with the program.
 */
export type SampleData = { 
/**
 * Its name.
 */
name: string, 
/**
 * What a model learns from it, a sentence.
 */
about: string, 
/**
 * What it is for.
 */
stage: Stage, 
/**
 * Where it lies.
 */
path: string, };

/**
 * Prompts answered as training goes.
 */
export type SamplePrompts = { 
/**
 * The prompts.
 */
prompts: Array<string>, 
/**
 * Every so many steps.
 */
every_steps: number, 
/**
 * Longest answer, in tokens.
 */
max_tokens: number, };

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
 * Write a chart to a file that a native dialog asks for.
 */
export type SaveChart = { 
/**
 * One run, or those compared.
 */
ids: Array<string>, 
/**
 * Which chart.
 */
chart: ChartKind, 
/**
 * As in [`GetRun`](super::GetRun).
 */
smoothing: number, 
/**
 * With a logarithmic axis of values.
 */
logarithmic: boolean, 
/**
 * What kind of picture.
 */
format: PictureFormat, };

/**
 * How the rate goes after the warm-up.
 */
export type ScheduleKind = "linear" | "cosine" | "constant";

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
 * Knobs of supervised fine-tuning.
 */
export type Sft = { 
/**
 * Whether only answers are trained; without, every token is.
 */
answers_only: boolean, 
/**
 * Whether several samples share a row.
 */
packing: Packing, };

/**
 * What is trained for.
 */
export type Stage = "sft" | "preference";

/**
 * Begin a run, or put it in the queue behind the one that is going.
 */
export type StartRun = { 
/**
 * What people call it.
 */
name: string, 
/**
 * What to do.
 */
recipe: Recipe, };

/**
 * Which linear layers.
 */
export type Targets = All | Array<string>;

/**
 * Which template turns messages into a prompt.
 */
export type TemplateChoice = "model" | "chatml" | "neural_chat" | "alpaca";

/**
 * Light, dark, or as the system says.
 */
export type Theme = "system" | "light" | "dark";

/**
 * A time, and the band in which it is likely to lie, seconds.
 */
export type TimeBand = { 
/**
 * With the machine at its best.
 */
low: number, 
/**
 * The likeliest.
 */
expected: number, 
/**
 * With the machine as busy as in the probe's worst passes.
 */
high: number, };

/**
 * What is cut of a pair that is too long.
 */
export type Truncation = "trl-0.7.1" | "keep-start";

/** The 50 commands: name, request, response. */
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
  /** Asks for files to learn from by native dialog; a cancelled dialog picks none. */
  data_pick: { request: Nothing; response: PickedFiles };
  /** Reads files to learn from: their format, how many rows can be used and why others cannot, the first rows. */
  data_look: { request: DataFiles; response: DataLook };
  /** The data that comes with the program. */
  data_samples: { request: Nothing; response: Array<SampleData> };
  /** Makes a recipe from a preset, fitted to a model and data. */
  recipe_new: { request: NewRecipe; response: Recipe };
  /** Reads a recipe's file, or asks for one by native dialog. */
  recipe_open: { request: RecipePath; response: OpenedRecipe };
  /** Asks where to write a recipe and writes it; a cancelled dialog writes nothing. */
  recipe_save: { request: Recipe; response: Picked };
  /** What a run would take on this machine, and what stands in its way. */
  run_plan: { request: PlanRun; response: RunPlan };
  /** All runs, and which one's result is the chat's default model. */
  runs_list: { request: Nothing; response: RunsView };
  /** Everything a run's page shows. */
  run_get: { request: GetRun; response: RunView };
  /** Two to six runs beside each other. */
  runs_compare: { request: CompareRuns; response: RunsComparison };
  /** Begins a run, or puts it in the queue; `run` events tell how it goes. */
  run_start: { request: StartRun; response: RunSummary };
  /** Pauses a run before its next micro-batch, with everything in memory. */
  run_pause: { request: RunId; response: RunSummary };
  /** Goes on after a pause, or with a queue that an earlier start of the program left. */
  run_go_on: { request: RunId; response: RunSummary };
  /** Saves what whole steps have learnt, and ends; a queued run leaves the queue. */
  run_stop: { request: RunId; response: RunSummary };
  /** Goes on with a run that was stopped, interrupted or failed; it queues behind the one that is going. */
  run_resume: { request: RunId; response: RunSummary };
  /** Puts a run away; `run_restore` brings it back within 30 days. */
  run_discard: { request: RunId; response: RunSummary };
  /** Brings a discarded run back. */
  run_restore: { request: RunId; response: RunSummary };
  /** Makes what a run learnt the chat's default model. */
  run_adopt: { request: RunId; response: RunsView };
  /** Makes the model before an adoption the chat's default again. */
  run_roll_back: { request: Nothing; response: RunsView };
  /** Asks the model before and after a run the same question. */
  run_ask: { request: AskRun; response: BeforeAfterRow };
  /** Draws a chart, asks where to write it and writes it; a cancelled dialog writes nothing. */
  run_chart_save: { request: SaveChart; response: Picked };
  /** Ends the program; a run that is going is saved first and can go on later. */
  app_quit: { request: Nothing; response: Nothing };
}
