// An HTTP provider's row as what it can do: the preset's functions with the row's account, or the row's own template.
import type { ProviderOf } from '../config/schema.ts';
import type { ReceiptState } from '../messages/report.ts';
import type { Outcome } from '../outcome.ts';
import { PRESETS } from './list.ts';
import type { Balance, HttpAnswer, HttpCallback, HttpRequest, Incoming, Outgoing, Receipt } from './preset.ts';
import { templateAnswer, templateIncoming, templateReceipts, templateRequest } from './template.ts';

export type HttpRow = ProviderOf<'http'>;

export type Api = {
  binary: boolean;
  /** Whether callbacks can tell what became of a message. */
  reports: boolean;
  request(message: Outgoing): HttpRequest;
  answer(answer: HttpAnswer, message: Outgoing): Outcome;
  states: Readonly<Record<string, ReceiptState>>;
  receipts(callback: HttpCallback): Receipt[] | undefined;
  incoming(callback: HttpCallback): Incoming[] | undefined;
  /** Undefined when nothing can be checked. */
  signed(callback: HttpCallback): boolean | undefined;
  reply?: { type: string; body: string };
  balance?: { request(): HttpRequest; read(answer: HttpAnswer): Balance | undefined };
  /** What must not be shown wherever the provider is spoken of. */
  secrets: string[];
};

export function apiOf(row: HttpRow): Api {
  return 'account' in row ? presetApi(row) : templateApi(row);
}

type PresetRow = Extract<HttpRow, { account: object }>;
type TemplateRow = Exclude<HttpRow, { account: object }>;

function presetApi(row: PresetRow): Api {
  // The schema has checked the account against this preset.
  const preset = PRESETS.find(({ name }) => name === row.preset)!;
  const { account } = row;
  const { balance, reply } = preset;
  return {
    binary: preset.binary ?? false,
    reports: preset.receipts !== undefined,
    request: (message) => preset.request(message, account, row.url),
    answer: (answer, message) => preset.answer(answer, message, account),
    states: preset.states,
    receipts: (callback) => preset.receipts?.(callback, account),
    incoming: (callback) => preset.incoming?.(callback, account),
    signed: (callback) => preset.signed?.(callback, account),
    ...(reply ? { reply } : {}),
    ...(balance ? { balance: { request: () => balance.request(account, row.url), read: balance.read } } : {}),
    secrets: [...preset.secrets.flatMap((key) => texts(account[key as keyof typeof account])), ...commonSecrets(row)],
  };
}

function templateApi(row: TemplateRow): Api {
  const { receipt, incoming, auth, query, form, json, xmlRpc, headers } = row;
  const template = row as Parameters<typeof templateRequest>[1];
  return {
    binary: false,
    reports: receipt !== undefined,
    request: (message) => templateRequest(message, template),
    answer: (answer, message) => templateAnswer(answer, message, template),
    states: receipt?.states ?? {},
    receipts: (callback) => receipt && templateReceipts(callback, receipt),
    incoming: (callback) => incoming && templateIncoming(callback, incoming),
    signed: () => undefined,
    // Which of its fixed words is a password only its author knows.
    secrets: [...texts([auth, query, form, json, xmlRpc, headers]), ...commonSecrets(row)],
  };
}

const commonSecrets = ({ proxy, dlr }: HttpRow): string[] => [
  ...(proxy ? [new URL(proxy).password, decodeURIComponent(new URL(proxy).password)] : []),
  ...(dlr?.token ? [dlr.token] : []),
];

/** All texts in a value, at any depth. */
function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(texts) : [];
}

/** Where a provider's callbacks come in; undefined when they are not wanted. */
export function callbackUrl(name: string, { dlr }: HttpRow, listen: { dlr?: { url: string } | undefined }) {
  if (!dlr || !listen.dlr) return undefined;
  return `${listen.dlr.url}/dlr/${name}${dlr.token ? `/${dlr.token}` : ''}`;
}
