// `hermod dead`: the messages, reports and callbacks that were put aside, shown, sent again or dropped.
import { type Command, Option } from 'commander';
import type { Bus } from '#shared/bus/bus.ts';
import { drop as dropLetter, type Letter, MOST_LETTERS, outline, sendAgain, withLetters } from '#shared/bus/letters.ts';
import { reasonOf } from '#shared/telemetry/log.ts';
import { DEAD_KINDS, type DeadKind } from '#shared/topology.ts';
import { Fault, notFound, usageFault } from './fault.ts';
import { audited, type Options, optionsOf, wholeNumber, withBus } from './gateway.ts';
import { ago, clock, count, paint, say, sayJson, sayTable, warn } from './output.ts';
import { confirm } from './prompt.ts';

type DeadOptions = Options & { kind?: DeadKind; limit: number; reveal?: boolean; all?: boolean; yes?: boolean };

/** `bus` publishes what follows from the letters. */
type Work<T> = (letters: Letter[], bus: Bus) => Promise<T>;

export function addDead(program: Command): void {
  const dead = program.command('dead').description('what was put aside because no one could parse or finish it');
  const kind = () => new Option('--kind <kind>', 'only these').choices(DEAD_KINDS);
  const reveal = 'show texts, full numbers and addresses too';
  dead
    .command('list', { isDefault: true })
    .description('list dead letters, the oldest first (what `hermod dead` alone does)')
    .addOption(kind())
    .option('--limit <n>', 'show at most so many', wholeNumber(MOST_LETTERS), 50)
    .option('--reveal', `${reveal}; with --json`)
    .addHelpText('after', '\nExample:\n  hermod dead list --kind message')
    .action((_options, command: Command) => list(optionsOf(command)));
  dead
    .command('show <letter>')
    .description('show one, named by its key in the list or the beginning of it')
    .addOption(kind())
    .option('--reveal', reveal)
    .addHelpText('after', '\nExample:\n  hermod dead show 3fa29c01')
    .action((letter: string, _options, command: Command) => show(letter, optionsOf(command)));
  dead
    .command('again [letter]')
    .description('send one, or --all, again: messages to the router, reports to the ledger, callbacks to the notifier')
    .addOption(kind())
    .option('--all', 'every one that can be sent again')
    .addHelpText('after', '\nExample:\n  hermod dead again 3fa29c01')
    .action((letter: string | undefined, _options, command: Command) => again(letter, optionsOf(command)));
  dead
    .command('drop <letter>')
    .description('throw one away; a message is then final: cancelled, or unknown when a provider had it')
    .addOption(kind())
    .option('--yes', 'do not ask')
    .addHelpText('after', '\nExample:\n  hermod dead drop 3fa29c01')
    .action((letter: string, _options, command: Command) => drop(letter, optionsOf(command)));
}

const open = <T>(options: DeadOptions, work: Work<T>): Promise<T> =>
  withBus(options, (bus) =>
    withLetters(bus, options.kind ? [options.kind] : DEAD_KINDS, (letters) => work(letters, bus)),
  );

/** The one letter that this key means. Two with the same key have the same content: either will do. */
function pick(letters: readonly Letter[], key: string): Letter {
  const found = key === '' ? [] : letters.filter((letter) => letter.key.startsWith(key.toLowerCase()));
  if (!found[0]) throw notFound(`there is no dead letter ${key}: hermod dead lists them`);
  if (new Set(found.map((letter) => letter.key)).size > 1)
    throw usageFault(`${key} is the beginning of ${found.length} dead letters: write more of it`);
  return found[0];
}

function list(options: DeadOptions): Promise<void> {
  return open(options, async (all, bus) => {
    const letters = all.slice(0, options.limit);
    if (options.json && options.reveal) await revealed(bus, letters);
    if (options.json) return sayJson(letters.map((letter) => view(letter, options)));
    if (letters.length === 0) return say('no dead letters');
    sayTable(
      ['LETTER', 'KIND', 'SINCE', 'FROM QUEUE', 'REASON'],
      letters.map(({ key, kind, at, queue, reason }) => [key, kind, at ? ago(at) : '-', queue, reason]),
    );
    const more =
      all.length > letters.length ? `${letters.length} of ${all.length} are shown: --limit shows more. ` : '';
    say(`${more}hermod dead show, again or drop LETTER goes on.`);
  });
}

const deed = (action: string, { key }: Letter) => ({ action, object: `letter ${key}` });

/** Texts and full numbers are shown to someone who is written down. */
const revealed = (bus: Bus, letters: readonly Letter[]) =>
  Promise.all(letters.map((letter) => audited(bus, deed('reveal', letter), async () => {})));

/** For machines. */
function view(letter: Letter, { reveal }: DeadOptions) {
  const { key, kind, at, queue, reason, fault, envelopes, body } = letter;
  const head = { key, kind, at, queue, reason, canBeSentAgain: fault === undefined, ...(fault ? { fault } : {}) };
  return { ...head, envelopes: envelopes.map(outline), ...(reveal ? { body } : {}) };
}

function show(key: string, options: DeadOptions): Promise<void> {
  return open(options, async (letters, bus) => {
    const letter = pick(letters, key);
    if (options.reveal) await revealed(bus, [letter]);
    if (options.json) return sayJson(view(letter, options));
    const { kind, at, queue, reason, fault, envelopes, body } = letter;
    say(`${letter.key}  ${kind} from ${queue}${at ? `, put aside ${ago(at)} (${clock(at)})` : ''}`);
    say(`reason      ${reason}`);
    say(`again       ${fault ? `cannot be sent again: ${fault}` : 'can be sent again'}`);
    for (const envelope of envelopes) {
      say();
      for (const [name, value] of Object.entries(outline(envelope))) say(`${paint('dim', name.padEnd(10))}  ${value}`);
      if ('expiry' in envelope) say(`${paint('dim', 'expiry    ')}  ${clock(Number(envelope.expiry))}`);
    }
    say();
    if (!options.reveal) return say('Text and numbers are hidden: --reveal shows them.');
    const text = typeof body === 'string' ? body : JSON.stringify(body, undefined, 2);
    for (const line of text.split('\n')) say(line);
  });
}

function again(key: string | undefined, options: DeadOptions): Promise<void> {
  if ((key === undefined) === !options.all) throw usageFault('name one letter, or --all');
  return open(options, async (letters, bus) => {
    const chosen = key === undefined ? letters : [pick(letters, key)];
    const able = chosen.filter(({ fault }) => !fault);
    const [unable] = chosen.filter(({ fault }) => fault);
    if (key !== undefined && unable) throw new Fault(`${unable.key} cannot be sent again: ${unable.fault}`);
    const ends = await Promise.allSettled(
      able.map((letter) => audited(bus, deed('send again', letter), () => sendAgain(bus, letter))),
    );
    const sent = able.filter((_letter, i) => ends[i]!.status === 'fulfilled');
    const left = chosen.length - sent.length;
    if (options.json) sayJson({ sent: sent.length, left });
    else say(`${count(sent.length, 'letter')} sent again`);
    const late = sent.filter(isLate).length;
    if (late > 0)
      warn(`hermod: warning: ${count(late, 'letter')} after the end of its validity: it will end as expired`);
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw new Fault(`${left} not sent again, they stay dead letters: ${reasonOf(failed.reason)}`);
    if (unable) throw new Fault(`${left} cannot be sent again, such as ${unable.key}: ${unable.fault}`);
  });
}

const isLate = ({ kind, envelopes }: Letter) =>
  kind === 'message' && envelopes.some((envelope) => envelope.type === 'sms' && envelope.expiry <= Date.now());

async function drop(key: string, options: DeadOptions): Promise<void> {
  if (!options.yes) {
    // Asked between two readings, so that nobody waits for the answer.
    const letter = await open(options, async (letters) => pick(letters, key));
    const { kind, queue, reason } = letter;
    if (!(await confirm(`Drop ${letter.key}, a ${kind} from ${queue} (${reason}), for good?`)))
      throw new Fault('not dropped');
  }
  await open(options, async (letters, bus) => {
    const letter = pick(letters, key);
    await audited(bus, deed('discard', letter), () => dropLetter(bus, letter));
    if (options.json) sayJson({ dropped: letter.key });
    else say(`${letter.key} dropped`);
  });
}
