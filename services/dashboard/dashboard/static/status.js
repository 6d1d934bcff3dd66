// How things stand, in words: the banner, the notes beneath it, the pill in the header, and the tab's title.

import { el, setAttribute, setText } from './dom.js';
import { clock, integer, pace, percent } from './format.js';

const PATIENCE_MS = 1_500;
const PILLS = { connecting: 'Connecting', catching_up: 'Catching up', reading: 'Live', away: 'Kafka is away', offline: 'Offline', empty: 'Waiting' };

/** The state of the whole: the server's, or of the connection to it. */
function stateOf(store, offline) {
  if (offline) return 'offline';
  if (!store.loaded) return 'connecting';
  if (store.kafka.state !== 'reading') return store.kafka.state;
  const nothing = ['approve', 'review', 'block', 'dead'].every((name) => store.sum(name) === 0);
  return nothing ? 'empty' : 'reading';
}

const MESSAGES = {
  connecting: (store) => (store.loaded
    ? ['Connecting to Kafka', `at ${store.kafka.servers}, since ${clock(store.kafka.since)}.`, 'docker compose ps kafka']
    : ['Connecting', 'to the dashboard’s server.']),
  catching_up: () => ['Catching up', 'with the payments of the last 15 minutes: the numbers grow until that is done.'],
  away: (store) => [`Kafka is away since ${clock(store.kafka.since)}`,
    `(${store.kafka.servers}). Nothing is lost: payments wait in Kafka, and the scorers go on by themselves.`,
    'docker compose ps kafka', 'docker compose up -d kafka'],
  offline: (store) => ['The dashboard’s server does not answer; trying again.',
    store.loaded ? `What you see is from ${clock(store.now)}.` : '', 'docker compose up -d dashboard'],
  empty: (store) => [store.flagged.length ? 'No payments in the last 15 minutes.' : 'No payments yet.',
    'The producer sends one every 3 s; others may send to the topic test-payments. If nothing comes:', 'docker compose logs producer'],
};

/** Shows the state wherever the page tells it. Only changes are spoken, since live regions change only with the state. */
export class Status {
  #started = Date.now();
  #said = '';

  constructor(nodes) {
    Object.assign(this, nodes);
    setTimeout(() => this.onPatience?.(), PATIENCE_MS);
  }

  /** Shows how store and connection stand. */
  render(store, offline, summary) {
    const state = stateOf(store, offline);
    const soon = !store.loaded && state === 'connecting' && Date.now() - this.#started < PATIENCE_MS;
    setAttribute(this.pill, 'data-state', state);
    setText(this.pillText, PILLS[state]);
    setText(this.clock, store.loaded ? clock(store.now) : '');
    setAttribute(this.banner, 'data-state', state);
    const message = MESSAGES[state]?.(store);
    this.banner.hidden = !message || soon;
    if (message && !soon) this.#say(message);
    else this.#said = '';
    document.body.dataset.state = state;
    document.title = title(state, summary);
    if (store.loaded) this.#notes(store);
  }

  #say(message) {
    const said = message.join('\n');
    if (said === this.#said) return;
    this.#said = said;
    fill(this.banner, message);
  }

  #notes(store) {
    const scorers = store.replicas.filter((replica) => replica.kind === 'scorer');
    note(this.noScorer, scorers.length > 0 && scorers.every((replica) => replica.state === 'away'),
      ['No scorer answers:', 'payments wait in Kafka and nothing is lost.', 'docker compose up -d scorer']);
    note(this.modelRefused, store.modelRefused,
      ['A model was refused:', 'the active one on disk is damaged or foreign, so a former one scores.', 'docker compose run --rm cli model list']);
    this.samplingNote.hidden = !store.sampling;
    if (store.sampling) {
      setText(this.samplingNote, `A sample: ${integer(store.sampling.read)} of ${integer(store.sampling.of)} payments of the last 10 s `
        + 'were read; rates are of all, shares of the sample.');
    }
  }
}

function note(node, shown, message) {
  if (node.hidden !== shown) return;
  node.hidden = !shown;
  fill(node, message);
}

function fill(node, [strong, text, ...commands]) {
  node.replaceChildren(el('p', {}, el('strong', {}, strong), ` ${text}`), ...commands.map((command) => el('code', {}, command)));
}

function title(state, summary) {
  if (state !== 'reading' || !summary) return `${state === 'away' || state === 'offline' ? '⚠ ' : ''}${PILLS[state]} · fraudstream`;
  return `${pace(summary.rate).join('')} · ${percent(summary.fraudRate)} flagged · fraudstream`;
}
