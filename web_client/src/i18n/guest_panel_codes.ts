// What a refused invitation means to the doctor. Pure of any screen.
import { language } from "./core";
import { codeWords } from "./doctor_codes";

const WORDS: Readonly<Record<string, readonly [fr: string, en: string]>> = {
  "guest.too_many": [
    "Trois personnes au plus peuvent être invitées à la fois, trente par consultation. Retirez une invitation ou faites sortir quelqu'un.",
    "Three people at most can be invited at a time, thirty per consultation. Withdraw an invitation or remove someone."],
  "guest.call_over": [
    "La consultation est terminée : plus personne ne peut y entrer.",
    "The consultation is over: nobody can come in any more."],
  forbidden: [
    "Cet appel n'est plus le vôtre : le lien n'a pas été créé.",
    "This call is no longer yours: the link was not made."],
  "relay.unreachable": [
    "Le relais ne répond pas : le lien n'a pas été créé. L'appel continue ; réessayez.",
    "The relay does not answer: the link was not made. The call goes on; try again."],
};

/** Whether a code has words of its own here. */
export const invitable = (code: string): boolean => code in WORDS;

/** Why no link was made. */
export function inviteWords(code: string, facts: Readonly<Record<string, string>>): string {
  const words = WORDS[code];
  return words === undefined ? codeWords(code, facts) : words[language.value === "fr" ? 0 : 1];
}
