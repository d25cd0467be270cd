/** Which message is being rewritten. Kept outside the rows, which come and go as a long chat is scrolled. */
class Editing {
  id = $state<number | null>(null);
}

export const editing = new Editing();
