// A link as a QR code (ISO/IEC 18004). The only importer of lean-qr.
import { correction, generate } from "lean-qr";

/** The quiet zone that readers want (ISO/IEC 18004, 9.1). */
const QUIET = 4;

/** CSS pixels of a module: a telephone reads it at arm's length from a screen, and modules are all the same size. */
const MODULE = 4;

/** Draws the link, dark on light in every theme. */
export function drawLink(canvas: HTMLCanvasElement, link: string): void {
  generate(link, { minCorrectionLevel: correction.M }).toCanvas(canvas, {
    on: [0, 0, 0, 255],
    off: [255, 255, 255, 255],
    pad: QUIET,
  });
  // One pixel for each module; the style makes them large and keeps them sharp.
  canvas.style.width = canvas.style.height = `${canvas.width * MODULE}px`;
}
