// A link as a QR code (ISO/IEC 18004). The only importer of lean-qr.
import { correction, generate } from "lean-qr";

/** The quiet zone that readers want (ISO/IEC 18004, 9.1). */
const QUIET = 4;

/** Draws the link with one pixel for each module, dark on light in every theme; CSS makes it large. */
export function drawLink(canvas: HTMLCanvasElement, link: string): void {
  generate(link, { minCorrectionLevel: correction.M }).toCanvas(canvas, {
    on: [0, 0, 0, 255],
    off: [255, 255, 255, 255],
    pad: QUIET,
  });
}
