// Processes as Linux lists them: who started whom, and how one of ours is ended.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

interface Process {
  pid: number;
  parent: number;
}

function all(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // "pid (name) state parent …": the name may hold spaces and brackets.
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
        return [{ pid: Number(name), parent: Number(parent) }];
      } catch {
        // It ended while we looked.
        return [];
      }
    });
}

/** All processes below one, the nearest first. */
export function descendants(ancestor: number): number[] {
  const processes = all();
  const found = [ancestor];
  for (let at = 0; at < found.length; at += 1) {
    found.push(...processes.filter(({ parent }) => parent === found[at]).map(({ pid }) => pid));
  }
  return found.slice(1);
}

/** The file a process runs; nothing once it has ended. */
export function executable(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return null;
  }
}

export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // A zombie only waits for its parent to look.
    return stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z';
  } catch {
    return false;
  }
}

/** Ends a process if it is still there. */
export function end(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It had ended already.
  }
}
