// Search for a payment by id, among the payments that the server has indexed.

import { address } from './address.js';
import { clock, integer } from './format.js';

const HASH = '#payment=';

/** Searches for the id in the search field or in the page's URL (#payment=<id>). */
export class Search {
  #requests = 0;

  constructor({ form, input, answer, detail, store }) {
    Object.assign(this, { input, answer, detail, store });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const id = input.value.trim();
      if (id) this.lookUp(id);
    });
    input.addEventListener('input', () => this.#showAnswer(''));
    document.addEventListener('keydown', (event) => this.#shortcut(event));
    addEventListener('popstate', () => this.follow());
  }

  /** Opens the payment in the page's URL. */
  follow() {
    if (!location.hash.startsWith(HASH)) {
      this.detail.close();
      return;
    }
    try {
      this.lookUp(decodeURIComponent(location.hash.slice(HASH.length)));
    } catch {
      this.#showAnswer('The URL contains no valid payment id.'); // a broken % escape
    }
  }

  /** Requests an id from the server, and opens its records, or shows how many payments were searched. */
  async lookUp(id) {
    this.#requests += 1;
    const request = this.#requests;
    this.#showAnswer('Searching …');
    const { found, text } = await requestRecords(id);
    if (request !== this.#requests) return; // a newer search has started
    const listed = this.store.flagged?.filter((payment) => payment.payment_id === id) ?? [];
    if (found) this.detail.records(id, found.payments, found.dead_letters);
    else if (listed.length) this.detail.records(id, listed, []);
    else this.input.value = id;
    this.#showAnswer(found || listed.length ? '' : text);
  }

  #showAnswer(text) {
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

async function requestRecords(id) {
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
