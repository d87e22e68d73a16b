// Asks the relay whose link this is, without using it up.
import type { ErrorBody, GuestDoor } from "../protocol/types";

/** One look into a database; a relay at the other end of a thin line needs 4 s for the connection. */
const ANSWER_MS = 15_000;

/** Not let in, or no answer (`relay.unreachable`). */
export class NotLetIn extends Error {
  constructor(
    readonly code: string,
    readonly facts: Readonly<Record<string, string>> = {},
  ) {
    super(code);
  }
}

export async function knock(
  fetch: (path: string, init: RequestInit) => Promise<Response>,
  token: string,
): Promise<GuestDoor> {
  let response: Response;
  let answer: unknown;
  try {
    response = await fetch("/guest/invitation", {
      method: "POST",
      cache: "no-store",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    // A proxy's page instead of the relay's answer is no answer.
    answer = await response.json();
  } catch {
    throw new NotLetIn("relay.unreachable");
  }
  if (response.ok) return answer as GuestDoor;
  const refused = answer as Partial<ErrorBody> | null;
  throw new NotLetIn(refused?.code ?? (response.status >= 500 ? "relay.failed" : "relay.unreachable"), refused?.facts ?? {});
}
