// What a mail is once it was read. Apart from the reading (read-mail.ts), whose libraries only the reader's thread loads.

/** What rules look at. Line ends are LF, and nothing is trimmed. */
export type Mail = {
  /** Of the header; '' when it has none. */
  subject: string;
  /** The text parts; a mail that has only HTML, as text. */
  text: string;
  messageId?: string;
  /** Addresses of the header, for `hermod rule`, which sees no envelope. */
  from: string;
  to: string[];
};

/** The mail cannot be read. The message says why, without any of its content. */
export class Unreadable extends Error {
  override name = 'Unreadable';
}
