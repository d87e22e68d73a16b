// Session descriptions (RFC 8866) as far as we read or change them. Pure.

/** Voice of one person: mono, with in-band redundancy for single losses and silence left out (RFC 7587). */
const OPUS = { minptime: "10", useinbandfec: "1", usedtx: "1", stereo: "0", "sprop-stereo": "0", maxaveragebitrate: "24000" };

const lines = (sdp: string): string[] => sdp.split(/\r?\n/);

/** All SHA-256 fingerprints (RFC 8122, section 5), upper case; other hashes as `algorithm value`. */
export function fingerprints(sdp: string): Set<string> {
  const found = new Set<string>();
  for (const line of lines(sdp)) {
    if (!line.toLowerCase().startsWith("a=fingerprint:")) continue;
    const [algorithm = "", value = ""] = line.slice("a=fingerprint:".length).trim().split(/\s+/, 2);
    found.add(algorithm.toLowerCase() === "sha-256" ? value.toUpperCase() : `${algorithm} ${value}`);
  }
  return found;
}

/** Sets the parameters of Opus in a description that we send, whether or not it had any. */
export function tuneOpus(sdp: string): string {
  const payload = /^a=rtpmap:(\d+) opus\/48000/im.exec(sdp)?.[1];
  if (payload === undefined) return sdp;
  const prefix = `a=fmtp:${payload} `;
  const had = lines(sdp).find((line) => line.startsWith(prefix));
  const parameters = new Map<string, string>();
  for (const part of (had?.slice(prefix.length) ?? "").split(";")) {
    const [name, value] = part.trim().split("=", 2);
    if (name !== undefined && name !== "") parameters.set(name, value ?? "");
  }
  for (const [name, value] of Object.entries(OPUS)) parameters.set(name, value);
  const line = prefix + [...parameters].map(([name, value]) => `${name}=${value}`).join(";");
  return lines(sdp)
    .flatMap((each) => {
      if (each.startsWith(prefix)) return [line];
      if (had === undefined && each.startsWith(`a=rtpmap:${payload} `)) return [each, line];
      return [each];
    })
    .join("\r\n");
}
