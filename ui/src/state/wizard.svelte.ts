import {
  asApiError,
  call,
  type ApiError,
  type DataLook,
  type ModelInspection,
  type PickKind,
  type Preset,
  type Recipe,
  type RunSummary,
  type SampleData,
  type Stage,
} from '../backend';
import {
  apply,
  differences,
  read,
  sendable,
  withBatch,
  withChange,
  withoutChange,
  type Changes,
  type KnobValue,
  type RecipePath,
} from '../logic/recipe';
import {
  ahead,
  bases,
  dropped,
  mismatch,
  obstacles,
  proposedName,
  refusedBase,
  whyNot,
  type Obstacle,
  type Step,
} from '../logic/wizard';
import { app } from './app.svelte';
import { models } from './models.svelte';
import { toasts } from './toasts.svelte';
import { Plans, settled } from './wizard_plans.svelte';

/** What the person chose for the next run, and what the core says of it. It outlives the page, not the window. */
export class Wizard {
  step = $state<Step>('model');
  model = $state<string | null>(null);
  /** Models opened here that are not on the list of models. */
  picked = $state.raw<ModelInspection[]>([]);
  modelError = $state.raw<ApiError | null>(null);
  modelRefused = $state<string | null>(null);

  samples = $state.raw<SampleData[]>([]);
  files = $state.raw<string[]>([]);
  look = $state.raw<DataLook | null>(null);
  looking = $state(false);
  dataError = $state.raw<ApiError | null>(null);

  stage = $state<Stage>('sft');
  /** None where a recipe's file was loaded. */
  preset = $state<Preset | null>('quick_taste');
  /** The recipe's file, where one was loaded. */
  opened = $state<string | null>(null);
  /** What the preset or the file says. */
  base = $state.raw<Recipe | null>(null);
  changes = $state.raw<Changes>({});
  recipeError = $state.raw<ApiError | null>(null);
  /** Why a recipe's file could not be loaded. */
  openError = $state.raw<ApiError | null>(null);

  readonly plans = new Plans();
  /** A recipe is being made. */
  making = $state(false);

  /** None is the proposed one. */
  ownName = $state<string | null>(null);
  /** The run that this one would wait for. */
  ahead = $state.raw<RunSummary | null>(null);
  starting = $state(false);
  startError = $state.raw<ApiError | null>(null);

  /** The person chose the stage; else it is what the data is for. */
  #stageChosen = false;
  #lookAsked = 0;
  #recipeAsked = 0;

  readonly bases = $derived(bases(models.list, this.picked));
  readonly chosen = $derived(this.bases.find(({ path }) => path === this.model) ?? null);
  readonly recipe = $derived(this.base && { ...apply(this.base, this.changes), stage: this.stage });
  readonly kind = $derived<'lora' | 'full'>(
    this.recipe?.method.kind ?? (this.changes['method.kind'] === 'full' ? 'full' : 'lora'),
  );
  readonly modelName = $derived(this.chosen?.name ?? this.model ?? '');
  readonly name = $derived(this.ownName ?? proposedName(this.modelName, this.files));
  readonly mismatch = $derived(this.look && mismatch(this.stage, this.look));
  readonly obstacles = $derived(
    obstacles({ model: this.model, files: this.files, stage: this.stage, look: this.look, plan: this.plans.plan }),
  );
  readonly whyNot = $derived(
    whyNot({
      obstacles: this.obstacles,
      looking: this.looking,
      planning: this.making || this.plans.planning,
      measuring: this.plans.measuring,
      failed: (this.plans.error ?? this.recipeError ?? this.dataError) !== null,
      planned: this.plans.plan !== null,
      name: this.name,
    }),
  );

  go(step: Step): void {
    this.step = step;
    if (step !== 'review') return;
    void this.#whoIsAhead();
    if (!this.plans.measured) this.#replan(0);
  }

  /** Forgets every choice. */
  clear(): void {
    this.#lookAsked += 1;
    this.#recipeAsked += 1;
    this.plans.drop();
    this.#stageChosen = this.looking = this.making = false;
    this.step = 'model';
    this.stage = 'sft';
    this.preset = 'quick_taste';
    this.picked = this.files = [];
    this.changes = {};
    this.model = this.look = this.base = this.opened = this.ownName = null;
    this.modelError = this.modelRefused = this.dataError = this.recipeError = this.openError = this.startError = null;
  }

  async loadSamples(): Promise<void> {
    try {
      this.samples = await call('data_samples', {});
    } catch (reason) {
      this.dataError = asApiError(reason);
    }
  }

  /** The starter and the first sample set to learn answers from: the shortest way to a run. */
  async takeSamples(): Promise<void> {
    await this.loadSamples();
    const sample = this.samples.find(({ stage }) => stage === 'sft') ?? this.samples[0];
    if (!sample) return;
    if (this.model === null) this.chooseModel('starter');
    this.chooseSample(sample);
    this.go('data');
  }

  chooseModel(path: string): void {
    this.model = path;
    this.modelRefused = null;
    void this.#remake();
  }

  /** Asks with the native dialog. The model is only looked at: the one that chats stays loaded. */
  async pickModel(kind: PickKind): Promise<void> {
    this.modelError = this.modelRefused = null;
    try {
      const { path } = await call('model_pick', { kind });
      if (path === null) return;
      const found = await call('model_inspect', { path });
      this.modelRefused = refusedBase(found);
      if (this.modelRefused !== null) return;
      this.picked = [...this.picked, found];
      this.chooseModel(path);
    } catch (reason) {
      this.modelError = asApiError(reason);
    }
  }

  chooseSample(sample: SampleData): void {
    this.#stageChosen = false;
    void this.#setFiles([sample.path]);
  }

  async pickData(): Promise<void> {
    this.dataError = null;
    try {
      const { paths } = await call('data_pick', {});
      if (paths.length > 0) await this.addFiles(paths);
    } catch (reason) {
      this.dataError = asApiError(reason);
    }
  }

  /** More files of the person's own; they take the place of a sample set. */
  async addFiles(paths: string[]): Promise<void> {
    const own = this.files.filter((path) => !this.samples.some((sample) => sample.path === path));
    await this.#setFiles([...own, ...paths.filter((path, at) => !own.includes(path) && paths.indexOf(path) === at)]);
  }

  async removeFile(path: string): Promise<void> {
    await this.#setFiles(this.files.filter((file) => file !== path));
  }

  lookAgain(): void {
    void this.#setFiles(this.files);
  }

  chooseStage(stage: Stage): void {
    this.#stageChosen = true;
    this.#setStage(stage);
  }

  choosePreset(preset: Preset): void {
    const before = { preset: this.preset, opened: this.opened, base: this.base, changes: this.changes };
    const loss = this.changes['preference.loss'];
    this.changes = loss === undefined ? {} : withChange({}, 'preference.loss', loss);
    this.preset = preset;
    this.opened = null;
    void this.#remake();
    const lost = Object.keys(before.changes).length - Object.keys(this.changes).length;
    if (lost <= 0 && before.preset !== null) return;
    toasts.say('The preset’s values took the place of yours.', {
      label: 'Undo',
      run: () => {
        Object.assign(this, before);
        void this.#remake();
      },
    });
  }

  change(path: RecipePath, value: KnobValue): void {
    this.#change(withChange(this.changes, path, value));
  }

  changeBatch(rows: number): void {
    if (this.recipe) this.#change(withBatch(this.recipe, this.changes, rows));
  }

  putBack(path: RecipePath): void {
    this.#change(withoutChange(this.changes, path));
  }

  putAllBack(): void {
    const before = this.changes;
    this.#change({});
    toasts.say('All knobs were put back.', { label: 'Undo', run: () => this.#change(before) });
  }

  /** Whether a knob differs from what the preset or the file says. */
  isChanged(path: RecipePath): boolean {
    if (!this.base || !this.recipe || !(path in this.changes)) return false;
    return JSON.stringify(read(this.base, path)) !== JSON.stringify(read(this.recipe, path));
  }

  /** Takes an obstacle out of the way, or shows where that can be done. */
  remove({ button }: Obstacle): void {
    if ('go' in button) {
      if (button.advanced && !app.settings.advanced) void app.set({ advanced: true });
      this.go(button.go);
    } else if ('stage' in button) this.chooseStage(button.stage);
    else if (this.base) {
      this.stage = button.recipe.stage;
      this.#change(differences(this.base, button.recipe));
    }
  }

  /** Reads a recipe's file; none asks with the native dialog. */
  async open(path: string | null): Promise<void> {
    this.openError = null;
    try {
      const opened = await call('recipe_open', { path });
      if (opened.recipe === null) return;
      this.#recipeAsked += 1;
      this.base = opened.recipe;
      this.opened = opened.path;
      this.changes = {};
      this.preset = null;
      this.#stageChosen = true;
      this.stage = opened.recipe.stage;
      await this.#know(opened.recipe.model);
      await this.#setFiles(opened.recipe.data.files);
    } catch (reason) {
      this.openError = asApiError(reason);
    }
  }

  async save(): Promise<void> {
    if (!this.recipe) return;
    try {
      const { path } = await call('recipe_save', sendable(this.recipe));
      if (path !== null) toasts.say(`Written to ${path}.`);
    } catch (reason) {
      const error = asApiError(reason);
      const again = () => void this.save();
      toasts.say(`${error.message} ${error.remedy}`, { label: 'Choose another place', run: again, lasting: true });
    }
  }

  /** Tries again what failed last. */
  retry(): void {
    if (this.base === null) void this.#remake();
    else this.#replan(0);
  }

  /** Begins the run, or queues it; the answer is its id. */
  async start(): Promise<string | null> {
    if (this.whyNot !== null || !this.recipe || this.starting) return null;
    this.starting = true;
    this.startError = null;
    try {
      const run = await call('run_start', { name: this.name.trim(), recipe: sendable(this.recipe) });
      this.ownName = null;
      if (run.standing.state === 'queued') toasts.say(`“${run.name}” waits in the queue.`);
      return run.id;
    } catch (reason) {
      this.startError = asApiError(reason);
      return null;
    } finally {
      this.starting = false;
    }
  }

  #setStage(stage: Stage): void {
    if (stage === this.stage) return;
    this.stage = stage;
    void this.#remake();
  }

  #change(changes: Changes): void {
    this.changes = changes;
    this.#replan();
  }

  /** Makes a model known that a recipe's file names. */
  async #know(path: string): Promise<void> {
    this.model = path;
    this.modelError = null;
    if (this.bases.some((base) => base.path === path)) return;
    try {
      this.picked = [...this.picked, await call('model_inspect', { path })];
    } catch (reason) {
      this.modelError = asApiError(reason);
    }
  }

  async #setFiles(files: string[]): Promise<void> {
    const asked = ++this.#lookAsked;
    this.files = files;
    this.look = null;
    this.dataError = null;
    this.looking = files.length > 0;
    this.plans.drop();
    if (files.length === 0) return;
    try {
      const look = await call('data_look', { files });
      if (asked !== this.#lookAsked) return;
      this.look = look;
      if (look.stage !== null && !this.#stageChosen) this.stage = look.stage;
      await this.#remake();
    } catch (reason) {
      if (asked === this.#lookAsked) this.dataError = asApiError(reason);
    } finally {
      if (asked === this.#lookAsked) this.looking = false;
    }
  }

  /** The recipe for another model, data, stage or preset; the person's own changes stay. */
  async #remake(): Promise<void> {
    const asked = ++this.#recipeAsked;
    this.making = false;
    this.plans.drop();
    const { model, files, stage, preset } = this;
    if (model === null || files.length === 0 || !this.look || this.mismatch) return;
    this.recipeError = null;
    if (preset === null) {
      if (this.base) this.base = { ...this.base, model, data: { ...this.base.data, files } };
      this.#replan();
      return;
    }
    this.making = true;
    try {
      const made = await call('recipe_new', { model, files, stage, preset });
      if (asked !== this.#recipeAsked) return;
      this.base = made;
      this.#replan();
    } catch (reason) {
      if (asked === this.#recipeAsked) this.recipeError = asApiError(reason);
    } finally {
      if (asked === this.#recipeAsked) this.making = false;
    }
  }

  #replan(after = settled): void {
    if (this.recipe === null || this.model === null || this.look === null || this.mismatch) this.plans.drop();
    else this.plans.ask(sendable(this.recipe), this.step === 'review', after);
  }

  async #whoIsAhead(): Promise<void> {
    try {
      this.ahead = ahead((await call('runs_list', {})).runs);
    } catch {
      // Only a note hangs on it; the core queues the run all the same.
      this.ahead = null;
    }
  }
}

export const wizard = new Wizard();

/** Takes dropped files that are data or a recipe; false leaves them to others. */
export function takeDrop(paths: string[]): boolean {
  const kind = dropped(paths);
  const [first] = paths;
  if (kind === null || first === undefined) return false;
  location.hash = '#/fine-tune/new';
  if (kind === 'recipe') {
    wizard.go('review');
    void wizard.open(first);
  } else {
    wizard.go('data');
    void wizard.addFiles(paths);
  }
  return true;
}
