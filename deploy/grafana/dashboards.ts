// The dashboards: which questions they answer, as rows of panels. panel.ts makes Grafana's JSON of them, and write.ts the
// files. `$provider` is the variable of the dashboard that has one.
import type { Board, Panel } from './panel.ts';

const rate = (metric: string, by: string, selector = '') =>
  `sum by (${by}) (rate(${metric}${selector}[$__rate_interval]))`;
const quantile = (q: number, metric: string, by = '', selector = '') =>
  `histogram_quantile(${q}, sum by (${by ? `${by}, ` : ''}le) (rate(${metric}_bucket${selector}[$__rate_interval])))`;
const PROVIDER = '{provider=~"$provider"}';

const number = (title: string, expr: string, rest: Partial<Panel> = {}): Panel => ({
  title,
  queries: { [expr]: title },
  kind: 'number',
  unit: 'short',
  ...rest,
});
const lines = (title: string, unit: string, queries: Panel['queries']): Panel => ({
  title,
  unit,
  queries,
  kind: 'lines',
});

/** Is the way from a mail to a phone fine? Green numbers, in five seconds. */
const overview: Board = {
  uid: 'hermod-overview',
  title: 'Hermod: overview',
  panels: [
    number('Providers without a bind', 'count(sum by (provider) (hermod_binds_held) == 0) or vector(0)', { bad: 1 }),
    number(
      'Urgent: accepted to handed over, p95',
      quantile(0.95, 'hermod_accept_to_wire_seconds', '', '{lane="urgent"}'),
      {
        unit: 's',
        bad: 5,
      },
    ),
    number('Accepted to delivered, p90', quantile(0.9, 'hermod_accept_to_delivered_seconds'), { unit: 's', bad: 60 }),
    number('Hand-overs that fail', 'max(hermod:submit_errors:share5m) or vector(0)', { unit: 'percentunit', bad: 0.1 }),
    number('Dead letters', 'sum(hermod_dead_messages_total) or vector(0)', { bad: 1 }),
    number('Lines to the broker that are down', 'sum(1 - hermod_broker_connected)', { bad: 1 }),
    lines('Accepted', 'mps', { [rate('hermod_accepted_messages_total', 'door')]: '{{door}}' }),
    lines('Final states', 'mps', { [rate('hermod_final_messages_total', 'state')]: '{{state}}' }),
    lines('Messages in queues', 'short', {
      'max by (queue) (hermod_queue_messages{queue=~"router.+|egress.+|ledger|notifier"})': '{{queue}}',
    }),
    lines('Wait in queues, mean of a minute', 's', { 'hermod:queue_wait_seconds:mean1m': '{{queue}}' }),
  ],
};

const provider: Board = {
  uid: 'hermod-provider',
  title: 'Hermod: one provider',
  variable: { name: 'provider', metric: 'hermod_binds_allowed', label: 'provider' },
  panels: [
    number('Binds held', `sum(hermod_binds_held${PROVIDER})`),
    number('Binds allowed', `max(hermod_binds_allowed${PROVIDER})`),
    number('Hand-overs that fail', `max(hermod:submit_errors:share5m${PROVIDER}) or vector(0)`, {
      unit: 'percentunit',
      bad: 0.1,
    }),
    lines('Outcomes of hand-overs', 'mps', {
      [rate('hermod_submit_outcomes_total', 'outcome', PROVIDER)]: '{{outcome}}',
    }),
    lines('Its answers', 's', {
      [quantile(0.5, 'hermod_submit_seconds', '', PROVIDER)]: 'half within',
      [quantile(0.99, 'hermod_submit_seconds', '', PROVIDER)]: '99 of 100 within',
    }),
    lines('Window', 'short', {
      [`sum(hermod_window_used${PROVIDER})`]: 'used',
      [`sum(hermod_window_allowed${PROVIDER})`]: 'allowed',
    }),
    lines('What waits for it', 'short', {
      'max by (queue) (hermod_queue_messages{queue=~"egress.($provider).+"})': '{{queue}}',
      [`sum by (lane) (hermod_worker_backlog_messages${PROVIDER})`]: 'in workers, {{lane}}',
    }),
    lines('Accepted to handed over, 95 of 100', 's', {
      [quantile(0.95, 'hermod_accept_to_wire_seconds', 'lane', PROVIDER)]: '{{lane}}',
    }),
    lines('Receipts', 'mps', { [rate('hermod_receipts_total', 'state', PROVIDER)]: '{{state}}' }),
    lines('Receipts come after', 's', {
      [quantile(0.5, 'hermod_receipt_delay_seconds', '', PROVIDER)]: 'half within',
      [quantile(0.9, 'hermod_receipt_delay_seconds', '', PROVIDER)]: '9 of 10 within',
    }),
  ],
};

const doors: Board = {
  uid: 'hermod-doors',
  title: 'Hermod: doors',
  panels: [
    lines('Accepted by door', 'mps', { [rate('hermod_accepted_messages_total', 'door')]: '{{door}}' }),
    lines('Accepted by client', 'mps', { [rate('hermod_accepted_messages_total', 'client')]: '{{client}}' }),
    lines('Refused', 'reqps', {
      [rate('hermod_rejected_requests_total', 'door, class, reason')]: '{{door}}, {{class}} client: {{reason}}',
    }),
    lines('CPU', 'percentunit', { [rate('process_cpu_seconds_total', 'job', '{job=~"ingress.+|router"}')]: '{{job}}' }),
    lines('Event loop, 99 of 100 within', 's', { 'max by (job) (nodejs_eventloop_lag_p99_seconds)': '{{job}}' }),
    lines('Memory', 'bytes', { 'max by (job) (process_resident_memory_bytes)': '{{job}}' }),
  ],
};

const ledger: Board = {
  uid: 'hermod-ledger',
  title: 'Hermod: ledger and callbacks',
  panels: [
    number('Behind by', 'max(hermod_ledger_lag_seconds)', { unit: 's', bad: 30 }),
    number('Callbacks that wait', 'max(hermod_callbacks_waiting)', { bad: 1_000 }),
    lines('Messages and reports in a transaction', 'short', {
      [quantile(0.5, 'hermod_ledger_batch_messages')]: 'half have fewer than',
      [quantile(0.99, 'hermod_ledger_batch_messages')]: '99 of 100 have fewer than',
    }),
    lines('Written', 'mps', {
      [rate('hermod_bus_consumed_messages_total', 'queue', '{queue="ledger"}')]: 'messages and reports',
    }),
    lines('Callbacks', 'reqps', { [rate('hermod_callbacks_total', 'outcome')]: '{{outcome}}' }),
    lines('Callbacks take', 's', {
      [quantile(0.5, 'hermod_callback_seconds')]: 'half within',
      [quantile(0.99, 'hermod_callback_seconds')]: '99 of 100 within',
    }),
  ],
};

/** From the broker's own plugin rabbitmq_prometheus. */
const rabbitmq: Board = {
  uid: 'hermod-rabbitmq',
  title: 'Hermod: RabbitMQ',
  panels: [
    number(
      'Memory used of what is allowed',
      'max(rabbitmq_process_resident_memory_bytes / rabbitmq_resident_memory_limit_bytes)',
      {
        unit: 'percentunit',
        bad: 0.8,
      },
    ),
    number('Disk space left', 'min(rabbitmq_disk_space_available_bytes)', { unit: 'bytes' }),
    number('Connections', 'sum(rabbitmq_connections)'),
    lines('AMQP messages', 'short', {
      'sum(rabbitmq_queue_messages_ready)': 'ready',
      'sum(rabbitmq_queue_messages_unacked)': 'with consumers',
    }),
    lines('AMQP messages published', 'wps', {
      'sum(rate(rabbitmq_global_messages_received_total[$__rate_interval]))': 'in',
    }),
    lines('AMQP messages delivered', 'rps', {
      'sum(rate(rabbitmq_global_messages_delivered_total[$__rate_interval]))': 'out',
    }),
    lines("Hermod's batches", 'short', {
      'sum by (service) (rate(hermod_bus_published_messages_total[$__rate_interval])) / sum by (service) (rate(hermod_bus_publishes_total[$__rate_interval]))':
        'messages in an AMQP message, {{service}}',
    }),
  ],
};

export const BOARDS: readonly Board[] = [overview, provider, doors, ledger, rabbitmq];
