// What becomes of a submit_sm: it is judged, recorded, answered, and its receipt planned – or what a fault makes of that.
import type { Account } from './account.ts';
import type { Behaviour, State } from './behaviour.ts';
import { command, type Submit, status } from './pdu.ts';
import { finalState, isIntermediateDue, isReceiptDue, receipt, writeId } from './receipt.ts';
import type { Session } from './session.ts';

/** A submit_sm as it came, and what became of it. */
export type Received = Submit & {
  /** Running number of the submit_sm at this SMSC, from 1. */
  seq: number;
  /** When its last octet was read: milliseconds since the epoch with fractions, comparable between processes. */
  at: number;
  account: string;
  /** Running number of the line that it came over, from 1. */
  bind: number;
  sequenceNumber: number;
  messageId: string;
  /** What was answered, or would have been if `answered` stayed false. 0: the message was taken. */
  commandStatus: number;
  answered: boolean;
  /** `acknowledged`: the client answered the deliver_sm with status 0. */
  receipt: 'none' | 'waiting' | 'sent' | 'acknowledged';
  receiptState?: State;
};

export class Submits {
  readonly received: Received[] = [];
  /** Malformed submit_sm are counted in `submits` and `refused`, and nowhere recorded. */
  readonly counters = { submits: 0, taken: 0, refused: 0 };
  readonly listeners = new Set<(received: Received) => void>();
  #behaviour: Behaviour;
  #keep: number;
  #throttleTurn = 0;
  #receiptTurn = 0;
  /** Ids go on from the clock, so that a restarted SMSC gives none again. */
  #idBase = Date.now() * 1000;

  constructor(behaviour: Behaviour, keep: number) {
    this.#behaviour = behaviour;
    this.#keep = keep;
  }

  /** `submit` is a command_status where the PDU was malformed. */
  take(session: Session, account: Account, submit: Submit | number, sequenceNumber: number, at: number): void {
    const seq = ++this.counters.submits;
    if (typeof submit === 'number') {
      this.counters.refused++;
      session.respond(command.submit_sm, submit, sequenceNumber);
      return;
    }
    const commandStatus = this.#judge(session, account, submit, at);
    const isTaken = commandStatus === status.ESME_ROK;
    const received: Received = {
      ...submit,
      seq,
      at,
      account: account.systemId,
      bind: session.number,
      sequenceNumber,
      messageId: isTaken ? writeId(this.#idBase + seq, this.#behaviour.idForm) : '',
      commandStatus,
      answered: false,
      receipt: 'none',
    };
    if (isTaken) this.counters.taken++;
    else this.counters.refused++;
    this.#record(received);
    this.#react(session, account, received);
  }

  /** Sends the receipt of a message by the rules of now, on any bind of `account` that receives. */
  sendReceipt(account: Account, received: Received): void {
    const verdict = finalState(received, this.#behaviour.receipts);
    if (verdict.state !== 'none') this.#deliver(account, received, verdict.state, verdict.error, false);
  }

  /** The command_status that a well-formed submit_sm earns. */
  #judge(session: Session, account: Account, submit: Submit, at: number): number {
    const { reject, rejectNext, window, ratePerSecond, throttleShare } = this.#behaviour;
    for (const rule of reject) if (submit.dest.addr.startsWith(rule.prefix)) return rule.status;
    if (rejectNext.count > 0) {
      rejectNext.count--;
      return rejectNext.status;
    }
    if (window > 0 && session.unanswered >= window) return status.ESME_RMSGQFUL;
    if (ratePerSecond > 0 && account.isOverRate(at)) return status.ESME_RTHROTTLED;
    const turn = ++this.#throttleTurn;
    const isThrottled = Math.floor(turn * throttleShare) > Math.floor((turn - 1) * throttleShare);
    return isThrottled ? status.ESME_RTHROTTLED : status.ESME_ROK;
  }

  #record(received: Received): void {
    this.received.push(received);
    if (this.received.length > this.#keep) this.received.splice(0, Math.ceil(this.#keep / 10));
    for (const listener of this.listeners) listener(received);
  }

  #react(session: Session, account: Account, received: Received): void {
    const { respDelayMs } = this.#behaviour;
    const isReceiptFirst = this.#behaviour.receipts.beforeAnswer;
    if (this.#isCutHere()) session.drop();
    if (this.#isSilent(received)) {
      this.#planReceipt(account, received);
      return;
    }
    if (isReceiptFirst) this.#planReceipt(account, received);
    const answer = () => {
      this.#answer(session, received);
      if (!isReceiptFirst) this.#planReceipt(account, received);
    };
    if (respDelayMs === 0) {
      answer();
      return;
    }
    session.unanswered++;
    setTimeout(() => {
      session.unanswered--;
      answer();
    }, respDelayMs).unref();
  }

  #isCutHere(): boolean {
    if (this.#behaviour.dropAfterSubmits === 0) return false;
    return --this.#behaviour.dropAfterSubmits === 0;
  }

  #isSilent({ dest }: Received): boolean {
    const { silentPrefix } = this.#behaviour;
    if (silentPrefix !== '' && dest.addr.startsWith(silentPrefix)) return true;
    if (this.#behaviour.silentNext === 0) return false;
    this.#behaviour.silentNext--;
    return true;
  }

  #answer(session: Session, received: Received): void {
    if (!session.canAnswer) return;
    received.answered = true;
    const { wrongSequence, answerTwice } = this.#behaviour;
    const sequence = wrongSequence ? (received.sequenceNumber + 1_000_000) % 0x7fffffff : received.sequenceNumber;
    const body = received.commandStatus === status.ESME_ROK ? received.messageId : undefined;
    session.respond(command.submit_sm, received.commandStatus, sequence, body);
    if (answerTwice) session.respond(command.submit_sm, received.commandStatus, sequence, body);
  }

  #planReceipt(account: Account, received: Received): void {
    if (received.commandStatus !== status.ESME_ROK) return;
    const rules = this.#behaviour.receipts;
    if (isIntermediateDue(received, rules)) this.#deliver(account, received, 'ENROUTE', '000', true);
    if (!isReceiptDue(received, finalState(received, rules).state, rules)) return;
    received.receipt = 'waiting';
    const isOvertaken = ++this.#receiptTurn % 2 === 1;
    const wait = rules.beforeAnswer ? 0 : rules.afterMs + (isOvertaken ? rules.overtakenByMs : 0);
    account.plan(wait, () => {
      this.sendReceipt(account, received);
      if (rules.twice) this.sendReceipt(account, received);
    });
  }

  #deliver(account: Account, received: Received, state: State, error: string, isIntermediate: boolean): void {
    const { receipts: rules } = this.#behaviour;
    const id = rules.idForm === 'same' ? received.messageId : writeId(this.#idBase + received.seq, rules.idForm);
    account.deliver({
      ...receipt(received, { id, state, error, isIntermediate, text: rules.text, tlvs: rules.tlvs }),
      bind: received.bind,
      onProgress: (progress) => {
        if (isIntermediate) return;
        received.receiptState = state;
        received.receipt = progress;
      },
    });
  }
}
