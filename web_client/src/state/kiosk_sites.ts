// Places on the body that a still can be of: those of a camera, the skin's by region, and the stills a new one can be framed like. Pure.
import { BODY_SITES } from "../protocol/constants";
import type { InstrumentKind, Still } from "../protocol/types";

export interface Site {
  readonly code: string;
  readonly en: string;
  readonly fr: string;
}

export type Region = "head" | "trunk" | "arm" | "leg";

export const REGIONS: readonly Region[] = ["head", "trunk", "arm", "leg"];

/** SNOMED CT concepts of the skin's sites, by the region where a hand looks for them. */
const REGION_OF: Readonly<Record<Region, readonly string[]>> = {
  head: ["43067004", "73897004", "68698007", "362916000", "113179006", "36141000", "88089004", "23747009", "1902009", "43081002"],
  trunk: ["74160004", "75093004", "66643007", "113182001", "22180002", "76261009", "39687006", "60944009"],
  arm: ["16982005", "40983000", "127949000", "14975008", "8205005", "33712006", "70887009", "244169007", "770809003"],
  leg: ["68367000", "72696002", "30021000", "344001", "60496002", "52034004", "770805009"],
};

/** What a camera of this kind can look at. */
export function sitesOf(kind: InstrumentKind): readonly Site[] {
  return BODY_SITES.filter((site) => site.kind === kind);
}

export function sitesIn(region: Region): readonly Site[] {
  return sitesOf("skin_camera").filter((site) => REGION_OF[region].includes(site.code));
}

export function regionOf(code: string): Region | null {
  return REGIONS.find((region) => REGION_OF[region].includes(code)) ?? null;
}

export function siteOf(code: string): Site | null {
  return BODY_SITES.find((site) => site.code === code) ?? null;
}

/** The name as the screens show it; SNOMED CT's English names carry its grammar. */
export function siteName(site: Site, language: "fr" | "en"): string {
  if (language === "fr") return site.fr;
  const plain = site.en.replace(/^Skin of (?:the )?/i, "").replace(/ (?:region )?structure$/i, "").replace(/ of hand$/, "").trim();
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** Earlier stills of this camera that a new one can be framed like, the newest first; one a series is enough: its last. */
export function framedLike(stills: readonly Still[], instrumentId: string): readonly Still[] {
  const own = stills.filter((still) => still.device.device_id === instrumentId);
  const followed = new Set(own.map((still) => still.like));
  return own.filter((still) => !followed.has(still.still_id)).reverse();
}

/** Width of the picture in whole millimetres, where a scale marker was seen; null where none was. */
export function widthInMillimetres(still: Still): number | null {
  return still.pixel_mm === null ? null : Math.round(Number(still.pixel_mm) * still.width);
}
