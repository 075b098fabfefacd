// The configuration of Hermod as the system under test: one client, and one or more SMPP providers at the rig's SMSC.
import { hashPassword } from '#shared/doors/credentials.ts';
import { ACCOUNT } from './smsc.ts';
import type { Processes, SystemOptions } from './system.ts';

export const CLIENT = { name: 'bench', password: 'bench' };
export const EGRESS = 'egress-smpp';

export const providersOf = (count: number) =>
  Array.from({ length: count }, (_, i) => (count === 1 ? 'bench' : `bench${i + 1}`));

export const egressWorkersOf = (processes: Processes): number =>
  typeof processes === 'string' ? 1 : processes.filter((services) => services.includes(EGRESS)).length;

/** Of several egress workers each has its share of the providers, or, where those are fewer, a bind of its own to each. */
export const sharesOf = (providers: number, workers: number): string[][] | undefined => {
  if (workers === 1 || providers < workers) return undefined;
  const names = providersOf(providers);
  return Array.from({ length: workers }, (_, worker) => names.filter((_name, i) => i % workers === worker));
};

export async function configuration(port: number, smppPort: number, options: SystemOptions): Promise<string> {
  const { smscPort, window, smppWindow, providers, callbacks } = options;
  const names = providersOf(providers);
  const workers = egressWorkersOf(options.processes);
  const binds = providers < workers ? `, binds: ${workers}, bindsPerWorker: 1` : '';
  const row = `{ bearer: smpp, host: 127.0.0.1, port: ${smscPort}, systemId: ${ACCOUNT.systemId}, password: ${ACCOUNT.password}, window: ${window}${binds} }`;
  const smpp = smppWindow === undefined ? '' : `, smpp: { window: ${smppWindow} }`;
  return `listen:
  http: { port: ${port} }
${smppWindow === undefined ? '' : `  smpp: { port: ${smppPort} }\n`}clients:
  ${CLIENT.name}: { password: '${await hashPassword(CLIENT.password)}', sender: '12345'${smpp} }
providers:
${names.map((name) => `  ${name}: ${row}`).join('\n')}
routes:
  - to: [${names.length === 1 ? names[0] : `{ ${names.map((name) => `${name}: 1`).join(', ')} }`}]
ledger: { file: ledger.sqlite }
${callbacks ? 'callbacks: { allow: [127.0.0.1] }\n' : ''}`;
}
