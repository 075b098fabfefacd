// How a command fails: one line for the person, and an exit code for scripts.

export const EXIT = { fine: 0, fault: 1, usage: 2, notFound: 3 } as const;

export class Fault extends Error {
  override name = 'Fault';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.fault) {
    super(message);
    this.exitCode = exitCode;
  }
}

export const usageFault = (message: string) => new Fault(message, EXIT.usage);
export const notFound = (message: string) => new Fault(message, EXIT.notFound);
