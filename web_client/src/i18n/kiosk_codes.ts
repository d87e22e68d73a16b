// What each code means to the nurse: what happened, and what is kept or to be done. Pure of any screen.
import { fill, language } from "./core";
import { unbroken } from "./kiosk_typography";

/** French and English: [what happened, what is kept or to do]. */
type Words = readonly [fr: readonly [string, string], en: readonly [string, string]];

const w = (fr: string, frDo: string, en: string, enDo: string): Words => [
  [unbroken(fr), unbroken(frDo)],
  [en, enDo],
];

const PAGE: Record<string, Words> = {
  "kiosk.away": w(
    "Le poste ne répond pas encore.", "Rien n'est perdu : attendez que l'écran revienne, puis recommencez.",
    "The unit does not answer yet.", "Nothing is lost: wait for the screen to come back, then try again."),
  "kiosk.unanswered": w(
    "Le poste n'a pas confirmé.", "L'écran montre ce qui est vraiment fait : regardez, et recommencez si besoin.",
    "The unit did not confirm.", "The screen shows what is really done: look, and try again if needed."),
  "kiosk.command": w(
    "Le poste n'a pas compris la demande.", "Rien n'a changé. Recommencez ; si cela se répète, appelez l'assistance.",
    "The unit did not understand the request.", "Nothing changed. Try again; if it happens again, call support."),
  "kiosk.not_signed_in": w(
    "Votre session est terminée.", "Entrez à nouveau votre code. La consultation reste ouverte.",
    "Your session has ended.", "Enter your code again. The consultation stays open."),
  "kiosk.busy": w(
    "Le poste est occupé.", "Attendez deux secondes, puis recommencez.",
    "The unit is busy.", "Wait two seconds, then try again."),
  "version.unsupported": w(
    "L'écran et le poste n'ont pas la même version.", "Rechargez l'écran ; si cela se répète, appelez l'assistance.",
    "The screen and the unit have different releases.", "Reload the screen; if it happens again, call support."),
  "pin.wrong": w(
    "Ce code n'est pas le bon.", "Essayez encore. Après cinq erreurs, il faut attendre une minute.",
    "This code is not right.", "Try again. After five errors there is a minute to wait."),
  "pin.wait": w(
    "Trop d'essais.", "Attendez une minute, puis entrez votre code.",
    "Too many tries.", "Wait a minute, then enter your code."),
  "nurse.unknown": w(
    "Ce nom n'est plus enregistré ici.", "Choisissez un autre nom ou appelez l'assistance.",
    "This name is no longer registered here.", "Choose another name or call support."),
};

const PATIENT: Record<string, Words> = {
  "patient.family_name": w("Ce nom ne convient pas.", "Écrivez le nom de naissance.", "This name does not fit.", "Write the birth name."),
  "patient.family_name_missing": w("Le nom manque.", "Écrivez le nom de naissance.", "The name is missing.", "Write the birth name."),
  "patient.given_name": w("Ce prénom ne convient pas.", "Écrivez le premier prénom.", "This first name does not fit.", "Write the first given name."),
  "patient.given_name_missing": w("Le prénom manque.", "Écrivez le premier prénom.", "The first name is missing.", "Write the first given name."),
  "patient.birth_date": w("Ce jour n'existe pas.", "Vérifiez le jour et le mois.", "This day does not exist.", "Check day and month."),
  "patient.birth_date_missing": w("La date de naissance manque.", "Huit chiffres : jour, mois, année.", "The birth date is missing.", "Eight digits: day, month, year."),
  "patient.birth_day": w("Le jour va de 01 à 31.", "Corrigez les deux premiers chiffres.", "The day goes from 01 to 31.", "Correct the first two digits."),
  "patient.birth_month": w("Le mois va de 01 à 12.", "Corrigez le mois.", "The month goes from 01 to 12.", "Correct the month."),
  "patient.birth_date_future": w("Cette date est dans le futur.", "Vérifiez l'année.", "This date is in the future.", "Check the year."),
  "patient.birth_date_too_old": w("Cette année est trop ancienne.", "Vérifiez l'année.", "This year is too long ago.", "Check the year."),
  "patient.birth_place": w("Ce lieu ne convient pas.", "Cinq caractères du code INSEE, ou rien.", "This place does not fit.", "Five characters of the INSEE code, or nothing."),
  "patient.sex": w("Le sexe manque.", "Choisissez une des trois cases.", "The sex is missing.", "Choose one of the three boxes."),
  "patient.ins": w("Le numéro a 15 caractères.", "13 chiffres et la clé de 2 chiffres.", "The number has 15 characters.", "13 digits and the 2-digit key."),
  "patient.ins_key": w("La clé ne correspond pas au numéro.", "Relisez le numéro, ou effacez-le pour continuer sans.", "The key does not match the number.", "Read the number again, or erase it to go on without."),
  "patient.ins_oid": w("C'est une identité de test.", "Elle ne peut pas servir ici. Effacez le numéro ou saisissez le patient.", "This is a test identity.", "It cannot be used here. Erase the number or type the patient."),
  "patient.ins_not_qualified": w("Le numéro demande une identité vérifiée.", "Vérifiez la pièce d'identité, ou effacez le numéro.", "The number needs a checked identity.", "Check the identity document, or erase the number."),
  "patient.ins_traits_differ": w("Le numéro ne dit pas le même sexe ou la même date.", "Vérifiez avec le patient.", "The number says another sex or date.", "Check with the patient."),
  "patient.anonymous": w("Un patient anonyme n'a pas d'identité.", "Effacez l'identité ou choisissez une autre façon.", "An anonymous patient has no identity.", "Erase the identity or choose another way."),
  "encounter.consent": w("L'accord du patient est nécessaire.", "Demandez-le, puis touchez la case.", "The patient's consent is needed.", "Ask for it, then touch the box."),
  "encounter.reason": w("Le motif manque.", "Touchez un motif.", "The reason is missing.", "Touch a reason."),
  "encounter.open": w("Une consultation est déjà ouverte.", "Terminez-la avant d'en ouvrir une autre.", "A consultation is open already.", "End it before opening another."),
  "encounter.none": w("Aucune consultation n'est ouverte.", "Ouvrez-en une depuis l'accueil.", "No consultation is open.", "Open one from the home screen."),
  "encounter.step": w("Ce n'est pas possible à cette étape.", "L'écran montre l'étape actuelle.", "This is not possible at this step.", "The screen shows the present step."),
  "encounter.closed": w("Cette consultation est close.", "Rien n'y entre plus.", "This consultation is closed.", "Nothing enters it any more."),
  "encounter.unknown": w("Cette consultation n'est plus ouverte.", "Choisissez depuis l'accueil.", "This consultation is no longer open.", "Choose from the home screen."),
  "scan.other_code": w("Ce n'est pas un Datamatrix INS.", "Cherchez le code carré près du nom, ou saisissez le patient.", "This is not an INS Datamatrix.", "Look for the square code near the name, or type the patient."),
  "scan.cut": w("Le code a été lu en partie.", "Tenez le document à plat et recommencez.", "The code was read in part.", "Hold the document flat and try again."),
};

const CALL: Record<string, Words> = {
  "call.interrupted": w("Liaison interrompue, reprise en cours.", "Tout ce qui est mesuré est gardé.", "Link interrupted, resuming.", "Everything measured is kept."),
  "call.connecting": w("La liaison avec le médecin s'établit.", "Quelques secondes suffisent.", "The link with the doctor is being made.", "It takes a few seconds."),
  "call.none": w("Aucun appel n'est en cours.", "Le dossier reste ouvert.", "No call is running.", "The file stays open."),
  "call.doctor_left": w("Le médecin a quitté l'appel.", "Il peut revenir ; le dossier reste ouvert.", "The doctor left the call.", "They can come back; the file stays open."),
  "call.taken": w("Un autre médecin a pris l'appel.", "Rien à faire.", "Another doctor took the call.", "Nothing to do."),
  "fingerprint.mismatch": w("L'appel est refusé : l'identité du médecin n'est pas prouvée.", "Rien n'a été transmis. Le dossier retourne dans la file ; prévenez l'assistance.", "The call is refused: the doctor's identity is not proved.", "Nothing was transmitted. The case returns to the queue; tell support."),
  "microphone.refused": w("Le navigateur refuse le micro.", "L'assistance doit l'autoriser. Le médecin est prévenu ; vous pouvez l'entendre.", "The browser refuses the microphone.", "Support must allow it. The doctor is told; you can hear them."),
  "microphone.absent": w("Aucun micro n'est branché.", "Branchez-le : il est repris seul. Le médecin est prévenu.", "No microphone is plugged in.", "Plug it in: it is taken up by itself. The doctor is told."),
  "microphone.busy": w("Un autre programme tient le micro.", "Débranchez et rebranchez-le. Le médecin est prévenu.", "Another program holds the microphone.", "Unplug it and plug it in again. The doctor is told."),
  "microphone.failed": w("Le micro ne donne rien.", "Débranchez et rebranchez-le. Le médecin est prévenu.", "The microphone gives nothing.", "Unplug it and plug it in again. The doctor is told."),
  "microphone.lost": w("Le micro a été débranché.", "Rebranchez-le : il est repris seul.", "The microphone was unplugged.", "Plug it in again: it is taken up by itself."),
  "local.failed": w("L'image locale ne passe pas.", "Elle est relancée toute seule.", "The local picture does not pass.", "It is restarted by itself."),
};

const PARTS: Record<string, Words> = {
  "camera.absent": w("La caméra est débranchée.", "Vérifiez son câble : l'image revient seule.", "The camera is unplugged.", "Check its cable: the picture comes back by itself."),
  "camera.silent": w("La caméra ne donne plus d'image.", "Débranchez et rebranchez-la : elle revient seule.", "The camera gives no picture any more.", "Unplug it and plug it in again: it comes back by itself."),
  "camera.lost": w("La caméra a été débranchée.", "Vérifiez son câble : l'image revient seule.", "The camera was unplugged.", "Check its cable: the picture comes back by itself."),
  "camera.busy": w("Un autre programme tient la caméra.", "Débranchez et rebranchez-la.", "Another program holds the camera.", "Unplug it and plug it in again."),
  "camera.failed": w("La caméra est en panne.", "La consultation peut continuer au son. Appelez l'assistance.", "The camera has failed.", "The consultation can go on with sound. Call support."),
  "relay.unreachable": w("Le serveur est injoignable.", "Vous pouvez continuer à mesurer : tout est gardé et partira seul.", "The server cannot be reached.", "You can go on measuring: everything is kept and leaves by itself."),
  "relay.busy": w("Le serveur est surchargé.", "Le poste réessaie seul.", "The server is overloaded.", "The unit tries again by itself."),
  "relay.certificate_expired": w("Le certificat du serveur a expiré.", "Appelez l'assistance. Les mesures sont gardées.", "The server's certificate has expired.", "Call support. Readings are kept."),
  "relay.certificate_foreign": w("Ce serveur n'est pas le vôtre.", "Rien ne lui est envoyé. Appelez l'assistance.", "This server is not yours.", "Nothing is sent to it. Call support."),
  "certificate.expired": w("Le certificat du poste a expiré.", "Appelez l'assistance. Les mesures sont gardées.", "This unit's certificate has expired.", "Call support. Readings are kept."),
  "certificate.revoked": w("Ce poste a été retiré du service.", "Appelez l'assistance. Ce qui est mesuré est gardé.", "This unit was taken out of service.", "Call support. What was measured is kept."),
  "identity.not_enrolled": w("Ce poste n'est pas encore en service.", "L'assistance doit l'enregistrer.", "This unit is not in service yet.", "Support must enrol it."),
  "clock.wrong": w("L'heure du poste est fausse.", "Elle se règle seule avec le réseau ; sinon appelez l'assistance.", "The unit's clock is wrong.", "It sets itself with the network; otherwise call support."),
  "store.full": w("Le disque du poste est plein.", "Aucune nouvelle mesure ne peut être gardée. Appelez l'assistance maintenant.", "The unit's disk is full.", "No new reading can be kept. Call support now."),
  "store.io": w("Le disque du poste ne répond pas bien.", "Appelez l'assistance avant la prochaine consultation.", "The unit's disk does not answer well.", "Call support before the next consultation."),
  "power.battery": w("Le poste est sur batterie.", "Vérifiez la prise de courant.", "The unit is on battery.", "Check the power plug."),
  "power.low": w("La batterie est presque vide.", "Branchez le poste. Ce qui est mesuré est gardé.", "The battery is almost empty.", "Plug the unit in. What was measured is kept."),
  "printer.absent": w("L'imprimante ne répond pas.", "Vérifiez qu'elle est allumée et branchée. Les ordonnances attendent.", "The printer does not answer.", "Check that it is on and plugged in. Prescriptions wait."),
  "printer.paper": w("L'imprimante n'a plus de papier.", "Remettez du papier : l'impression reprend.", "The printer is out of paper.", "Add paper: printing resumes."),
  "printer.failed": w("L'imprimante est en panne.", "Regardez son écran. Les ordonnances attendent.", "The printer has failed.", "Look at its display. Prescriptions wait."),
  "printer.door": w("Le capot de l'imprimante est ouvert.", "Fermez-le : l'impression reprend.", "The printer's cover is open.", "Close it: printing resumes."),
};

const INSTRUMENTS: Record<string, Words> = {
  "instrument.absent": w("L'instrument est introuvable.", "Vérifiez qu'il est allumé, proche et branché.", "The instrument is not found.", "Check that it is on, close and plugged in."),
  "instrument.silent": w("L'instrument ne répond plus.", "Éteignez-le, rallumez-le, puis recommencez.", "The instrument does not answer any more.", "Turn it off and on, then try again."),
  "instrument.busy": w("L'instrument mesure déjà.", "Attendez la fin de la mesure.", "The instrument is measuring already.", "Wait until it is done."),
  "instrument.unknown": w("Cet instrument n'est pas à bord.", "Choisissez-en un de la liste.", "This instrument is not on board.", "Choose one from the list."),
  "instrument.crashed": w("La liaison avec l'instrument s'est arrêtée.", "Elle est relancée toute seule.", "The link with the instrument stopped.", "It is restarted by itself."),
  "instrument.ended": w("L'instrument s'est arrêté.", "Rallumez-le : il est repris seul.", "The instrument stopped.", "Turn it on again: it is taken up by itself."),
  "radio.absent": w("La radio Bluetooth du poste ne répond pas.", "Débranchez et rebranchez sa clé.", "The unit's Bluetooth radio does not answer.", "Unplug its key and plug it in again."),
  "blood_pressure.unreadable": w("La réponse du tensiomètre ne se lit pas.", "Elle est gardée telle quelle. Recommencez la mesure.", "The monitor's answer cannot be read.", "It is kept as it came. Measure again."),
  "waveform.stopped": w("Le tracé est arrêté.", "Ce qui est enregistré est gardé.", "The trace is stopped.", "What was recorded is kept."),
  "still.unknown": w("Cette photo n'attend plus.", "Reprenez une photo si besoin.", "This photo is not waiting any more.", "Take another if needed."),
  "still.failed": w("La photo n'a pas pu être prise.", "Vérifiez le câble de la caméra peau, puis recommencez.", "The photo could not be taken.", "Check the skin camera's cable, then try again."),
};

const READINGS: Record<string, Words> = {
  from_memory: w("Mesure ancienne de l'appareil.", "Elle sort de sa mémoire.", "Old reading of the device.", "It comes from its memory."),
  implausible: w("Valeur peu vraisemblable.", "Recommencez la mesure.", "Hardly plausible value.", "Measure again."),
  time_unknown: w("Heure de mesure inconnue.", "L'appareil n'a pas l'heure.", "Time of measurement unknown.", "The device has no clock."),
  older_than_encounter: w("Prise avant cette consultation.", "Elle peut être d'un autre patient.", "Taken before this consultation.", "It may be another patient's."),
  "tray.older_than_encounter": w("Prise avant cette consultation.", "Elle peut être d'un autre patient : à qui appartient-elle ?", "Taken before this consultation.", "It may be another patient's: whose is it?"),
  "tray.no_encounter": w("Aucune consultation n'était ouverte.", "À qui appartient-elle ?", "No consultation was open.", "Whose is it?"),
  "tray.between_encounters": w("Prise entre deux patients.", "À qui appartient-elle ?", "Taken between two patients.", "Whose is it?"),
  "tray.time_unknown": w("L'heure de la mesure n'est pas connue.", "À qui appartient-elle ?", "The time of the reading is not known.", "Whose is it?"),
  "tray.unknown": w("Cette mesure n'est plus à ranger.", "Regardez la liste.", "This reading is no longer to be filed.", "Look at the list."),
  "tray.either_or": w("Choisissez : donner ou écarter.", "La mesure reste dans la liste.", "Choose: give or discard.", "The reading stays in the list."),
  body_movement: w("Le patient a bougé.", "Refaites la mesure au repos.", "The patient moved.", "Measure again at rest."),
  cuff_too_loose: w("Brassard trop lâche.", "Resserrez-le et recommencez.", "Cuff too loose.", "Tighten it and measure again."),
  irregular_pulse: w("Pouls irrégulier, dit l'appareil.", "Le médecin le voit aussi.", "Irregular pulse, the device says.", "The doctor sees it too."),
  pulse_above_range: w("Pouls au-dessus de la plage de l'appareil.", "", "Pulse above the device's range.", ""),
  pulse_below_range: w("Pouls en dessous de la plage de l'appareil.", "", "Pulse below the device's range.", ""),
  improper_position: w("Mauvaise position du bras.", "Bras à hauteur du cœur, puis recommencez.", "Arm in a wrong position.", "Arm at heart's height, then measure again."),
};

const PAPERS: Record<string, Words> = {
  "prescription.step": w("Cette ordonnance n'en est pas là.", "L'écran montre son étape actuelle.", "The prescription is not at that step.", "The screen shows its present step."),
  "prescription.unknown": w("Cette ordonnance n'est pas sur ce poste.", "Regardez la liste.", "This prescription is not on this unit.", "Look at the list."),
  "prescription.signature": w("La signature de l'ordonnance ne tient pas.", "Elle n'est pas imprimée. Le médecin est prévenu.", "The prescription's signature does not hold.", "It is not printed. The doctor is told."),
  "prescription.altered": w("L'ordonnance a été modifiée en chemin.", "Elle n'est pas imprimée. Le médecin est prévenu.", "The prescription was altered on its way.", "It is not printed. The doctor is told."),
  "prescription.signer": w("Le signataire n'est pas le médecin de la consultation.", "Elle n'est pas imprimée. Le médecin est prévenu.", "The signer is not the doctor of this consultation.", "It is not printed. The doctor is told."),
};

/** A family's words, for a code of it that has none of its own. */
const FAMILIES: Record<string, Words> = {
  kiosk: w("Le poste n'a pas pu faire cela.", "Rien n'a changé. Recommencez.", "The unit could not do that.", "Nothing changed. Try again."),
  pin: w("Le code n'a pas pu être vérifié.", "Essayez encore.", "The code could not be checked.", "Try again."),
  patient: w("L'identité n'est pas acceptée.", "Vérifiez les champs avec le patient.", "The identity is not accepted.", "Check the fields with the patient."),
  encounter: w("La consultation ne permet pas cela maintenant.", "L'écran montre où elle en est.", "The consultation does not allow that now.", "The screen shows where it stands."),
  call: w("L'appel a rencontré une difficulté.", "Il est repris seul ; le dossier est gardé.", "The call met a difficulty.", "It resumes by itself; the file is kept."),
  fingerprint: w("L'appel est refusé par sécurité.", "Rien n'a été transmis. Prévenez l'assistance.", "The call is refused for safety.", "Nothing was transmitted. Tell support."),
  binding: w("L'appel est refusé par sécurité.", "Rien n'a été transmis. Prévenez l'assistance.", "The call is refused for safety.", "Nothing was transmitted. Tell support."),
  microphone: w("Le micro ne marche pas.", "Débranchez et rebranchez-le. Le médecin est prévenu.", "The microphone does not work.", "Unplug it and plug it in again. The doctor is told."),
  camera: w("La caméra ne marche pas.", "Vérifiez son câble : l'image revient seule.", "The camera does not work.", "Check its cable: the picture comes back by itself."),
  relay: w("Le serveur ne répond pas comme il faut.", "Vous pouvez continuer : tout est gardé. Appelez l'assistance.", "The server does not answer as it should.", "You can go on: everything is kept. Call support."),
  link: w("Le réseau est perturbé.", "Vous pouvez continuer : tout est gardé et partira seul.", "The network is disturbed.", "You can go on: everything is kept and leaves by itself."),
  certificate: w("Le certificat du poste pose problème.", "Appelez l'assistance. Les mesures sont gardées.", "There is a problem with this unit's certificate.", "Call support. Readings are kept."),
  identity: w("Le poste ne peut pas prouver qui il est.", "Appelez l'assistance. Les mesures sont gardées.", "The unit cannot prove who it is.", "Call support. Readings are kept."),
  store: w("La mémoire du poste pose problème.", "Appelez l'assistance avant la prochaine consultation.", "There is a problem with the unit's memory.", "Call support before the next consultation."),
  power: w("L'alimentation pose problème.", "Vérifiez la prise de courant.", "There is a problem with the power.", "Check the power plug."),
  printer: w("L'imprimante pose problème.", "Regardez son écran. Les ordonnances attendent.", "There is a problem with the printer.", "Look at its display. Prescriptions wait."),
  print: w("L'impression n'a pas abouti.", "Regardez l'imprimante, puis imprimez à nouveau.", "Printing did not succeed.", "Look at the printer, then print again."),
  prescription: w("L'ordonnance demande votre attention.", "Regardez son état dans la liste.", "The prescription needs your attention.", "Look at its state in the list."),
  instrument: w("L'instrument pose problème.", "Éteignez-le, rallumez-le, puis recommencez.", "There is a problem with the instrument.", "Turn it off and on, then try again."),
  blood_pressure: w("La réponse du tensiomètre ne se lit pas.", "Elle est gardée. Recommencez la mesure.", "The monitor's answer cannot be read.", "It is kept. Measure again."),
  ecg: w("L'ECG ne répond pas comme il faut.", "Vérifiez son câble et les électrodes, puis recommencez.", "The ECG does not answer as it should.", "Check its cable and electrodes, then try again."),
  waveform: w("Le tracé s'est arrêté.", "Ce qui est enregistré est gardé. Redémarrez-le si besoin.", "The trace stopped.", "What was recorded is kept. Start it again if needed."),
  still: w("La photo n'a pas pu être prise.", "Vérifiez la caméra peau, puis recommencez.", "The photo could not be taken.", "Check the skin camera, then try again."),
  skin: w("La caméra peau ne marche pas.", "Vérifiez son câble.", "The skin camera does not work.", "Check its cable."),
  radio: w("La radio Bluetooth du poste ne marche pas.", "Débranchez et rebranchez sa clé.", "The unit's Bluetooth radio does not work.", "Unplug its key and plug it in again."),
  reading: w("Cette mesure n'a pas pu être rangée.", "Elle reste dans la liste. Recommencez.", "This reading could not be filed.", "It stays in the list. Try again."),
  tray: w("Cette mesure n'a pas pu être rangée.", "Elle reste dans la liste. Recommencez.", "This reading could not be filed.", "It stays in the list. Try again."),
  clock: w("L'heure du poste pose problème.", "Elle se règle seule avec le réseau.", "There is a problem with the unit's clock.", "It sets itself with the network."),
  date_time: w("L'heure de l'appareil ne se lit pas.", "L'heure de mesure reste inconnue.", "The device's time cannot be read.", "The time of measurement stays unknown."),
  sound: w("Le son ne passe pas.", "Débranchez et rebranchez le micro.", "Sound does not pass.", "Unplug the microphone and plug it in again."),
  media: w("L'image ou le son s'est arrêté.", "Ils sont relancés seuls.", "Picture or sound stopped.", "They are restarted by themselves."),
};

const UNKNOWN: Words = w(
  "Quelque chose demande votre attention.", "Ce qui est mesuré est gardé. Continuez ; si cela gêne, appelez l'assistance.",
  "Something needs your attention.", "What was measured is kept. Go on; if it gets in the way, call support.");

const ALL: Record<string, Words> = { ...PAGE, ...PATIENT, ...CALL, ...PARTS, ...INSTRUMENTS, ...READINGS, ...PAPERS };

/** Codes that stop something important; the rest asks to look. */
const STOPPING = new Set(["store.full", "fingerprint.mismatch", "certificate.revoked", "power.low", "relay.certificate_foreign"]);

export interface CodeWords {
  readonly what: string;
  readonly todo: string;
  /** The code itself, to be shown small, when it has no words of its own. */
  readonly code: string | null;
  readonly tone: "look" | "stop";
}

/** Says whether a code has words of its own; a test holds the list against the gateway's. */
export function hasWords(code: string): boolean {
  return Object.hasOwn(ALL, code);
}

/** The sentence of a code in the language of the moment. Never empty, never the code alone. */
export function codeWords(code: string, facts: Readonly<Record<string, string>> = {}): CodeWords {
  const own = hasWords(code) ? ALL[code] : undefined;
  const family = code.split(".")[0] ?? "";
  const words = own ?? (Object.hasOwn(FAMILIES, family) ? FAMILIES[family] : undefined) ?? UNKNOWN;
  const [what, todo] = language.value === "fr" ? words[0] : words[1];
  return {
    what: fill(what, facts),
    todo: fill(todo, facts),
    code: own === undefined ? code : null,
    tone: STOPPING.has(code) ? "stop" : "look",
  };
}
