// Words of the vitals panel: kinds, measures, units, times, and what stands where no number is.
import { catalogue, language } from "./core";
import { typographic } from "./kiosk_typography";
import type { Absent } from "../protocol/types";

export const sayMeasure = catalogue(
  typographic({
    vitals: "Mesures",
    none: "Aucune mesure pour l'instant.",
    trend: "Évolution",
    trend_title: "Évolution pendant la consultation",
    trend_close: "Fermer",
    trend_table: "Toutes les valeurs",
    trend_measure: "Mesure",
    trend_time: "Heure",
    trend_value: "Valeur",
    trend_more: "Les mesures anciennes ou d'heure inconnue ne sont que dans le tableau.",
    trend_plot: "{name}, de {from} à {to}",
    earlier: "Précédentes ({n})",
    colon: " : ",

    kind_blood_pressure: "Tension artérielle",
    kind_oximetry: "Saturation",
    kind_heart_rate: "Fréquence cardiaque",
    kind_temperature: "Température",
    kind_glucose: "Glycémie",
    kind_weight: "Poids",
    kind_body_composition: "Composition corporelle",
    kind_ecg_recording: "ECG enregistré",
    kind_unreadable: "Mesure illisible",
    kind_refused: "Mesure non retenue",
    refused_more: "Ce n'est pas une mesure de ce patient. Les données sont gardées telles quelles.",
    unreadable_more: "L'instrument a envoyé des données que le système ne sait pas lire. Elles sont gardées telles quelles.",

    systolic: "Systolique",
    diastolic: "Diastolique",
    mean_pressure: "Moyenne",
    cuff_pressure: "Pression du brassard",
    pulse: "Pouls",
    rr_interval: "RR",
    saturation: "SpO₂",
    saturation_fast: "SpO₂ rapide",
    saturation_slow: "SpO₂ lente",
    perfusion: "Perfusion",
    temperature: "Température",
    glucose: "Glycémie",
    hba1c: "HbA1c",
    ketone: "Cétonémie",
    weight: "Poids",
    height: "Taille",
    bmi: "IMC",
    fat: "Masse grasse",
    fat_free_mass: "Masse maigre",
    soft_lean_mass: "Masse maigre molle",
    water_mass: "Eau",
    metabolism: "Métabolisme de base",
    muscle_percentage: "Muscle",
    muscle_mass: "Masse musculaire",
    impedance: "Impédance",
    other: "Autre valeur (code {code})",
    pressure: "Tension",

    absent_nan: "pas de valeur",
    absent_high: "au-dessus de l'échelle",
    absent_low: "au-dessous de l'échelle",
    absent_error: "erreur de l'appareil",
    absent_missing: "non mesuré",

    implausible: "Valeur peu vraisemblable : à refaire",
    taken: "mesurée {age}",
    received: "reçue {age}",
    unknown: "heure de mesure inconnue, reçue {age}",
    old: "Mesure ancienne",
    old_at: "du {date}",
    clock_off: "horloge de l'appareil fausse de {by}",

    live: "En direct, non enregistré",
    live_of: "{number} · {name}",
    recording_show: "Afficher le tracé",
    recording_leads: "{n} dérivations",
    recording_seconds: "{n} s",
    recording_coming: "Le tracé arrive.",
  }),
  {
    vitals: "Measurements",
    none: "No measurement yet.",
    trend: "Trend",
    trend_title: "Trend during this consultation",
    trend_close: "Close",
    trend_table: "All values",
    trend_measure: "Measurement",
    trend_time: "Time",
    trend_value: "Value",
    trend_more: "Old measurements and those of an unknown time stand in the table only.",
    trend_plot: "{name}, {from} to {to}",
    earlier: "Earlier ({n})",
    colon: ": ",

    kind_blood_pressure: "Blood pressure",
    kind_oximetry: "Oxygen saturation",
    kind_heart_rate: "Heart rate",
    kind_temperature: "Temperature",
    kind_glucose: "Blood glucose",
    kind_weight: "Weight",
    kind_body_composition: "Body composition",
    kind_ecg_recording: "ECG recording",
    kind_unreadable: "Unreadable measurement",
    kind_refused: "Measurement not kept",
    refused_more: "This is no measurement of this patient. The data are kept as they came.",
    unreadable_more: "The instrument sent data that the system cannot read. They are kept as they came.",

    systolic: "Systolic",
    diastolic: "Diastolic",
    mean_pressure: "Mean",
    cuff_pressure: "Cuff pressure",
    pulse: "Pulse",
    rr_interval: "RR",
    saturation: "SpO₂",
    saturation_fast: "SpO₂, fast",
    saturation_slow: "SpO₂, slow",
    perfusion: "Perfusion",
    temperature: "Temperature",
    glucose: "Glucose",
    hba1c: "HbA1c",
    ketone: "Ketones",
    weight: "Weight",
    height: "Height",
    bmi: "BMI",
    fat: "Body fat",
    fat_free_mass: "Fat-free mass",
    soft_lean_mass: "Soft lean mass",
    water_mass: "Water",
    metabolism: "Basal metabolism",
    muscle_percentage: "Muscle",
    muscle_mass: "Muscle mass",
    impedance: "Impedance",
    other: "Other value (code {code})",
    pressure: "Blood pressure",

    absent_nan: "no value",
    absent_high: "above the scale",
    absent_low: "below the scale",
    absent_error: "instrument error",
    absent_missing: "not measured",

    implausible: "Implausible value: measure again",
    taken: "measured {age}",
    received: "received {age}",
    unknown: "time of measurement unknown, received {age}",
    old: "Old measurement",
    old_at: "of {date}",
    clock_off: "instrument's clock is wrong by {by}",

    live: "Live, not stored",
    live_of: "{number} · {name}",
    recording_show: "Show the trace",
    recording_leads: "{n} leads",
    recording_seconds: "{n} s",
    recording_coming: "The trace is coming.",
  },
);

/** Why there is no number, in words. */
export function absentWords(absent: Absent | null): string {
  switch (absent) {
    case "not-a-number":
      return sayMeasure("absent_nan");
    case "positive-infinity":
      return sayMeasure("absent_high");
    case "negative-infinity":
      return sayMeasure("absent_low");
    case "error":
      return sayMeasure("absent_error");
    case null:
      return sayMeasure("absent_missing");
  }
}

/** UCUM units as the clinic writes them; one that is not listed is shown as it came. */
const UNITS: Readonly<Record<string, string>> = {
  "mm[Hg]": "mmHg",
  "{beats}/min": "/min",
  Cel: "°C",
  "[degF]": "°F",
  "kg/m2": "kg/m²",
  "[lb_av]": "lb",
  "[in_i]": "in",
  Ohm: "Ω",
  "1": "",
};

export const unitWords = (ucum: string): string => UNITS[ucum] ?? ucum;

/** A stretch of time that a clock is wrong by, in the coarsest unit that says it. */
export function offsetWords(seconds: number): string {
  const size = Math.abs(seconds);
  if (size < 3600) return `${Math.round(size / 60)} min`;
  if (size < 172_800) return `${Math.round(size / 3600)} h`;
  return language.value === "fr" ? `${Math.round(size / 86_400)} j` : `${Math.round(size / 86_400)} d`;
}
