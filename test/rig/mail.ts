// A gateway with a mail door for a test: rig.ts with ingress-smtp, the guide's rule, and one with the number in the recipient.
import type { Service } from '#shared/service.ts';
import { egressSmpp } from '../../services/egress-smpp/main.ts';
import { ingressHttp } from '../../services/ingress-http/main.ts';
import { ingressSmtp } from '../../services/ingress-smtp/main.ts';
import { ledger } from '../../services/ledger/main.ts';
import { notifier } from '../../services/notifier/main.ts';
import { router } from '../../services/router/main.ts';
import type { SmscOptions } from '../../services/sandbox/smsc.ts';
import type { Received } from '../../services/sandbox/submits.ts';
import * as peer from '../peers/smtp-client.ts';
import { GUIDE_RULE, SPONSOR } from './guide.ts';
import { freePort } from './port.ts';
import { type Rig, type Settings, startRig } from './rig.ts';
import { until } from './until.ts';

/** For clients `ise` and `tester`; `<number>@otp.example` gets the mail's text. */
export const RULES = [
  GUIDE_RULE,
  {
    name: 'otp',
    client: 'tester',
    networks: ['127.0.0.1'],
    when: { to: '^(?P<phone>[^@]*)@otp\\.example$', body: '(?s)\\A\\s*(?P<otp>.*\\S)' },
    number: '{phone}',
    text: '{otp}',
    validity: '120s',
  },
];

const MARKER = '447700900999';

export type MailRig = Rig & {
  port: number;
  dial: typeof peer.dial;
  open: typeof peer.open;
  /** Ends the connections that `dial` and `open` made. */
  hangUp(): void;
  /** A mail over a connection of its own, and the last reply. */
  mail(to: readonly string[], data: string, from?: string): Promise<peer.Reply>;
  /** What has arrived at the SMSC once everything sent before has: a last SMS goes the same way. */
  passed(): Promise<Received[]>;
  /** Waits for what is under way, then begins an empty list of arrivals. */
  fresh(): Promise<void>;
};

/** `smtp` are settings of the listener, `more` changes the rest; `smsc` is how the SMSC behaves, `services` run too. */
export async function startMailRig(
  smtp: Settings = {},
  more: (settings: Settings & { clients: Settings }) => Settings = (settings) => settings,
  smsc: SmscOptions = {},
  services: Service[] = [],
): Promise<MailRig> {
  const port = await freePort();
  const rig = await startRig({
    settings: (standard) =>
      more({
        ...standard,
        listen: { ...standard.listen, smtp: { port, ...smtp } },
        clients: { ...standard.clients, ise: { password: 'guest-portal', sender: '12345', maxSegments: 2 } },
        mail: { rules: RULES },
      }),
    smsc,
    services: [ledger, router, egressSmpp, ingressHttp, ingressSmtp, notifier, ...services],
  });
  const clients: peer.SmtpClient[] = [];
  const keep = (client: peer.SmtpClient) => {
    clients.push(client);
    return client;
  };
  let markers = 0;

  const open: typeof peer.open = async (...args) => keep(await peer.open(...args));
  const passed = async () => {
    const text = `marker ${++markers}`;
    const { received } = rig.smsc;
    await until('the marker is taken', async () => (await rig.send({ to: MARKER, text })).status === 202);
    await until('the marker arrives', () => received.some(({ shortMessage }) => shortMessage.toString() === text));
    return received.filter(({ dest }) => dest.addr !== MARKER);
  };
  return {
    ...rig,
    port,
    dial: async (...args) => keep(await peer.dial(...args)),
    open,
    hangUp() {
      for (const client of clients.splice(0)) client.close();
    },
    async mail(to, data, from = SPONSOR) {
      return (await open(port)).mail(from, to, data);
    },
    passed,
    async fresh() {
      await passed();
      rig.smsc.received.length = 0;
    },
  };
}
