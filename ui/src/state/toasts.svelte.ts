export interface Toast {
  id: number;
  text: string;
  /** What can be done about it: undo it, or try another way. */
  action?: ToastAction;
}

export interface ToastAction {
  label: string;
  run: () => void;
  /** It tells of a failure and stays until it is answered or dismissed. */
  lasting?: boolean;
}

const shownFor = 8000;

/** Short notes at the foot of the window. It stays while the pointer or the focus is on it. */
class Toasts {
  list = $state<Toast[]>([]);
  #next = 1;
  #timers = new Map<number, ReturnType<typeof setTimeout>>();

  say(text: string, action?: ToastAction): void {
    const id = this.#next++;
    this.list = [...this.list.slice(-2), { id, text, action }];
    this.release(id);
  }

  hold(id: number): void {
    clearTimeout(this.#timers.get(id));
  }

  release(id: number): void {
    this.hold(id);
    if (this.list.find((toast) => toast.id === id)?.action?.lasting) return;
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
