// Words beside a reading on the nurse's touchscreen: circumstances, recordings, times.
import { catalogue, language } from "./core";
import { READING_WORDS } from "./doctor_reading_codes";
import { typographic, unbroken } from "./kiosk_typography";

export const sayReading = catalogue(
  typographic({
    received: "reçue à {at}",
    recording: "ECG enregistré",
    taken: "Mesurée le {day} à {at}",
    taken_unknown: "Heure de mesure inconnue. Reçue le {day} à {at}",
    device_time: "l'horloge de l'appareil dit {time}",
  }),
  {
    received: "received at {at}",
    recording: "ECG recording",
    taken: "Measured on {day} at {at}",
    taken_unknown: "Time of measurement unknown. Received on {day} at {at}",
    device_time: "the device's clock says {time}",
  },
);

/** What a circumstance means (`meal_fasting`); null for one that has no words. */
export function contextWords(code: string): string | null {
  const words = Object.hasOwn(READING_WORDS, code) ? READING_WORDS[code] : undefined;
  if (words === undefined) return null;
  return language.value === "fr" ? unbroken(words[0]) : words[1];
}
