// The server's addresses, below whichever path a reverse proxy shows the page.

/** Returns the address of `path` at the server. Relative to this file, so that the page's own address does not matter. */
export function address(path) {
  return new URL(`../../${path}`, import.meta.url).href;
}
