// Connection to the dashboard's server, re-established until it succeeds.

import { address } from './address.js';

// A buffering proxy delivers events in groups, seconds apart: this is not an outage.
const SILENCE_MS = 15_000;
const RETRY_MS = 2_000;
const REFUSED_RETRY_MS = 10_000;
const HIDDEN_MS = 60_000;

/** Listens to the server's events; calls back with each event, and when the connection is refused or lost. */
export class Stream {
  #source = null;
  #receivedAt = 0;
  #hiddenSince = null;
  #retry = null;

  constructor({ onSnapshot, onTick, onRefused, onOffline }) {
    this.callbacks = { snapshot: onSnapshot, tick: onTick, refused: onRefused, offline: onOffline };
    this.#connect();
    setInterval(() => this.#watch(), 1_000);
    document.addEventListener('visibilitychange', () => this.#visibility());
  }

  #connect() {
    this.#close();
    const source = new EventSource(address('events'));
    this.#source = source;
    this.#receivedAt = Date.now();
    source.addEventListener('snapshot', (event) => this.#receive('snapshot', event));
    source.addEventListener('tick', (event) => this.#receive('tick', event));
    source.addEventListener('refused', (event) => {
      this.#receive('refused', event);
      this.#retryIn(REFUSED_RETRY_MS);
    });
    // The browser's own reconnection stops after an HTTP error, such as a proxy's 502.
    source.addEventListener('error', () => this.#lost());
  }

  #receive(kind, event) {
    this.#receivedAt = Date.now();
    this.callbacks[kind](JSON.parse(event.data));
  }

  #lost() {
    this.callbacks.offline();
    this.#retryIn(RETRY_MS);
  }

  #retryIn(ms) {
    this.#close();
    this.#retry = setTimeout(() => this.#connect(), ms);
  }

  #close() {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
  }

  #watch() {
    // Timers of a hidden tab are delayed; the connection is checked when the tab is shown again.
    if (!document.hidden && this.#source && Date.now() - this.#receivedAt > SILENCE_MS) this.#lost();
  }

  #visibility() {
    if (document.hidden) {
      this.#hiddenSince = Date.now();
    } else {
      const wasHiddenLong = this.#hiddenSince && Date.now() - this.#hiddenSince > HIDDEN_MS;
      this.#hiddenSince = null;
      // Ticks may be missing: a new connection starts with a complete snapshot.
      if (wasHiddenLong) this.#connect();
    }
  }
}
