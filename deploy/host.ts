// Hosts the services named in --services in this one process: `node deploy/host.ts --services ledger,notifier`.
import { runServices } from '#shared/service.ts';
import { SERVICES } from './services.ts';

const at = process.argv.indexOf('--services');
const names = (process.argv[at + 1] ?? '').split(',').filter(Boolean);
const unknown = names.find((name) => !Object.hasOwn(SERVICES, name));
if (at === -1 || names.length === 0 || unknown) {
  process.stderr.write(
    `${unknown ? `there is no service ${unknown}` : 'which services?'}: --services takes some of ${Object.keys(SERVICES).join(',')}\n`,
  );
  process.exit(2);
}
await runServices(
  await Promise.all(names.map((name) => SERVICES[name]!())),
  process.argv.slice(2).toSpliced(at - 2, 2),
);
