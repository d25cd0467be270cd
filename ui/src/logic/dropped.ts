/** What a drop means: a model to open, or why it is none. */
export type Dropped = { path: string } | { path: null; why: string };

const ending = /\.([a-z0-9]{1,12})$/i;

/** Folders cannot be told from files without an ending here; the core says more when it opens them. */
export function droppedModel(paths: string[]): Dropped {
  const [path] = paths;
  if (path === undefined) return { path: null, why: 'Nothing that lies on this disk was dropped.' };
  if (paths.length > 1) return { path: null, why: 'Drop one model at a time: a folder or a .gguf file.' };
  const name = path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;
  const kind = ending.exec(name)?.[1]?.toLowerCase();
  // A version such as "Llama-3.2" or "model.v2-1B" is part of a folder's name, not an ending.
  const files = [
    'safetensors',
    'bin',
    'pt',
    'pth',
    'onnx',
    'json',
    'jsonl',
    'csv',
    'tsv',
    'parquet',
    'txt',
    'md',
    'pdf',
    'zip',
    'gz',
    'png',
    'jpg',
    'jpeg',
  ];
  if (kind === 'safetensors' || kind === 'json')
    return { path: null, why: `“${name}” is one part of a model. Drop the folder it lies in.` };
  if (kind !== undefined && files.includes(kind))
    return { path: null, why: `“${name}” is not a model. Drop a .gguf file or a Hugging Face folder.` };
  return { path };
}
