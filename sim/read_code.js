// Reads the moving code of sim/camera.py from a <video> (or canvas); null when there is no sound code.
// Geometry: see the docstring of sim/camera.py.
function passerelleReadCode(video) {
  const width = video.videoWidth || video.width;
  const height = video.videoHeight || video.height;
  if (!width || !height) return null;
  const cell = width / 40;
  const canvas = passerelleReadCode.canvas || (passerelleReadCode.canvas = document.createElement("canvas"));
  const top = Math.floor(height - 1.5 * cell);
  if (canvas.width !== width || canvas.height !== height - top) {
    canvas.width = width;
    canvas.height = height - top;
  }
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(video, 0, top, width, height - top, 0, 0, width, height - top);
  const y = Math.floor(height - 1.25 * cell + 0.3 * cell) - top;
  const rows = Math.max(1, Math.ceil(0.4 * cell));
  const strip = context.getImageData(0, y, width, rows).data;
  const levels = [];
  for (let i = 0; i < 30; i++) {
    const left = Math.floor((0.25 + i + 0.3) * cell);
    const right = Math.ceil((0.25 + i + 0.7) * cell);
    let sum = 0;
    for (let r = 0; r < rows; r++) for (let x = left; x < right; x++) sum += strip[4 * (r * width + x) + 1];
    levels.push(sum / (rows * (right - left)));
  }
  const white = (levels[0] + levels[2]) / 2;
  const black = (levels[1] + levels[3]) / 2;
  if (white - black < 50) return null;
  const squares = levels.map((level) => (level > (white + black) / 2 ? 1 : 0));
  const word = squares.slice(4, 20).reduce((value, bit) => (value << 1) | bit, 0);
  const check = squares.slice(20, 28).reduce((value, bit) => (value << 1) | bit, 0);
  let crc = 0xff;
  for (const byte of [word >> 8, word & 0xff]) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = crc & 0x80 ? ((crc << 1) ^ 0x07) & 0xff : crc << 1;
  }
  const framed = squares[0] && !squares[1] && squares[2] && !squares[3] && !squares[28] && squares[29];
  return framed && crc === check ? word : null;
}
