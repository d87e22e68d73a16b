// Times, ages and numbers as the language of the screen writes them.
import { catalogue, language } from "./core";

const words = catalogue(
  {
    now: "à l'instant",
    seconds: "il y a {n} s",
    minutes: "il y a {n} min",
    hours: "il y a {h} h {m}",
    days: "il y a {n} j",
    unknown: "heure inconnue",
  },
  {
    now: "just now",
    seconds: "{n} s ago",
    minutes: "{n} min ago",
    hours: "{h} h {m} ago",
    days: "{n} d ago",
    unknown: "time unknown",
  },
);

const locale = () => (language.value === "fr" ? "fr-FR" : "en-GB");

/** Age of a moment, in words; milliseconds since the epoch. A moment in the future is now. */
export function age(at: number | null, now: number): string {
  if (at === null || Number.isNaN(at)) return words("unknown");
  const seconds = Math.floor((now - at) / 1000);
  if (seconds < 5) return words("now");
  if (seconds < 60) return words("seconds", { n: seconds });
  if (seconds < 3600) return words("minutes", { n: Math.floor(seconds / 60) });
  if (seconds < 86_400) {
    const minutes = Math.floor((seconds % 3600) / 60);
    return words("hours", { h: Math.floor(seconds / 3600), m: String(minutes).padStart(2, "0") });
  }
  return words("days", { n: Math.floor(seconds / 86_400) });
}

/** A running duration: `m:ss`, or `h:mm:ss`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  const tail = `${String(m).padStart(h > 0 ? 2 : 1, "0")}:${String(s).padStart(2, "0")}`;
  return h > 0 ? `${h}:${tail}` : tail;
}

/** Hour and minute (and second) of a moment. */
export function clock(at: number | string, seconds = false): string {
  return new Intl.DateTimeFormat(locale(), {
    hour: "2-digit",
    minute: "2-digit",
    ...(seconds ? { second: "2-digit" } : {}),
  }).format(new Date(at));
}

/** A day of the calendar from `YYYY-MM-DD`, without a time zone. */
export function day(iso: string): string {
  const [y, m, d] = iso.split("-");
  return y === undefined || m === undefined || d === undefined ? iso : `${d}/${m}/${y}`;
}

/** Whole years between a birth date `YYYY-MM-DD` and a moment; null when the date is not one. */
export function years(birth: string, now: number): number | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(birth);
  if (match === null) return null;
  const [y, m, d] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const today = new Date(now);
  const had = today.getMonth() + 1 > m || (today.getMonth() + 1 === m && today.getDate() >= d);
  return today.getFullYear() - y - (had ? 0 : 1);
}

/** A decimal as it came from the instrument, its precision kept, with the decimal mark of the language. */
export function decimal(text: string): string {
  return language.value === "fr" ? text.replace(".", ",") : text;
}
