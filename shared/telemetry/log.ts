// Structured logs, one JSON line per event on stdout. Texts, full numbers and secrets never reach a log call; what is
// logged about a message is its id, its masked number and names from the configuration.
import pino from 'pino';

export type Log = pino.Logger;

/** A logger for one service. Level from HERMOD_LOG_LEVEL (trace, debug, info, warn, error), default info. */
export function openLog(service: string): Log {
  return pino({
    name: service,
    level: process.env.HERMOD_LOG_LEVEL ?? 'info',
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}

/** An error's message for a log line or an answer: one line, without a stack. */
export const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message || error.name : String(error)).replaceAll(/\s+/g, ' ').slice(0, 300);
