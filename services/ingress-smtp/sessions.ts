// What the door remembers of each connection: since when, from where, how often a login failed, and whether a mail of it
// is between its last octet and its answer.

type Session = { at: number; address: string; failedLogins: number; taking: boolean };

export class Sessions {
  readonly #sessions = new Map<string, Session>();
  readonly #perAddress = new Map<string, number>();

  /** Gives how many connections this address has now. */
  open(id: string, address: string): number {
    const count = (this.#perAddress.get(address) ?? 0) + 1;
    this.#perAddress.set(address, count);
    this.#sessions.set(id, { at: performance.now(), address, failedLogins: 0, taking: false });
    return count;
  }

  close(id: string): void {
    const session = this.#sessions.get(id);
    if (!session) return;
    this.#sessions.delete(id);
    const left = (this.#perAddress.get(session.address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(session.address, left);
    else this.#perAddress.delete(session.address);
  }

  /** Gives how often the login has failed. */
  loginFailed(id: string): number {
    const session = this.#sessions.get(id);
    return session ? ++session.failedLogins : Number.POSITIVE_INFINITY;
  }

  setTaking(id: string, taking: boolean): void {
    const session = this.#sessions.get(id);
    if (session) session.taking = taking;
  }

  isTaking(id: string): boolean {
    return this.#sessions.get(id)?.taking ?? false;
  }

  isOlderThan(id: string, ms: number): boolean {
    const session = this.#sessions.get(id);
    return session !== undefined && performance.now() - session.at > ms;
  }
}
