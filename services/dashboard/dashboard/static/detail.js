// Dialog with the details of a payment or a dead letter.

import { deadLetterDetail } from './deaddetail.js';
import { el } from './dom.js';
import { count } from './format.js';
import { paymentDetail } from './paymentdetail.js';
import { plain } from './untrusted.js';

const COPIED_MS = 2_000;

/** Opens and closes the dialog, and keeps the page's URL in sync: #payment=<id> reopens it. */
export class Detail {
  constructor(dialog) {
    this.dialog = dialog;
    this.title = dialog.querySelector('#detail-title');
    this.body = dialog.querySelector('#detail-body');
    this.link = dialog.querySelector('#detail-link');
    dialog.querySelector('#detail-close').addEventListener('click', () => dialog.close());
    dialog.addEventListener('close', () => this.#closed());
    // A click on the backdrop targets the dialog itself; its content is in child elements.
    dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
    this.link.addEventListener('click', () => this.#copy());
  }

  get open() {
    return this.dialog.open;
  }

  /** Shows one payment; `context` has the schema, the decision rules and the user's command line. */
  payment(payment, context) {
    this.records(payment.id, [payment], [], context);
  }

  /** Shows one dead letter. */
  deadLetter(letter, context) {
    this.#show('Dead letter', [deadLetterDetail(letter, context)], null);
  }

  /** Shows all records with one payment id. */
  records(id, payments, letters, context) {
    const all = [...payments.map((payment) => paymentDetail(payment, context)), ...letters.map((letter) => deadLetterDetail(letter, context))];
    const several = all.length > 1 ? [el('p', { class: 'several' }, `${count(all.length, 'record')} with this id`)] : [];
    this.#show(`Payment ${plain(id)}`, [...several, ...all], id);
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }

  #show(title, content, id) {
    this.title.textContent = title;
    this.title.title = title;
    this.body.replaceChildren(...content);
    this.link.hidden = id === null;
    this.link.textContent = 'Copy link';
    const hash = id === null ? '' : `#payment=${encodeURIComponent(id)}`;
    if (hash && location.hash !== hash) history.pushState(null, '', hash);
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.scrollTop = 0;
    this.title.focus();
  }

  #closed() {
    this.body.replaceChildren();
    if (location.hash.startsWith('#payment=')) history.replaceState(null, '', location.pathname + location.search);
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(location.href);
      this.link.textContent = 'Copied';
    } catch {
      this.link.textContent = 'Copy it from the address bar'; // the clipboard requires https or localhost
    }
    setTimeout(() => { this.link.textContent = 'Copy link'; }, COPIED_MS);
  }
}
