// Where on the body a photo is of: one button that says it, and a sheet of large places.
import { useSignal } from "@preact/signals";
import { language } from "../i18n/core";
import { sayStill } from "../i18n/kiosk_stills";
import type { InstrumentKind } from "../protocol/types";
import { type Region, regionOf, REGIONS, siteName, siteOf, sitesIn, sitesOf } from "../state/kiosk_sites";
import { useKiosk } from "./context";
import { Press, Sheet } from "./parts";

/** The place's name; words for one that was not said. */
export function siteWords(code: string): string {
  const site = siteOf(code);
  return site === null ? sayStill("site_none") : siteName(site, language.value);
}

export function SiteChoice({ kind }: { kind: InstrumentKind }) {
  const { desk } = useKiosk();
  const open = useSignal(false);
  const { site } = desk.photo.value;
  const pick = (code: string): void => {
    desk.photo.value = { ...desk.photo.peek(), site: code };
    open.value = false;
  };
  return (
    <>
      <Press id="site-open" icon="user" look="plain" press={() => { open.value = true; }}>
        <span class="site-words">{siteWords(site)}</span>
      </Press>
      {open.value && (
        <Sheet id="site" title={sayStill("site_title")} close={() => { open.value = false; }}>
          {kind === "skin_camera" ? <Regions chosen={site} pick={pick} /> : <Sites sites={sitesOf(kind).map((each) => each.code)} chosen={site} pick={pick} />}
          <div class="site-foot">
            <Press id="site-none" look="quiet" press={() => pick("")}>
              {sayStill("site_forget")}
            </Press>
          </div>
        </Sheet>
      )}
    </>
  );
}

function Regions({ chosen, pick }: { chosen: string; pick: (code: string) => void }) {
  const region = useSignal<Region>(regionOf(chosen) ?? "head");
  return (
    <>
      <div class="regions" role="tablist">
        {REGIONS.map((each) => (
          <Press key={each} id={`region-${each}`} size="wide" pressed={region.value === each} press={() => { region.value = each; }}>
            {sayStill(`region_${each}`)}
          </Press>
        ))}
      </div>
      <Sites sites={sitesIn(region.value).map((each) => each.code)} chosen={chosen} pick={pick} />
    </>
  );
}

function Sites({ sites, chosen, pick }: { sites: readonly string[]; chosen: string; pick: (code: string) => void }) {
  return (
    <div class="sites">
      {sites.map((code) => (
        <Press key={code} id={`site-${code}`} size="wide" pressed={code === chosen} press={() => pick(code)}>
          {siteWords(code)}
        </Press>
      ))}
    </div>
  );
}
