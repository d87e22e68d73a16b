// Draws the PDF that will be signed: the doctor reads these bytes, not a copy of the text. The only importer of pdf.js.
import { getDocument, GlobalWorkerOptions } from "pdfjs-dist";
import workerUrl from "pdfjs-dist/build/pdf.worker.min.mjs?url";

/** The one script address made at run time: the relay's policy names this Trusted Types policy and no other. */
const worker = window.trustedTypes?.createPolicy("passerelle-worker", {
  createScriptURL: (address) => {
    if (address !== workerUrl) throw new TypeError("not the worker of the preview");
    return address;
  },
});

GlobalWorkerOptions.workerPort = new Worker((worker?.createScriptURL(workerUrl) ?? workerUrl) as string, { type: "module" });

/** Twice the CSS size: small print stays sharp on every screen. */
const SHARPNESS = 2;
/** A prescription of twenty lines is three pages; more is not one of ours. */
const PAGES_MAX = 10;

/** The pages as canvases of the given CSS width; throws when a page cannot be drawn. */
export async function drawPages(pdf: Uint8Array<ArrayBuffer>, width: number): Promise<HTMLCanvasElement[]> {
  // pdf.js takes the buffer away from whoever gives it.
  const loading = getDocument({ data: pdf.slice(), disableFontFace: true, useSystemFonts: false, useWasm: false, isEvalSupported: false });
  try {
    const document = await loading.promise;
    if (document.numPages > PAGES_MAX) throw new Error("too many pages");
    const pages: HTMLCanvasElement[] = [];
    for (let number = 1; number <= document.numPages; number += 1) {
      const page = await document.getPage(number);
      const scale = (width * SHARPNESS) / page.getViewport({ scale: 1 }).width;
      const viewport = page.getViewport({ scale });
      const canvas = window.document.createElement("canvas");
      canvas.width = Math.ceil(viewport.width);
      canvas.height = Math.ceil(viewport.height);
      await page.render({ canvas, viewport }).promise;
      pages.push(canvas);
    }
    return pages;
  } finally {
    await loading.destroy();
  }
}
