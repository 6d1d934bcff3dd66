// Search for a payment by id, among the payments that the server has indexed.

import { address } from './address.js';
import { setAttribute } from './dom.js';
import { fieldOf } from './fields.js';
import { clock, count, shortened } from './format.js';
import { plain } from './untrusted.js';

const HASH = '#payment=';
const INTEGER_CHARACTERS = 40;
// The server refuses a request line of more than 4 KiB.
const MOST_ENCODED = 3_500;
const SHOWN = 60;

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

  /** Sets the field up for the ids of the schema. */
  render(schema) {
    const field = fieldOf(schema, 'id');
    const isInteger = field.type === 'integer';
    setAttribute(this.input, 'maxlength', isInteger ? INTEGER_CHARACTERS : field.max_length);
    setAttribute(this.input, 'inputmode', isInteger ? 'numeric' : 'text');
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
    const listed = this.store.flagged?.filter((payment) => payment.id === id) ?? [];
    if (found) this.detail.records(id, found.payments, found.dead_letters, found);
    else if (listed.length) this.detail.records(id, listed, [], this.store);
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
  const query = new URLSearchParams({ id });
  if (String(query).length > MOST_ENCODED) return { text: 'This id is too long for the search.' };
  try {
    const response = await fetch(address(`api/payments?${query}`));
    const result = await response.json();
    if (result.error) return { text: result.error };
    if (result.payments.length + result.dead_letters.length) return { found: result };
    const since = result.since === null ? '' : `, since ${clock(result.since)}`;
    return { text: `${shortened(plain(result.id), SHOWN)} is not among the last ${count(result.searched, 'payment')}${since}.` };
  } catch {
    return { text: 'The dashboard’s server does not answer.' };
  }
}
