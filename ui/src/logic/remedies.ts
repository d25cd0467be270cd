import type { ErrorCode } from '../backend';

/** What a remedy button does. */
export type RemedyAction = 'locate' | 'models' | 'open-folder' | 'starter' | 'template' | 'new-chat' | 'retry';

export interface Remedy {
  label: string;
  action: RemedyAction;
}

const remedies: Partial<Record<ErrorCode, Remedy>> = {
  model_not_found: { label: 'Locate…', action: 'locate' },
  model_damaged: { label: 'Choose another model', action: 'models' },
  model_unsupported: { label: 'Choose another model', action: 'models' },
  model_too_large: { label: 'Choose a smaller model', action: 'models' },
  tokenizer_missing: { label: 'Open another folder…', action: 'open-folder' },
  permission_denied: { label: 'Choose another model', action: 'models' },
  no_model_loaded: { label: 'Open the starter model', action: 'starter' },
  no_chat_template: { label: 'Choose a template', action: 'template' },
  template_failed: { label: 'Choose another template', action: 'template' },
  context_full: { label: 'Start a new chat', action: 'new-chat' },
  generation_failed: { label: 'Retry', action: 'retry' },
  busy: { label: 'Retry', action: 'retry' },
  storage: { label: 'Retry', action: 'retry' },
};

/** The button that belongs to an error, if this page has one for it. */
export function remedyFor(code: ErrorCode, can: { retry: boolean }): Remedy | null {
  const remedy = remedies[code] ?? (can.retry ? { label: 'Retry', action: 'retry' as const } : null);
  return remedy?.action === 'retry' && !can.retry ? null : remedy;
}
