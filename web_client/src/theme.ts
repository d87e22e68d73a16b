// Day and night: follows the machine until a person switches; the switch is remembered.
import { effect, signal } from "@preact/signals";

export type Theme = "day" | "night";

const REMEMBERED = "passerelle.theme";
const chosen = localStorage.getItem(REMEMBERED);

export const theme = signal<Theme>(
  chosen === "day" || chosen === "night"
    ? chosen
    : matchMedia("(prefers-color-scheme: dark)").matches
      ? "night"
      : "day",
);

effect(() => {
  document.documentElement.dataset["theme"] = theme.value;
});

/** Switches the theme and remembers it on this machine. */
export function light(next: Theme): void {
  theme.value = next;
  localStorage.setItem(REMEMBERED, next);
}
