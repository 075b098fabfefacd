// Kannel's status page in its three forms, so that checks and exporters that read Kannel 1.4.5 read this. What Hermod does
// not count here stands as 0: WDP, and receipts.
import type { Row } from './tally.ts';

export type Form = 'txt' | 'html' | 'xml';
export type Smsc = Row & { id: string; name: string };
export type Facts = { version: string; state: string; uptimeS: number; address: string; smscs: readonly Smsc[] };

const NO_RATE = '0.00,0.00,0.00';

/** `0d 0h 0m 21s`. */
export function duration(seconds: number): string {
  const [days, hours, minutes] = [86_400, 3_600, 60].map((unit) => Math.floor(seconds / unit)) as [
    number,
    number,
    number,
  ];
  return `${days}d ${hours % 24}h ${minutes % 60}m ${seconds % 60}s`;
}

const ratesOf = (smscs: readonly Smsc[]) =>
  [0, 1, 2].map((i) => smscs.reduce((sum, { rates }) => sum + rates[i]!, 0).toFixed(2)).join(',');
const stateOf = ({ paused, onlineS }: Row) =>
  paused ? 'dead' : onlineS === undefined ? 're-connecting' : `online ${onlineS}s`;
const escaped = (text: string) =>
  text.replaceAll(/[&<>"]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[one]!);

export function status(facts: Facts, form: Form): string {
  if (form === 'xml') return xml(facts);
  const [gateway, ...rest] = paragraphs(facts);
  const smscs = facts.smscs.map((smsc) => line(smsc, form));
  if (form === 'txt') {
    const connections = smscs.length > 0 ? `SMSC connections:\n${smscs.join('\n')}` : 'SMSC connections:';
    return `${gateway}\n\n\n${rest.join('\n\n')}\n\nBox connections:\n${box(facts)}  \n\n\n${connections}\n\n\n`;
  }
  const html = rest.map((text) => ` <p>${text.replaceAll('\n', '<br>\n ')}</p>`).join('\n\n');
  const connections = `<p>SMSC connections:<br>\n${smscs.join('<br>\n')}<br>\n</p>`;
  return `<p>${gateway}</p>\n\n${html}\n\n<p>Box connections:<br>\n&nbsp;&nbsp;&nbsp;&nbsp;${box(facts).trim()}<br>\n</p>\n\n${connections}\n\n<p></p>`;
}

function paragraphs({ version, state, uptimeS, smscs }: Facts): string[] {
  const sum = (what: 'sent' | 'queued') => smscs.reduce((total, smsc) => total + smsc[what], 0);
  return [
    version,
    `Status: ${state}, uptime ${duration(uptimeS)}`,
    'WDP: received 0 (0 queued), sent 0 (0 queued)',
    `SMS: received 0 (0 queued), sent ${sum('sent')} (${sum('queued')} queued), store size ${sum('queued')}\nSMS: inbound (${NO_RATE}) msg/sec, outbound (${ratesOf(smscs)}) msg/sec`,
    `DLR: received 0, sent 0\nDLR: inbound (${NO_RATE}) msg/sec, outbound (${NO_RATE}) msg/sec\nDLR: 0 queued, using internal storage`,
  ];
}

const box = ({ address, uptimeS }: Facts) =>
  `    smsbox:hermod, IP ${address} (0 queued), (on-line ${duration(uptimeS)})`;

function line(smsc: Smsc, form: 'txt' | 'html'): string {
  const { id, name, sent, failed, queued } = smsc;
  const counts = `rcvd: sms 0 (${NO_RATE}) / dlr 0 (${NO_RATE}), sent: sms ${sent} (${ratesOf([smsc])}) / dlr 0 (${NO_RATE})`;
  const about = `(${stateOf(smsc)}, ${counts}, failed ${failed}, queued ${queued} msgs)`;
  if (form === 'txt') return `    ${id}[${id}]    ${name} ${about}`;
  const gap = '&nbsp;'.repeat(4);
  return `${gap}<b>${escaped(id)}</b>[${escaped(id)}]${gap}${escaped(name)} ${about}`;
}

function xml(facts: Facts): string {
  const { version, state, uptimeS, address, smscs } = facts;
  const sum = (what: 'sent' | 'queued') => smscs.reduce((total, smsc) => total + smsc[what], 0);
  return `<version>${escaped(version)}</version>
<status>${state}, uptime ${duration(uptimeS)}</status>
	<wdp>
		<received><total>0</total><queued>0</queued></received>
		<sent><total>0</total><queued>0</queued></sent>
	</wdp>
	<sms>
		<received><total>0</total><queued>0</queued></received>
		<sent><total>${sum('sent')}</total><queued>${sum('queued')}</queued></sent>
		<storesize>${sum('queued')}</storesize>
		<inbound>${NO_RATE}</inbound>
		<outbound>${ratesOf(smscs)}</outbound>
		</sms>
	<dlr>
		<received><total>0</total></received>
		<sent><total>0</total></sent>
		<inbound>${NO_RATE}</inbound>
		<outbound>${NO_RATE}</outbound>
		<queued>0</queued>
		<storage>internal</storage>
	</dlr>
<boxes>
	<box>
		<type>smsbox</type>
		<id>hermod</id>
		<IP>${escaped(address)}</IP>
		<queue>0</queue>
		<status>on-line ${duration(uptimeS)}</status>
		<ssl>no</ssl>
	</box></boxes>
<smscs><count>${smscs.length}</count>
${smscs.map(xmlSmsc).join('')}</smscs>
`;
}

const xmlSmsc = (smsc: Smsc) => `	<smsc>
		<name>${escaped(smsc.name)}</name>
		<admin-id>${escaped(smsc.id)}</admin-id>
		<id>${escaped(smsc.id)}</id>
		<status>${stateOf(smsc)}</status>
		<failed>${smsc.failed}</failed>
		<queued>${smsc.queued}</queued>
		<sms>
			<received>0</received>
			<sent>${smsc.sent}</sent>
			<inbound>${NO_RATE}</inbound>
			<outbound>${ratesOf([smsc])}</outbound>
		</sms>
		<dlr>
			<received>0</received>
			<sent>0</sent>
			<inbound>${NO_RATE}</inbound>
			<outbound>${NO_RATE}</outbound>
		</dlr>
	</smsc>
`;
