// A guest's role in words.
import { say } from "../i18n/guest";
import type { GuestRole } from "../protocol/types";

export function roleWords(role: GuestRole): string {
  switch (role) {
    case "specialist":
      return say("role_specialist");
    case "interpreter":
      return say("role_interpreter");
    case "relative":
      return say("role_relative");
  }
}
