// Words of the instruments on the nurse's touchscreen: names, what to do with each, live values, cameras, stethoscope.
import type { InstrumentKind } from "../protocol/types";
import { catalogue, language } from "./core";
import { typographic, unbroken } from "./kiosk_typography";

interface KindWords {
  readonly name: string;
  /** On a tile. */
  readonly short: string;
  /** How to measure with it. */
  readonly how: string;
  /** While it sleeps: what wakes it. */
  readonly asleep: string;
  /** What to do when it is not found. */
  readonly absent: string;
}

const kind = (name: string, short: string, how: string, asleep: string, absent: string): KindWords =>
  ({ name, short, how: unbroken(how), asleep: unbroken(asleep), absent: unbroken(absent) });

const FRENCH: Record<InstrumentKind, KindWords> = {
  blood_pressure: kind("Tension", "Tension", "Posez le brassard, appuyez sur START.", "Prêt à mesurer : posez le brassard, appuyez sur START de l'appareil.", "Approchez le tensiomètre et appuyez sur son bouton."),
  thermometer: kind("Température", "Température", "Prenez la température : le résultat arrive seul.", "Prêt à mesurer : prenez la température avec l'appareil.", "Approchez le thermomètre et appuyez sur son bouton."),
  oximeter: kind("Oxymètre", "Oxymètre", "Placez-le sur un doigt chaud et immobile.", "Prêt à mesurer : placez-le sur le doigt, il s'allume.", "Approchez l'oxymètre et allumez-le."),
  glucose_meter: kind("Glycémie", "Glycémie", "Faites la mesure sur le lecteur : elle arrive seule.", "Prêt à mesurer : insérez une bandelette dans le lecteur.", "Approchez le lecteur de glycémie et allumez-le."),
  scale: kind("Balance", "Balance", "Le patient monte pieds nus et ne bouge plus.", "Prête à mesurer : le patient monte dessus.", "Approchez la balance et posez le pied dessus pour l'allumer."),
  heart_rate_belt: kind("Ceinture cardiaque", "Ceinture", "Humidifiez les électrodes, serrez la ceinture.", "Prête à mesurer : humidifiez et serrez la ceinture.", "Approchez la ceinture, électrodes humides sur la peau."),
  ecg: kind("ECG", "ECG", "Posez les électrodes, puis démarrez.", "Posez les électrodes, puis démarrez.", "Vérifiez le câble de l'ECG, ou mettez sa ceinture."),
  ctg: kind("Monitoring fœtal", "Monitoring", "Placez les deux capteurs, puis démarrez.", "Allumez le moniteur, puis démarrez.", "Vérifiez que le moniteur fœtal est allumé et son câble branché."),
  skin_camera: kind("Caméra peau", "Peau", "Posez le repère d'échelle, prenez la photo.", "Ouvrez-la : elle s'allume seule.", "Vérifiez le câble de la caméra peau."),
  otoscope: kind("Otoscope", "Otoscope", "Mettez un embout propre, ouvrez l'image.", "Ouvrez-le : il s'allume seul.", "Vérifiez le câble de l'otoscope."),
  intraoral_camera: kind("Caméra buccale", "Bouche", "Mettez une protection neuve, ouvrez l'image.", "Ouvrez-la : elle s'allume seule.", "Vérifiez le câble de la caméra buccale."),
  ultrasound: kind("Échographe", "Échographe", "Allumez l'échographe, ouvrez l'image.", "Allumez l'échographe.", "Vérifiez le câble entre l'échographe et le poste."),
  stethoscope: kind("Stéthoscope", "Stéthoscope", "Posez le pavillon sur la peau.", "Allumez-le, posez le pavillon sur la peau.", "Vérifiez le câble du stéthoscope."),
};

const ENGLISH: Record<InstrumentKind, KindWords> = {
  blood_pressure: kind("Blood pressure", "Pressure", "Put the cuff on, press START.", "Ready to measure: put the cuff on, press the device's START.", "Bring the monitor close and press its button."),
  thermometer: kind("Temperature", "Temperature", "Take the temperature: the result comes by itself.", "Ready to measure: take the temperature with the device.", "Bring the thermometer close and press its button."),
  oximeter: kind("Oximeter", "Oximeter", "Put it on a warm finger that keeps still.", "Ready to measure: put it on the finger, it turns on.", "Bring the oximeter close and turn it on."),
  glucose_meter: kind("Blood glucose", "Glucose", "Measure on the meter: the result comes by itself.", "Ready to measure: put a strip into the meter.", "Bring the glucose meter close and turn it on."),
  scale: kind("Scale", "Scale", "The patient steps on barefoot and keeps still.", "Ready to measure: the patient steps on it.", "Bring the scale close and tap it with a foot to turn it on."),
  heart_rate_belt: kind("Heart rate belt", "Belt", "Moisten the electrodes, tighten the belt.", "Ready to measure: moisten and tighten the belt.", "Bring the belt close, its wet electrodes on the skin."),
  ecg: kind("ECG", "ECG", "Place the electrodes, then start.", "Place the electrodes, then start.", "Check the ECG's cable, or put its belt on."),
  ctg: kind("Fetal monitor", "Fetal", "Place both transducers, then start.", "Turn the monitor on, then start.", "Check that the fetal monitor is on and its cable plugged in."),
  skin_camera: kind("Skin camera", "Skin", "Put the scale marker down, take the photo.", "Open it: it turns on by itself.", "Check the skin camera's cable."),
  otoscope: kind("Otoscope", "Otoscope", "Put a clean speculum on, open the picture.", "Open it: it turns on by itself.", "Check the otoscope's cable."),
  intraoral_camera: kind("Mouth camera", "Mouth", "Put a new sleeve on, open the picture.", "Open it: it turns on by itself.", "Check the mouth camera's cable."),
  ultrasound: kind("Ultrasound", "Ultrasound", "Turn the ultrasound machine on, open the picture.", "Turn the ultrasound machine on.", "Check the cable between the ultrasound machine and the unit."),
  stethoscope: kind("Stethoscope", "Stethoscope", "Put the chest piece on the skin.", "Turn it on, put the chest piece on the skin.", "Check the stethoscope's cable."),
};

/** The words of a kind of instrument in the language of the moment. */
export function kindWords(of: InstrumentKind): KindWords {
  return (language.value === "fr" ? FRENCH : ENGLISH)[of];
}

export const sayInstrument = catalogue(
  typographic({
    live_now: "en cours, pas encore enregistré",
    battery_low: "Pile faible : {n} %",
    tray_one: "1 mesure à ranger",
    tray_some: "{n} mesures à ranger",
    tray_old_one: "Elle n'est pas entrée dans ce dossier : à qui est-elle ?",
    tray_old_some: "Elles ne sont pas entrées dans ce dossier : à qui sont-elles ?",
    card_close: "Replier",
    measured: "Reçue {age}",
    cart: "Les enregistrements du chariot arrivent seuls.",

    photo_one: "1 photo",
    photo_some: "{n} photos",
    photos_kept: "Gardé dans ce dossier : {photos}.",

    tile_photo: "Photo",
    tile_asked: "Demandé",
    tile_absent: "Absent",
    tile_failed: "À voir",
    tile_measuring: "En cours",
    tile_shown: "Montrée",
    tile_listening: "Écouté",
    tile_tray: "À ranger",
    tile_value: "Mesuré",
    tile_asleep: "En veille",
    tile_again: "À refaire",
    tile_ready: "Prêt",

    stream_start: "Démarrer",
    stream_stop: "Arrêter",
    trace_wait: "Le tracé arrive…",
    trace_fetal: "Rythme fœtal",

    camera_open: "Ouvrir l'image",
    camera_show: "Montrer au médecin",
    camera_shown: "Le médecin voit cette caméra.",
    camera_room: "Revenir à la caméra de la pièce",
    listen_start: "Faire écouter au médecin",
    listen_stop: "Arrêter l'écoute",
    listening: "Le médecin écoute. Posez le pavillon sur la peau, sans parler.",
    listen_in_call: "Le médecin pourra l'écouter pendant l'appel.",
  }),
  {
    live_now: "in progress, not stored yet",
    battery_low: "Battery low: {n} %",
    tray_one: "1 reading to file",
    tray_some: "{n} readings to file",
    tray_old_one: "It did not enter this file: whose is it?",
    tray_old_some: "They did not enter this file: whose are they?",
    card_close: "Fold",
    measured: "Received {age}",
    cart: "The cart's recordings come by themselves.",

    photo_one: "1 photo",
    photo_some: "{n} photos",
    photos_kept: "Kept in this file: {photos}.",

    tile_photo: "Photo",
    tile_asked: "Asked",
    tile_absent: "Missing",
    tile_failed: "Look",
    tile_measuring: "Running",
    tile_shown: "Shown",
    tile_listening: "Heard",
    tile_tray: "To file",
    tile_value: "Measured",
    tile_asleep: "Asleep",
    tile_again: "Redo",
    tile_ready: "Ready",

    stream_start: "Start",
    stream_stop: "Stop",
    trace_wait: "The trace is coming…",
    trace_fetal: "Fetal heart rate",

    camera_open: "Open the picture",
    camera_show: "Show the doctor",
    camera_shown: "The doctor sees this camera.",
    camera_room: "Back to the room camera",
    listen_start: "Let the doctor listen",
    listen_stop: "Stop listening",
    listening: "The doctor listens. Put the chest piece on the skin and do not speak.",
    listen_in_call: "The doctor can listen to it during the call.",
  },
);
