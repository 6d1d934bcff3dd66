// The connection to the dashboard's server, which it never gives up.

import { address } from './address.js';

// A proxy that buffers hands events over in lumps: they are seconds apart, and no outage.
const SILENCE_MS = 15_000;
const RETRY_MS = 2_000;
const HIDDEN_MS = 60_000;

/** Listens to the server's events; calls back with each event, and when the server stops or starts to answer. */
export class Stream {
  #source = null;
  #heard = 0;
  #hiddenSince = null;
  #retry = null;

  constructor({ onSnapshot, onTick, onOffline }) {
    this.callbacks = { snapshot: onSnapshot, tick: onTick, offline: onOffline };
    this.#connect();
    setInterval(() => this.#watch(), 1_000);
    document.addEventListener('visibilitychange', () => this.#visibility());
  }

  #connect() {
    this.#close();
    const source = new EventSource(address('events'));
    this.#source = source;
    this.#heard = Date.now();
    source.addEventListener('snapshot', (event) => this.#receive('snapshot', event));
    source.addEventListener('tick', (event) => this.#receive('tick', event));
    // Not left to the browser: it gives up for good on an HTTP error, such as a proxy's 502.
    source.addEventListener('error', () => this.#lost());
  }

  #receive(kind, event) {
    this.#heard = Date.now();
    this.callbacks[kind](JSON.parse(event.data));
  }

  #lost() {
    this.#close();
    this.callbacks.offline();
    this.#retry = setTimeout(() => this.#connect(), RETRY_MS);
  }

  #close() {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
  }

  #watch() {
    // A hidden tab's timers are late; it is looked after when it is shown again.
    if (!document.hidden && this.#source && Date.now() - this.#heard > SILENCE_MS) this.#lost();
  }

  #visibility() {
    if (document.hidden) {
      this.#hiddenSince = Date.now();
    } else {
      const away = this.#hiddenSince && Date.now() - this.#hiddenSince > HIDDEN_MS;
      this.#hiddenSince = null;
      // Ticks may be missing: a new connection begins with a whole snapshot.
      if (away) this.#connect();
    }
  }
}
