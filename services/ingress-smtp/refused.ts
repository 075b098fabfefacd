// A refusal as SMTP says it: RFC 5321 reply code, RFC 3463 status, and words for the person who must act, in ASCII.
const MOST_TEXT = 400;

export class Refused extends Error {
  override name = 'Refused';
  /** Read by smtp-server. */
  readonly responseCode: number;
  /** For the metric: from a closed set of words. */
  readonly reason: string;
  /** Without code and status. */
  readonly detail: string;
  /** Names of the fields that were found. */
  readonly fields: string[] | undefined;
  /** Of a log-in: what the caller is not told. */
  denial?: { detail: string; client?: string; claimed?: string };

  constructor(responseCode: number, status: string, detail: string, reason: string, fields?: string[]) {
    super(`${status} ${detail}`.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, MOST_TEXT));
    this.responseCode = responseCode;
    this.reason = reason;
    this.detail = detail;
    this.fields = fields;
  }
}
