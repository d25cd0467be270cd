/** The address that a person asked to see. Nothing is ever opened from an answer. */
class Links {
  url = $state<string | null>(null);

  show(url: string): void {
    this.url = url;
  }
}

export const links = new Links();
