// The machine's own addresses as the browser sees them now: a connection gathers once and does not learn of a new one.

/** Host candidates are there at once; a machine without a network gives none. */
const GATHER_MS = 800;

/** Address literals; null where the browser hides them behind names (no device is in use). */
export async function localAddresses(): Promise<ReadonlySet<string> | null> {
  const connection = new RTCPeerConnection({ iceServers: [] });
  try {
    connection.createDataChannel("");
    const found = new Set<string>();
    let hidden = false;
    const gathered = new Promise<void>((resolve) => {
      setTimeout(resolve, GATHER_MS);
      connection.onicecandidate = ({ candidate }) => {
        if (candidate === null) resolve();
        else if (candidate.address?.endsWith(".local") === true) hidden = true;
        else if (candidate.address) found.add(candidate.address);
      };
    });
    await connection.setLocalDescription();
    await gathered;
    return hidden ? null : found;
  } finally {
    connection.close();
  }
}
