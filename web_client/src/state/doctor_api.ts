// The relay's HTTP interface as the doctor's page uses it. Every refusal is a code with facts.
import type {
  CertificateIssued,
  ErrorBody,
  GuestInvitation,
  GuestWanted,
  Me,
  PrescriptionDraft,
  PrescriptionMentions,
  PrescriptionPrepared,
  PrescriptionView,
  Token,
} from "../protocol/types";

/** The longest answer is the laying out of a prescription: a second on a busy relay. */
const ANSWER_MS = 15_000;
/** A token is made at once; what hangs longer hangs on a connection of the network before. */
const TOKEN_MS = 4000;

/** A refusal with its code, or `relay.unreachable` when no answer came. `status` 0: no answer. */
export class ApiRefused extends Error {
  constructor(
    readonly code: string,
    readonly status = 0,
    readonly facts: Readonly<Record<string, string>> = {},
    readonly body: unknown = null,
  ) {
    super(code);
  }
}

/** The code of whatever went wrong, for the sentence on the screen. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "page.failed";
}

export class DoctorApi {
  constructor(readonly fetch: (path: string, init: RequestInit) => Promise<Response>) {}

  me(): Promise<Me> {
    return this.#call<Me>("GET", "/api/me");
  }

  async signIn(account: string, password: string): Promise<void> {
    await this.#call("POST", "/api/sign-in", { account, password });
  }

  async signOut(): Promise<void> {
    await this.#call("POST", "/api/sign-out", {});
  }

  async token(): Promise<string> {
    return (await this.#call<Token>("POST", "/api/token", {}, TOKEN_MS)).token;
  }

  certify(csr: string): Promise<CertificateIssued> {
    return this.#call<CertificateIssued>("POST", "/api/doctor/certificate", { csr });
  }

  check(draft: PrescriptionDraft): Promise<PrescriptionMentions> {
    return this.#call<PrescriptionMentions>("POST", "/api/prescriptions/check", draft);
  }

  prepare(draft: PrescriptionDraft): Promise<PrescriptionPrepared> {
    return this.#call<PrescriptionPrepared>("POST", "/api/prescriptions", draft);
  }

  sign(prescriptionId: string, signature: string): Promise<PrescriptionView> {
    const path = `/api/prescriptions/${encodeURIComponent(prescriptionId)}/signature`;
    return this.#call<PrescriptionView>("POST", path, { signature });
  }

  prescriptions(encounterId: string): Promise<PrescriptionView[]> {
    const path = `/api/encounters/${encodeURIComponent(encounterId)}/prescriptions`;
    return this.#call<PrescriptionView[]>("GET", path);
  }

  /** A one-time link for a third person. */
  inviteGuest(callId: string, wanted: GuestWanted): Promise<GuestInvitation> {
    return this.#call<GuestInvitation>("POST", `/doctor/calls/${encodeURIComponent(callId)}/guests`, wanted);
  }

  async #call<T>(method: string, path: string, body?: unknown, limit = ANSWER_MS): Promise<T> {
    const init: RequestInit = { method, cache: "no-store", signal: AbortSignal.timeout(limit) };
    if (body !== undefined) {
      init.headers = { "Content-Type": "application/json" };
      init.body = JSON.stringify(body);
    }
    let response: Response;
    let text: string;
    try {
      response = await this.fetch(path, init);
      text = await response.text();
    } catch {
      throw new ApiRefused("relay.unreachable");
    }
    let answer: unknown = null;
    try {
      answer = text === "" ? null : JSON.parse(text);
    } catch {
      // A proxy's page instead of the relay's answer.
      throw new ApiRefused("relay.unreachable", response.status);
    }
    if (!response.ok) {
      const refused = answer as Partial<ErrorBody> | null;
      const code = refused?.code ?? (response.status >= 500 ? "relay.failed" : "request.refused");
      throw new ApiRefused(code, response.status, refused?.facts ?? {}, answer);
    }
    return answer as T;
  }
}
