// A QR code (ISO/IEC 18004) for a short text: bytes, error correction level L, versions 1 to 6, mask 0. Drawn as SVG.

/** By version: blocks, data codewords of each, error correction codewords of each. */
const BLOCKS = [null, [1, 19, 7], [1, 34, 10], [1, 55, 15], [1, 80, 20], [1, 108, 26], [2, 68, 18]];
/** Level L with mask 0, after its own error correction. */
const FORMAT = 0x77c4;
const QUIET = 4;

/** Undefined when the text has more than 134 octets. */
export function qrCode(text, label) {
  const octets = [...new TextEncoder().encode(text)];
  const version = BLOCKS.findIndex((row) => row && row[0] * row[1] >= octets.length + 2);
  if (version < 0) return undefined;
  const modules = draw(version, codewords(octets, BLOCKS[version]));
  const size = modules.length + 2 * QUIET;
  const path = modules.flatMap((row, y) =>
    row.flatMap((dark, x) => (dark ? [`M${x + QUIET} ${y + QUIET}h1v1h-1z`] : [])),
  );
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  for (const [name, value] of Object.entries({
    viewBox: `0 0 ${size} ${size}`,
    class: 'qr',
    role: 'img',
    'aria-label': label,
  }))
    svg.setAttribute(name, value);
  const dots = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  dots.setAttribute('d', path.join(''));
  svg.append(dots);
  return svg;
}

/** Mode, length, octets and padding, in blocks that stand interleaved, their error correction behind them. */
function codewords(octets, [blocks, data, correction]) {
  const bits = [
    '0100',
    octets.length.toString(2).padStart(8, '0'),
    ...octets.map((o) => o.toString(2).padStart(8, '0')),
    '0000',
  ];
  const all = bits
    .join('')
    .match(/.{8}/g)
    .map((octet) => Number.parseInt(octet, 2));
  for (let pad = 0xec; all.length < blocks * data; pad ^= 0xec ^ 0x11) all.push(pad);
  const divisor = divisorOf(correction);
  const parts = Array.from({ length: blocks }, (_, i) => all.slice(i * data, (i + 1) * data));
  const interleaved = (lists) => lists[0].flatMap((_, i) => lists.map((list) => list[i]));
  return [...interleaved(parts), ...interleaved(parts.map((part) => remainder(part, divisor)))];
}

/** In GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1. */
function times(a, b) {
  let product = 0;
  for (let i = 7; i >= 0; i--) product = (product << 1) ^ ((product >> 7) * 0x11d) ^ (((b >> i) & 1) * a);
  return product;
}

/** Reed-Solomon: (x - 1)(x - 2)(x - 4)…, the highest coefficient left out. */
function divisorOf(degree) {
  const divisor = [...Array(degree - 1).fill(0), 1];
  for (let i = 0, root = 1; i < degree; i++, root = times(root, 2))
    for (let j = 0; j < degree; j++) divisor[j] = times(divisor[j], root) ^ (divisor[j + 1] ?? 0);
  return divisor;
}

function remainder(data, divisor) {
  const rest = divisor.map(() => 0);
  for (const octet of data) {
    const factor = octet ^ rest.shift();
    rest.push(0);
    divisor.forEach((coefficient, i) => {
      rest[i] ^= times(coefficient, factor);
    });
  }
  return rest;
}

function draw(version, words) {
  const size = 17 + 4 * version;
  const modules = Array.from({ length: size }, () => Array(size).fill(undefined));
  const set = (x, y, dark) => {
    if (x >= 0 && y >= 0 && x < size && y < size) modules[y][x] = dark;
  };
  const rings = (cx, cy, radius, isDark) => {
    for (let y = -radius; y <= radius; y++)
      for (let x = -radius; x <= radius; x++) set(cx + x, cy + y, isDark(Math.max(Math.abs(x), Math.abs(y))));
  };
  for (let i = 0; i < size; i++) {
    set(6, i, i % 2 === 0);
    set(i, 6, i % 2 === 0);
  }
  for (const [x, y] of [
    [3, 3],
    [size - 4, 3],
    [3, size - 4],
  ])
    rings(x, y, 4, (ring) => ring !== 2 && ring !== 4);
  if (version > 1) rings(size - 7, size - 7, 2, (ring) => ring !== 1);
  drawFormat(set, size);
  drawData(modules, words);
  return modules;
}

function drawFormat(set, size) {
  const bit = (i) => ((FORMAT >> i) & 1) === 1;
  for (let i = 0; i < 6; i++) set(8, i, bit(i));
  set(8, 7, bit(6));
  set(8, 8, bit(7));
  set(7, 8, bit(8));
  for (let i = 9; i < 15; i++) set(14 - i, 8, bit(i));
  for (let i = 0; i < 8; i++) set(size - 1 - i, 8, bit(i));
  for (let i = 8; i < 15; i++) set(8, size - 15 + i, bit(i));
  set(8, size - 8, true);
}

/** Up and down in pairs of columns from the right, past what is there already. */
function drawData(modules, words) {
  const size = modules.length;
  let i = 0;
  // Column 6 is the timing pattern's.
  for (let right = size - 1; right > 0; right -= right === 8 ? 3 : 2) {
    const up = ((right + 1) & 2) === 0;
    for (let step = 0; step < size; step++) {
      const y = up ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (modules[y][x] !== undefined) continue;
        const dark = (((words[i >> 3] ?? 0) >> (7 - (i & 7))) & 1) === 1;
        modules[y][x] = dark !== ((x + y) % 2 === 0);
        i++;
      }
    }
  }
}
