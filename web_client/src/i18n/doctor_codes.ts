// What codes mean to the doctor: what happened, what is kept, what to do. Pure of any screen.
import { fill, language } from "./core";
import { READING_WORDS, type Words } from "./doctor_reading_codes";

const WORDS: Readonly<Record<string, Words>> = {
  "sign_in.refused": [
    "Identifiant ou mot de passe inconnu. Vérifiez et réessayez.",
    "Unknown account or password. Check and try again."],
  "sign_in.wait": [
    "Trop d'essais. Réessayez dans {seconds} secondes.",
    "Too many tries. Try again in {seconds} seconds."],
  "sign_in.provider": [
    "Ce compte se connecte par le fournisseur d'identité, pas par mot de passe.",
    "This account signs in through the identity provider, not with a password."],
  "session.needed": [
    "Votre session a pris fin. Reconnectez-vous : vos notes sont gardées sur ce poste.",
    "Your session has ended. Sign in again: your notes are kept on this machine."],
  "session.expired": [
    "Votre session a pris fin. Reconnectez-vous : vos notes sont gardées sur ce poste.",
    "Your session has ended. Sign in again: your notes are kept on this machine."],
  "session.signed_out": [
    "Vous vous êtes déconnecté ailleurs. Reconnectez-vous pour continuer.",
    "You signed out elsewhere. Sign in to go on."],
  "session.replaced": [
    "Votre poste a été ouvert dans une autre fenêtre, qui tient maintenant l'appel.",
    "Your desk was opened in another window, which now holds the call."],
  "account.disabled": [
    "Ce compte a été fermé. Appelez le support.",
    "This account was closed. Call support."],
  "version.unsupported": [
    "Cette page n'est plus à jour. Rechargez-la.",
    "This page is out of date. Reload it."],
  "relay.unreachable": [
    "Le relais ne répond pas. Vérifiez le réseau, puis réessayez. Ce que vous avez écrit est gardé.",
    "The relay does not answer. Check the network, then try again. What you wrote is kept."],
  "relay.failed": [
    "Le relais a eu un incident. Réessayez dans un instant ; ce que vous avez écrit est gardé.",
    "The relay had an incident. Try again in a moment; what you wrote is kept."],
  "storage.full": [
    "Le relais n'a plus de place et ne peut rien enregistrer. Appelez le support ; vos notes sont gardées ici.",
    "The relay is full and cannot save anything. Call support; your notes are kept here."],
  "ca.changed": [
    "L'autorité de l'opérateur n'est pas celle que ce navigateur connaît. Par sécurité rien n'a été envoyé. Appelez le support informatique avant de continuer.",
    "The operator's authority is not the one this browser knows. For safety nothing was sent. Call IT support before you go on."],
  "certificate.refused": [
    "Le certificat reçu n'est pas celui de votre clé. Rien n'a été envoyé. Appelez le support informatique.",
    "The certificate received is not that of your key. Nothing was sent. Call IT support."],
  "vault.failed": [
    "Ce navigateur refuse de garder votre clé de signature. Quittez la navigation privée, ou libérez de la place, puis réessayez.",
    "This browser refuses to keep your signing key. Leave private browsing, or free some space, then try again."],
  "doctor.needed": [
    "Ce compte n'est pas celui d'un médecin. Déconnectez-vous et utilisez le vôtre.",
    "This account is not a doctor's. Sign out and use yours."],
  "page.failed": [
    "La page a rencontré une erreur. Rechargez-la : l'appel et vos notes reviennent.",
    "The page met an error. Reload it: the call and your notes come back."],
  "call.taken": [
    "{by} a déjà pris cet appel. Choisissez un autre patient.",
    "{by} has already taken this call. Choose another patient."],
  "call.busy": [
    "Vous avez déjà un appel en cours. Terminez-le d'abord.",
    "You already have a call. End it first."],
  "call.gone": [
    "Ce patient n'attend plus.",
    "This patient is no longer waiting."],
  "vehicle.offline": [
    "Le véhicule est hors réseau. L'appel pourra être pris dès son retour.",
    "The vehicle has no network. The call can be taken once it is back."],
  "take.no_answer": [
    "Le relais n'a pas répondu. Rien n'a été pris ; réessayez.",
    "The relay did not answer. Nothing was taken; try again."],
  "binding.statement": [
    "L'offre reçue n'est pas celle de cet appel.",
    "The offer received is not that of this call."],
  "binding.certificate": [
    "Le certificat du véhicule ne peut pas être lu.",
    "The vehicle's certificate cannot be read."],
  "binding.certificate_foreign": [
    "Le certificat du véhicule ne vient pas de votre opérateur.",
    "The vehicle's certificate is not from your operator."],
  "binding.certificate_expired": [
    "Le certificat du véhicule n'est pas valable aujourd'hui. Vérifiez aussi l'heure de ce poste.",
    "The vehicle's certificate is not valid today. Check this machine's clock too."],
  "binding.certificate_subject": [
    "Le certificat présenté est celui d'un autre véhicule.",
    "The certificate shown is another vehicle's."],
  "binding.fingerprint": [
    "La clé de la liaison n'est pas celle que le véhicule a signée.",
    "The key of the connection is not the one the vehicle signed."],
  "binding.signature": [
    "La signature du véhicule n'est pas juste.",
    "The vehicle's signature does not hold."],
  "device.refused": [
    "le navigateur n'y a pas accès : autorisez-le dans la barre d'adresse, puis réessayez.",
    "the browser has no access: allow it in the address bar, then try again."],
  "device.missing": ["aucun appareil trouvé : branchez-le, puis réessayez.", "none found: plug one in, then try again."],
  "device.busy": [
    "déjà utilisé par un autre logiciel : fermez-le, puis réessayez.",
    "used by another program: close it, then try again."],
  "device.failed": ["ne répond pas : débranchez, rebranchez, réessayez.", "does not answer: unplug, plug in, try again."],
  "ack.encounter": [
    "le bus tient déjà un autre dossier. Rien n'est perdu.",
    "the bus already holds another file. Nothing is lost."],
  "resume.encounter": [
    "le bus tient déjà un autre dossier. Rien n'est perdu.",
    "the bus already holds another file. Nothing is lost."],
  "resume.beyond": [
    "le bus a repris son dossier depuis le début ; les mesures reviennent d'elles-mêmes.",
    "the bus has begun its file anew; the measurements come back by themselves."],
  "channel.flood": [
    "trop de demandes à la fois. Attendez un instant.",
    "too many requests at once. Wait a moment."],
  "channel.message": [
    "le bus n'a pas compris cette page. Rechargez-la : l'appel et vos notes reviennent.",
    "the bus did not understand this page. Reload it: the call and your notes come back."],
  "chunks.busy": [
    "le tracé manquant suivra d'autres envois.",
    "the missing trace follows other things on their way."],
  "chunks.range": [
    "une partie du tracé n'existe plus à bord.",
    "a part of the trace is no longer on board."],
  "still.busy": ["d'autres photos sont en route ; elle suivra.", "other photographs are on their way; it follows."],
  "still.unknown": ["elle n'est plus à bord.", "it is no longer on board."],
  "still.offset": ["elle est redemandée depuis le début.", "it is asked for again from its start."],
  "prescription.complete": ["Toutes les mentions sont là.", "All mentions are there."],
  "prescription.mentions_missing": [
    "Il manque des mentions : complétez ce qui est marqué.",
    "Mentions are missing: complete what is marked."],
  "prescription.secured_form": [
    "Ce médicament exige l'ordonnance sécurisée sur papier. Il ne peut pas être prescrit ici ; les autres lignes restent.",
    "This drug needs the secured paper form. It cannot be prescribed here; the other lines stay."],
  "prescription.anonymous": [
    "Le patient est anonyme : une ordonnance exige son identité, que l'infirmier peut saisir avec son accord.",
    "The patient is anonymous: a prescription needs an identity, which the nurse can enter with consent."],
  "prescription.characters": [
    "Un texte contient des caractères invisibles. Retapez-le.",
    "A text holds invisible characters. Type it again."],
  "prescription.too_many": [
    "Trop d'ordonnances en préparation pour ce patient.",
    "Too many prescriptions are being prepared for this patient."],
  "prescription.call_over": [
    "La consultation est terminée depuis trop longtemps pour prescrire. Reprenez le patient pour le faire.",
    "The consultation ended too long ago to prescribe. Take the patient again to do so."],
  "prescription.not_your_call": [
    "Ce patient est maintenant avec un autre médecin. Votre brouillon reste sur ce poste.",
    "This patient is now with another doctor. Your draft stays on this machine."],
  "prescription.no_certificate": [
    "Votre clé n'est pas certifiée dans ce navigateur. Rechargez la page puis signez.",
    "Your key is not certified in this browser. Reload the page, then sign."],
  "prescription.conflict": [
    "Cette ordonnance a déjà été signée. Regardez son suivi avant d'en faire une autre.",
    "This prescription was already signed. Look at its steps before writing another one."],
  "prescription.unknown": [
    "Le relais ne connaît plus cette mise en page. Remettez en page puis signez.",
    "The relay does not know this layout any more. Lay out again, then sign."],
  "prescription.altered": ["Le document reçu à bord a été modifié.", "The document received on board was altered."],
  "prescription.other_bytes": ["Le document reçu à bord n'est pas le bon.", "The document received on board is not the right one."],
  "prescription.unreadable": ["Le document reçu à bord ne peut pas être lu.", "The document received on board cannot be read."],
  "prescription.signer": ["La signature n'est pas celle du médecin de l'appel.", "The signature is not that of the doctor of the call."],
  "prescription.certificate": ["Le certificat de la signature n'est pas reconnu à bord.", "The signature's certificate is not accepted on board."],
  "prescription.certificate_expired": ["Le certificat de la signature a expiré.", "The signature's certificate has expired."],
  "prescription.encounter": ["Le document est celui d'une autre consultation.", "The document belongs to another consultation."],
  "prescription.unsigned": ["Le document reçu à bord n'est pas signé.", "The document received on board is not signed."],
  "prescription.appended": ["Du contenu a été ajouté après la signature.", "Content was added after the signature."],
  "prescription.truncated": ["Le document reçu à bord est incomplet.", "The document received on board is incomplete."],
  "prescription.too_large": ["Le document est trop grand pour le véhicule.", "The document is too large for the vehicle."],
  "prescription.step": ["Cette étape a déjà eu lieu.", "This step has already been made."],
  "prescription.expired": [
    "La mise en page a vieilli. Remettez en page puis signez.",
    "The layout has aged. Lay out again, then sign."],
  "prescription.signature": [
    "La signature n'a pas été reconnue. Remettez en page puis signez de nouveau.",
    "The signature was not recognised. Lay out and sign again."],
  "signing.attributes": [
    "Ce que le relais demande de signer ne peut pas être lu. Rien n'a été signé.",
    "What the relay asks to sign cannot be read. Nothing was signed."],
  "signing.byte_range": [
    "La page reçue n'est pas entièrement sous la signature. Rien n'a été signé.",
    "The page received is not wholly under the signature. Nothing was signed."],
  "signing.digest": [
    "La page reçue n'est pas celle que le relais demande de signer. Rien n'a été signé.",
    "The page received is not the one the relay asks to sign. Nothing was signed."],
  "signing.content_type": [
    "Ce que le relais demande de signer n'est pas une ordonnance. Rien n'a été signé.",
    "What the relay asks to sign is not a prescription. Nothing was signed."],
  "signing.certificate": [
    "La signature demandée n'est pas au nom de votre certificat. Rien n'a été signé.",
    "The signature asked for is not in the name of your certificate. Nothing was signed."],
  "mention.prescriber.name": ["Nom du prescripteur", "Prescriber's name"],
  "mention.prescriber.title": ["Titre du prescripteur", "Prescriber's title"],
  "mention.prescriber.rpps": ["Numéro RPPS", "RPPS number"],
  "mention.prescriber.address": ["Adresse professionnelle (France)", "Professional address (France)"],
  "mention.prescriber.phone": ["Téléphone (+33)", "Phone (+33)"],
  "mention.prescriber.email": ["Adresse électronique", "E-mail address"],
  "mention.patient.family_name": ["Nom du patient", "Patient's family name"],
  "mention.patient.given_name": ["Prénom du patient", "Patient's given name"],
  "mention.patient.sex": ["Sexe du patient", "Patient's sex"],
  "mention.patient.birth_date": ["Date de naissance", "Date of birth"],
  "mention.line.drug": ["Médicament (DCI)", "Drug (INN)"],
  "mention.line.posology": ["Posologie", "How to take it"],
  "mention.line.duration": ["Durée ou nombre d'unités", "Duration or number of units"],
  "mention.line.secured_form": ["Ordonnance sécurisée exigée", "Secured form required"],
  ...READING_WORDS,
};

/** Whether a code has words of its own. */
export const known = (code: string): boolean => code in WORDS;

/** The sentence for a code; one without words says that something was refused, and shows the code small. */
export function codeWords(code: string, facts: Readonly<Record<string, string>> = {}): string {
  const words = WORDS[code];
  if (words !== undefined) return fill(language.value === "fr" ? words[0] : words[1], facts);
  return language.value === "fr"
    ? `Cela n'a pas pu se faire (${code}). Réessayez, puis appelez le support.`
    : `This could not be done (${code}). Try again, then call support.`;
}

/** What an instrument says of a reading; a code without words is its own, and said to be so. */
export function flagWords(code: string): string {
  if (known(code)) return codeWords(code);
  return language.value === "fr" ? `indication de l'appareil (${code})` : `the device says (${code})`;
}
