// The machine's own addresses as the browser sees them now: a connection gathers once and does not learn of a new one.
import { isLoopback } from "../state/loopback";

/** Host candidates are there within 0.2 s; while the machine changes its network a browser may need longer. */
const GATHER_MS = 2000;
/** Loopback is offered where a browser is told to: no network. */
const usable = (address: string | null): string[] => (address && !isLoopback(address) ? [address] : []);

/** Address literals, none where there is no network; null where the browser hides them behind names (no device is in
 * use) or does not say in time. */
export async function localAddresses(): Promise<ReadonlySet<string> | null> {
  const connection = new RTCPeerConnection({ iceServers: [] });
  try {
    connection.createDataChannel("");
    const found = new Set<string>();
    let [hidden, whole] = [false, false];
    const gathered = new Promise<void>((resolve) => {
      setTimeout(resolve, GATHER_MS);
      connection.onicecandidate = ({ candidate }) => {
        if (candidate === null) {
          whole = true;
          resolve();
        } else if (candidate.address?.endsWith(".local") === true) hidden = true;
        // Of TCP's nothing is bound yet: one that is gone is listed for seconds.
        else if (candidate.protocol === "udp") usable(candidate.address).forEach((each) => found.add(each));
      };
    });
    await connection.setLocalDescription();
    await gathered;
    return hidden || !whole ? null : found;
  } finally {
    connection.close();
  }
}
