// Every metric of every service, in one table: names, labels, units. Labels have few values: providers, lanes, doors.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export const registry = new Registry();
collectDefaultMetrics({ register: registry });

const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
  new Counter({ name, help, labelNames, registers: [registry] });
const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
  new Gauge({ name, help, labelNames, registers: [registry] });
const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[], buckets: number[]) =>
  new Histogram({ name, help, labelNames, buckets, registers: [registry] });

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** For what waits in queues or on networks of others; queue waits are known to the second. */
const LONG_SECONDS = [1, 2, 5, 10, 30, 60, 300, 900, 3_600, 21_600];

export const metrics = {
  accepted: counter(
    'hermod_accepted_messages_total',
    'Messages that a door accepted, after the broker confirmed them.',
    ['door', 'client'],
  ),
  rejected: counter(
    'hermod_rejected_requests_total',
    'Requests that a door refused; `class` is `known` when the client had shown who it is, else `unknown`.',
    ['door', 'reason', 'class'],
  ),
  repeatedRequests: counter(
    'hermod_repeated_requests_total',
    'Messages that a door recognised as accepted before, answered with success and did not send again.',
    ['door', 'client'],
  ),
  confirmLost: counter(
    'hermod_confirm_lost_messages_total',
    'Messages refused at the door because the confirm did not come: they may still go out once.',
    ['door'],
  ),
  routed: counter('hermod_routed_messages_total', 'Messages that the router handed to a provider.', [
    'provider',
    'lane',
  ]),
  fallbacks: counter(
    'hermod_fallback_messages_total',
    'Messages that went out once more by another bearer, since no receipt came in time.',
    [],
  ),
  final: counter('hermod_final_messages_total', 'Messages that reached a final state.', ['state']),
  submits: counter('hermod_submit_outcomes_total', 'Outcomes of hand-overs.', ['provider', 'outcome']),
  submitSeconds: histogram('hermod_submit_seconds', 'submit_sm to submit_sm_resp.', ['provider'], SECONDS),
  wireSeconds: histogram(
    'hermod_accept_to_wire_seconds',
    'From acceptance at the door to hand-over.',
    ['provider', 'lane'],
    SECONDS,
  ),
  deliveredSeconds: histogram(
    'hermod_accept_to_delivered_seconds',
    'From acceptance at the door to the receipt that says delivered.',
    ['lane'],
    LONG_SECONDS,
  ),
  receiptDelay: histogram(
    'hermod_receipt_delay_seconds',
    "From the provider's answer to a hand-over to the receipt for it.",
    ['provider'],
    LONG_SECONDS,
  ),
  receipts: counter('hermod_receipts_total', 'Delivery receipts taken from providers.', ['provider', 'state']),
  unmatched: counter(
    'hermod_unmatched_receipts_total',
    'Receipts stored without a message to match, to be tried again.',
    ['provider'],
  ),
  repeats: counter(
    'hermod_repeated_handovers_total',
    'Repeats of a hand-over that were recognised and not sent again.',
    ['provider'],
  ),
  possibleRepeats: counter(
    'hermod_possible_repeats_total',
    'Messages sent again although an earlier hand-over may have succeeded.',
    ['provider', 'cause'],
  ),
  bound: gauge('hermod_binds_held', 'Sessions that are bound.', ['provider']),
  bindsAllowed: gauge('hermod_binds_allowed', 'Sessions that the provider allows.', ['provider']),
  bindsWanted: gauge('hermod_binds_wanted', 'Sessions that this worker would hold, were they free.', ['provider']),
  windowUsed: gauge('hermod_window_used', 'Hand-overs without an answer yet.', ['provider']),
  windowAllowed: gauge('hermod_window_allowed', 'Hand-overs without an answer that the held binds allow.', [
    'provider',
  ]),
  balance: gauge('hermod_provider_balance', 'Credit that the provider reports, in its own unit.', ['provider']),
  probeSent: gauge('hermod_probe_sent_timestamp_seconds', 'When the last probe was sent, in seconds since 1970.', [
    'provider',
  ]),
  probeDelivered: gauge(
    'hermod_probe_delivered_timestamp_seconds',
    'When the last probe that was delivered had been sent, in seconds since 1970; 0 before the first.',
    ['provider'],
  ),
  probeSeconds: gauge('hermod_probe_seconds', 'From sending the last delivered probe to its receipt.', ['provider']),
  backlog: gauge('hermod_worker_backlog_messages', 'Messages in a worker that are not handed over yet.', [
    'provider',
    'lane',
  ]),
  modemSignal: gauge('hermod_modem_signal_dbm', 'Signal of a modem; not there while it is unknown.', ['provider']),
  modemRegistered: gauge('hermod_modem_registered', 'Whether the network has the SIM of a modem.', ['provider']),
  modemStored: gauge('hermod_modem_stored_messages', "Messages in a modem's storage.", ['provider']),
  modemRoom: gauge('hermod_modem_storage_messages', "Messages that a modem's storage holds.", ['provider']),
  modemLost: counter('hermod_modem_lost_total', 'Times that a modem hung, was unplugged or lost its network.', [
    'provider',
  ]),
  callbacks: counter('hermod_callbacks_total', 'Callbacks made to clients.', ['outcome']),
  callbackSeconds: histogram('hermod_callback_seconds', 'Duration of a callback.', [], SECONDS),
  incomingParts: counter(
    'hermod_incoming_parts_total',
    'Messages from handsets as providers handed them over: a long one in its parts.',
    ['provider'],
  ),
  incoming: counter(
    'hermod_incoming_messages_total',
    'Whole messages from handsets, by where they go: get, post, webhook, mailbox, smpp, answer, or only kept; and parts that came again (repeat).',
    ['outcome'],
  ),
  incomingBroken: counter(
    'hermod_incoming_broken_total',
    'Long messages from handsets that were handed on without some of their parts.',
    [],
  ),
  incomingWaiting: gauge('hermod_incoming_parts_waiting', 'Parts of long messages that wait for the others.', []),
  answers: counter('hermod_answers_total', 'Answers to messages from handsets.', ['outcome']),
  callbacksWaiting: gauge('hermod_callbacks_waiting', 'Callbacks that the ledger still has to see told.', []),
  suppressed: gauge(
    'hermod_suppressed_numbers',
    'Numbers on the suppression lists as this process knows them; 0 until the ledger told.',
    [],
  ),
  clientSessions: gauge('hermod_client_sessions', 'Sessions that a client has bound at the SMPP door.', ['client']),
  ledgerBatch: histogram(
    'hermod_ledger_batch_messages',
    'Messages and reports in one ledger transaction.',
    [],
    [1, 2, 5, 10, 25, 50, 100, 250, 500],
  ),
  ledgerLag: gauge('hermod_ledger_lag_seconds', 'Age of the newest report that the ledger wrote.', []),
  dead: counter('hermod_dead_messages_total', 'Messages put aside because no one could parse or finish them.', [
    'kind',
    'reason',
  ]),
  busPublished: counter('hermod_bus_published_messages_total', 'Messages whose publish the broker confirmed.', [
    'service',
  ]),
  busBatches: counter('hermod_bus_publishes_total', 'AMQP messages that carried them.', ['service']),
  busConsumed: counter('hermod_bus_consumed_messages_total', 'Messages handled and acknowledged.', [
    'service',
    'queue',
  ]),
  queueMessages: gauge(
    'hermod_queue_messages',
    'About how many messages are ready in a queue: its length, times the messages that its batches lately carried.',
    ['queue'],
  ),
  queueWait: histogram(
    'hermod_queue_wait_seconds',
    'From publish to delivery, to the second.',
    ['queue'],
    LONG_SECONDS,
  ),
  certificateExpiry: gauge(
    'hermod_certificate_expiry_timestamp_seconds',
    "When a listener's certificate ends, in seconds since 1970.",
    ['listener'],
  ),
  brokerUp: gauge('hermod_broker_connected', 'Whether the connection to the broker stands.', ['service', 'line']),
};
