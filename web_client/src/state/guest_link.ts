// The link of a guest: `https://RELAY/guest.html#TOKEN.KEY`. No server is sent a fragment. Pure.

export interface GuestLink {
  /** The relay's, used up by the first who enters. */
  readonly token: string;
  /** The doctor's page's, which the relay never has. */
  readonly key: string;
}

const FRAGMENT = /^#?([A-Za-z0-9_-]{16,128})\.([A-Za-z0-9_-]{43})$/;

/** Reads the fragment of an address; null when it is not a whole link. */
export function readLink(fragment: string): GuestLink | null {
  const [, token, key] = FRAGMENT.exec(fragment) ?? [];
  return token === undefined || key === undefined ? null : { token, key };
}

/** `origin` as in `location.origin`. */
export function writeLink(origin: string, link: GuestLink): string {
  return `${origin}/guest.html#${link.token}.${link.key}`;
}
