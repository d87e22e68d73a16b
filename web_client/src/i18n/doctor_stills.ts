// Words of the stills: thumbnails, the viewer, measuring, comparing, and the places on the body.
import { BODY_SITES } from "../protocol/constants";
import { catalogue, language } from "./core";
import { typographic } from "./kiosk_typography";

export const sayStill = catalogue(
  typographic({
    stills: "Photos",
    open: "Ouvrir la photo de {time}, {site}",
    no_site: "endroit non précisé",
    site_code: "endroit (code {code})",
    series: "Série {n}/{all}",
    sharp: "Nette",
    blurred: "Floue",
    dark: "Trop sombre",
    glare: "Reflet",
    coming: "Chargement {percent} %",
    thumbnail: "Aperçu : la photo entière arrive.",
    waits: "La photo arrive dès que la liaison revient.",
    damaged: "La photo est arrivée abîmée.",
    again: "Redemander la photo",
    close: "Fermer",
    before: "Photo précédente",
    after: "Photo suivante",
    zoom_in: "Agrandir",
    zoom_out: "Réduire",
    whole: "Photo entière",
    look: "Voir",
    measure: "Mesurer",
    compare: "Comparer",
    mode: "Que faire de la photo",
    hint_look: "Molette, deux doigts, boutons ou + et − pour agrandir ; glisser ou flèches pour déplacer.",
    hint_measure: "Glissez d'un point à l'autre, ou flèches du clavier. Espace : autre pointe.",
    mm: "{mm} mm",
    px: "{px} pixels",
    no_scale: "Pas de repère d'échelle sur cette photo : les longueurs sont en pixels, pas en millimètres.",
    scale: "Échelle du repère : {um} µm par pixel",
    ruler: "{mm} mm",
    compare_with: "Comparer avec",
    compare_option: "{time}, {site}",
    compare_option_series: "{time}, {site} (même série)",
    side: "Côte à côte",
    slider: "Superposées",
    arrangement: "Disposition",
    split: "Limite entre les deux photos",
    same_scale: "Même échelle en millimètres.",
    other_scale: "Échelles inconnues : les tailles ne se comparent pas.",
    pixels: "{percent} %",
    title: "{site} · {device}, {time}",
  }),
  {
    stills: "Pictures",
    open: "Open the picture of {time}, {site}",
    no_site: "place not said",
    site_code: "place (code {code})",
    series: "Series {n}/{all}",
    sharp: "Sharp",
    blurred: "Blurred",
    dark: "Too dark",
    glare: "Glare",
    coming: "Loading {percent} %",
    thumbnail: "Preview: the whole picture is coming.",
    waits: "The picture comes as soon as the connection is back.",
    damaged: "The picture arrived damaged.",
    again: "Ask for the picture again",
    close: "Close",
    before: "Previous picture",
    after: "Next picture",
    zoom_in: "Enlarge",
    zoom_out: "Reduce",
    whole: "Whole picture",
    look: "Look",
    measure: "Measure",
    compare: "Compare",
    mode: "What to do with the picture",
    hint_look: "Wheel, two fingers, buttons or + and − to zoom; drag or arrow keys to move.",
    hint_measure: "Drag from one point to another, or use the arrow keys. Space: other point.",
    mm: "{mm} mm",
    px: "{px} pixels",
    no_scale: "No scale marker in this picture: lengths are in pixels, not in millimetres.",
    scale: "Scale of the marker: {um} µm per pixel",
    ruler: "{mm} mm",
    compare_with: "Compare with",
    compare_option: "{time}, {site}",
    compare_option_series: "{time}, {site} (same series)",
    side: "Side by side",
    slider: "Overlaid",
    arrangement: "Arrangement",
    split: "Border between the two pictures",
    same_scale: "Same scale in millimetres.",
    other_scale: "Scales unknown: sizes do not compare.",
    pixels: "{percent} %",
    title: "{site} · {device}, {time}",
  },
);

/** SNOMED CT's name without what only a terminology needs: `Skin of chest` is the chest. */
function plain(name: string): string {
  const word = name.replace(/^Skin of /, "").replace(/ (region )?structure$/, "");
  return word.charAt(0).toUpperCase() + word.slice(1);
}

interface SiteNames {
  readonly code: string;
  readonly en: string;
  readonly fr: string;
}

const SITES = new Map(BODY_SITES.map((site: SiteNames) => [site.code, site] as const));

/** The place on the body in words; a concept that is not ours shows its code. */
export function siteWords(code: string): string {
  if (code === "") return sayStill("no_site");
  const site = SITES.get(code);
  if (site === undefined) return sayStill("site_code", { code });
  return language.value === "fr" ? site.fr : plain(site.en);
}
