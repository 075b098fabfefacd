// Loaded into a service before its own code: its clock is off by what stands in the file HERMOD_TEST_CLOCK, in ms, which is
// read at the start and at each SIGUSR2. The monotonic clock stays as it is, as when an administrator sets the date.
import { existsSync, readFileSync } from 'node:fs';

const file = process.env.HERMOD_TEST_CLOCK!;
const real = Date.now;
let off = 0;
const read = () => {
  if (existsSync(file)) off = Number(readFileSync(file, 'utf8'));
};
read();
process.on('SIGUSR2', read);

const now = () => real() + off;
globalThis.Date = new Proxy(Date, {
  construct: (target, args, as) => Reflect.construct(target, args.length === 0 ? [now()] : args, as),
  get: (target, key, receiver) => (key === 'now' ? now : Reflect.get(target, key, receiver)),
});
