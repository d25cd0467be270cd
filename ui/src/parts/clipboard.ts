/** Copies text; true when the clipboard has it. Some web views refuse the modern way outside a secure context. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const before = document.activeElement as HTMLElement | null;
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'unseen';
    // Inside an open dialog everything outside it is inert.
    (before?.closest('dialog') ?? document.body).append(area);
    area.select();
    const done = document.execCommand?.('copy') ?? false;
    area.remove();
    before?.focus();
    return done;
  }
}
