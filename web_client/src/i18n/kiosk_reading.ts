// Words beside a reading on the nurse's touchscreen: circumstances, recordings, times.
import { catalogue, language } from "./core";
import { READING_WORDS } from "./doctor_reading_codes";
import { typographic, unbroken } from "./kiosk_typography";

export const sayReading = catalogue(
  typographic({
    received: "reçue à {at}",
    recording: "ECG enregistré",
    device_time: "l'appareil dit {time}",
  }),
  {
    received: "received at {at}",
    recording: "ECG recording",
    device_time: "the device says {time}",
  },
);

/** What a circumstance means (`meal_fasting`); null for one that has no words. */
export function contextWords(code: string): string | null {
  const words = Object.hasOwn(READING_WORDS, code) ? READING_WORDS[code] : undefined;
  if (words === undefined) return null;
  return language.value === "fr" ? unbroken(words[0]) : words[1];
}
