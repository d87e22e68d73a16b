// What codes mean to a guest: what happened, what is kept, what to do. Pure of any screen.
import { fill, language } from "./core";

type Words = readonly [fr: string, en: string];

const ASK_AGAIN: Words = [
  "Demandez un nouveau lien au médecin.",
  "Ask the doctor for a new link."];

const UNSAFE: Words = [
  "La connexion n'est pas celle du lien que vous avez reçu. Par sécurité, ni image ni son n'ont été échangés. Prévenez le médecin par téléphone.",
  "The connection is not the one of the link you received. For safety neither picture nor sound was exchanged. Tell the doctor by telephone."];

const WORDS: Readonly<Record<string, Words>> = {
  "guest.link_incomplete": [
    `Le lien est incomplet. Ouvrez-le en entier depuis le message reçu, ou demandez un nouveau lien au médecin.`,
    `The link is not complete. Open the whole of it from the message you received, or ask the doctor for a new link.`],
  "guest.link_unknown": [
    `Ce lien n'est pas connu : il a peut-être été coupé en route. ${ASK_AGAIN[0]}`,
    `This link is not known: part of it may have been lost on the way. ${ASK_AGAIN[1]}`],
  "guest.link_used": [
    `Ce lien a déjà servi : il n'ouvre qu'une fois. Si ce n'était pas vous, prévenez le médecin. ${ASK_AGAIN[0]}`,
    `This link was used already: it opens once. If it was not by you, tell the doctor. ${ASK_AGAIN[1]}`],
  "guest.link_expired": [
    `Ce lien n'est plus valable : il fallait l'ouvrir dans les 30 minutes. ${ASK_AGAIN[0]}`,
    `This link is no longer valid: it had to be opened within 30 minutes. ${ASK_AGAIN[1]}`],
  "guest.call_over": [
    "La consultation est terminée. Vous pouvez fermer cette page.",
    "The consultation is over. You can close this page."],
  "guest.removed": [
    "Votre participation est terminée. Vous pouvez fermer cette page.",
    "Your part in the consultation has ended. You can close this page."],
  "guest.left": [
    "Vous avez quitté la consultation. Votre caméra et votre micro sont éteints ; vous pouvez fermer cette page.",
    "You have left the consultation. Your camera and microphone are off; you can close this page."],
  "guest.gone": [
    "Votre participation est terminée. Vous pouvez fermer cette page.",
    "Your part in the consultation has ended. You can close this page."],
  "guest.wait": [
    "Trop d'essais. La page réessaie toute seule dans {seconds} secondes.",
    "Too many tries. The page tries again by itself in {seconds} seconds."],
  "guest.browser": [
    "Ce navigateur ne permet pas les appels. Ouvrez le lien dans Chrome, Edge, Firefox ou Safari.",
    "This browser cannot hold calls. Open the link in Chrome, Edge, Firefox or Safari."],
  forbidden: [`Ce lien n'ouvre pas cette consultation. ${ASK_AGAIN[0]}`, `This link does not open this consultation. ${ASK_AGAIN[1]}`],
  "session.replaced": [
    "La consultation est ouverte dans une autre fenêtre de votre navigateur.",
    "The consultation is open in another window of your browser."],
  "version.unsupported": [
    "Cette page n'est plus à jour. Rechargez-la.",
    "This page is out of date. Reload it."],
  "relay.unreachable": [
    "Le service ne répond pas. Vérifiez votre réseau : la page réessaie toute seule.",
    "The service does not answer. Check your network: the page tries again by itself."],
  "relay.failed": [
    "Le service a eu un incident. La page réessaie toute seule.",
    "The service had an incident. The page tries again by itself."],
  "relay.busy": [
    "Le service est très occupé. La page réessaie toute seule.",
    "The service is very busy. The page tries again by itself."],
  "page.failed": [
    "La page a rencontré une erreur. Rechargez-la : vous revenez dans la consultation.",
    "The page met an error. Reload it: you come back into the consultation."],
  "binding.statement": UNSAFE,
  "binding.fingerprint": UNSAFE,
  "binding.mac": UNSAFE,
  "device.refused": [
    "Le navigateur n'a pas accès au micro. Autorisez-le (cadenas ou réglages, à côté de l'adresse), puis réessayez.",
    "The browser has no access to the microphone. Allow it (padlock or settings, beside the address), then try again."],
  "device.missing": [
    "Aucun micro trouvé. Branchez-en un, ou ouvrez le lien sur un téléphone, puis réessayez.",
    "No microphone found. Plug one in, or open the link on a telephone, then try again."],
  "device.busy": [
    "Le micro est utilisé par une autre application. Fermez-la, puis réessayez.",
    "The microphone is used by another application. Close it, then try again."],
  "device.failed": [
    "Le micro ne répond pas. Réessayez, ou rechargez la page.",
    "The microphone does not answer. Try again, or reload the page."],
};

/** Whether a code has words of its own here. */
export const known = (code: string): boolean => code in WORDS;

/** The sentence for a code; one without words says that something went wrong, and shows the code. */
export function guestWords(code: string, facts: Readonly<Record<string, string>> = {}): string {
  const french = language.value === "fr";
  const words = WORDS[code] ?? (code.startsWith("binding.") || code === "fingerprint.mismatch" ? UNSAFE : undefined);
  if (words !== undefined) return fill(words[french ? 0 : 1], facts);
  return french
    ? `Cela n'a pas pu se faire (${code}). Rechargez la page, ou demandez un nouveau lien au médecin.`
    : `This could not be done (${code}). Reload the page, or ask the doctor for a new link.`;
}
