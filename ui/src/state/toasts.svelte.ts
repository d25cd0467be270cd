export interface Toast {
  id: number;
  text: string;
  /** Undoes what the toast tells of. */
  undo?: () => void;
}

const shownFor = 8000;

/** Short notes at the foot of the window. One with an undo stays while the pointer or the focus is on it. */
class Toasts {
  list = $state<Toast[]>([]);
  #next = 1;
  #timers = new Map<number, ReturnType<typeof setTimeout>>();

  say(text: string, undo?: () => void): void {
    const id = this.#next++;
    this.list = [...this.list.slice(-2), { id, text, undo }];
    this.release(id);
  }

  hold(id: number): void {
    clearTimeout(this.#timers.get(id));
  }

  release(id: number): void {
    this.hold(id);
    this.#timers.set(
      id,
      setTimeout(() => this.dismiss(id), shownFor),
    );
  }

  dismiss(id: number): void {
    this.hold(id);
    this.#timers.delete(id);
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();
