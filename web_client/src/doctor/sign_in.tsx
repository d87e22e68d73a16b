// Sign-in with account and password (the demonstration's provider).
import { useRef } from "preact/hooks";
import { say } from "../i18n/doctor";
import { codeWords } from "../i18n/doctor_codes";
import { run } from "../state/scope";
import { usePage } from "./context";

export function SignIn() {
  const { desk } = usePage();
  const account = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);
  const problem = desk.problem.value;
  const busy = desk.signingIn.value;
  const submit = (event: Event) => {
    event.preventDefault();
    run(desk.signIn(account.current?.value ?? "", password.current?.value ?? ""), () => undefined);
  };
  return (
    <main class="plain">
      <form class="card panel" onSubmit={submit} data-testid="sign-in-form">
        <h1>{say("sign_in_title")}</h1>
        <p class="soft">{say("sign_in_lead")}</p>
        <label class="field">
          <span>{say("account")}</span>
          <input ref={account} name="account" autocomplete="username" required maxLength={200} data-testid="account" />
        </label>
        <label class="field">
          <span>{say("password")}</span>
          <input
            ref={password}
            name="password"
            type="password"
            autocomplete="current-password"
            required
            maxLength={200}
            data-testid="password"
          />
        </label>
        {problem !== null && (
          <p class="say stop" role="alert" data-testid="problem" data-code={problem.code}>
            {codeWords(problem.code, problem.facts)}
          </p>
        )}
        <button type="submit" class="button main big" disabled={busy} data-testid="sign-in">
          {say(busy ? "signing_in" : "sign_in")}
        </button>
      </form>
    </main>
  );
}
