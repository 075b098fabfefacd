// The client's end of callbacks, a process of its own: answers each and counts them by message.
import { startResponder } from './responder.ts';
import { answer, now } from './rig.ts';

/** One entry per message of the run: how often it was called back; and when the last call came, in ms of `now()`. */
export type Calls = { times: Uint8Array; lastAt: number };
export type SinkApi = {
  start(): Promise<number>;
  begin(run: { first: number; most: number }): void;
  progress(): { calls: number };
  end(): Calls;
};

if (import.meta.main) {
  let first = 0;
  let calls = 0;
  let lastAt = 0;
  let times = new Uint8Array(0);
  const { port } = await startResponder('200 OK', (target) => {
    const message = Number(target.slice(1, 9)) - first;
    if (!(message >= 0 && message < times.length)) return;
    calls++;
    lastAt = now();
    if (times[message]! < 255) times[message]!++;
  });
  const api: SinkApi = {
    start: async () => port,
    begin(run) {
      first = run.first;
      calls = 0;
      lastAt = 0;
      times = new Uint8Array(run.most);
    },
    progress: () => ({ calls }),
    end: () => ({ times, lastAt }),
  };
  answer(api);
}
