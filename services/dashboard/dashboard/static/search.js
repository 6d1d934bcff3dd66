// Finding one payment by its id, among those that the server remembers.

import { address } from './address.js';
import { clock, integer } from './format.js';

const HASH = '#payment=';

/** Binds the search field and the page's address (#payment=<id>) to the look-up. */
export class Search {
  #asked = 0;

  constructor({ form, input, answer, detail, store }) {
    Object.assign(this, { input, answer, detail, store });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const id = input.value.trim();
      if (id) this.lookUp(id);
    });
    input.addEventListener('input', () => this.#say(''));
    document.addEventListener('keydown', (event) => this.#shortcut(event));
    addEventListener('popstate', () => this.follow());
  }

  /** Opens what the page's address asks for. */
  follow() {
    if (!location.hash.startsWith(HASH)) {
      this.detail.close();
      return;
    }
    try {
      this.lookUp(decodeURIComponent(location.hash.slice(HASH.length)));
    } catch {
      this.#say('The address names no payment.'); // a broken % escape
    }
  }

  /** Asks the server for an id, and opens its records or says how far it searched. */
  async lookUp(id) {
    this.#asked += 1;
    const asked = this.#asked;
    this.#say('Searching …');
    const { found, text } = await ask(id);
    if (asked !== this.#asked) return; // the reader asked again meanwhile
    const held = this.store.flagged?.filter((payment) => payment.payment_id === id) ?? [];
    if (found) this.detail.records(id, found.payments, found.dead_letters);
    else if (held.length) this.detail.records(id, held, []);
    else this.input.value = id;
    this.#say(found || held.length ? '' : text);
  }

  #say(text) {
    this.answer.textContent = text;
    this.answer.hidden = !text;
  }

  #shortcut(event) {
    const typing = event.target.closest?.('input, textarea, dialog');
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || typing) return;
    event.preventDefault();
    this.input.focus();
    this.input.select();
  }
}

async function ask(id) {
  try {
    const response = await fetch(address(`api/payments/${encodeURIComponent(id)}`));
    const result = await response.json();
    if (!response.ok) return { text: result.error };
    if (result.payments.length + result.dead_letters.length) return { found: result };
    const since = result.since === null ? '' : `, since ${clock(result.since)}`;
    return { text: `${result.payment_id} is not among the last ${integer(result.searched)} payments${since}.` };
  } catch {
    return { text: 'The dashboard’s server does not answer.' };
  }
}
